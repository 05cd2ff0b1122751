"""Deployments: created, changed, run, and told of."""
