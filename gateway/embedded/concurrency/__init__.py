"""Concurrency: the slots of limits, who holds them and for how long."""
