"""Schedules: when they are due, how they are kept, and the scheduler that makes their runs."""
