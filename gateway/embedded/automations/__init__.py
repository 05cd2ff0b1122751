"""Automations: what to do when events happen or fail to; kept, evaluated with each event, and carried out."""
