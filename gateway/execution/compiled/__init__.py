"""The compiled executor: operations that come again are executed by plans, a level of all rows at a time."""

from gateway.execution.compiled.executor import CompiledExecutor
from gateway.execution.compiled.plan import Outcome
from gateway.execution.compiled.plans import Plans

__all__ = ["CompiledExecutor", "Outcome", "Plans"]
