"""Runs: flow runs and task runs, created, put into states, resumed, and what ends those whose time has passed."""
