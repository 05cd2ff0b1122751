"""Demo data: a small data platform's flows and a week of their runs, the same for the same seed."""

from gateway.demo.filling import fill, is_unfilled
from gateway.demo.plan import FlowRun, plan
from gateway.demo.progress import fill_and_tell, fill_new

SEED = 1
"""The seed where none is asked for."""

__all__ = ["SEED", "FlowRun", "fill", "fill_and_tell", "fill_new", "is_unfilled", "plan"]
