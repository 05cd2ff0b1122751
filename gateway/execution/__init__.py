"""From the text of an operation to its answer: documents, limits, execution, errors."""

from gateway.execution.batch import run_batch
from gateway.execution.parts import Parts
from gateway.execution.request import Answer, Answers, GraphQLRequest
from gateway.execution.run import Admitted, Execution
from gateway.execution.seams import Session, Upstream

__all__ = [
    "Admitted",
    "Answer",
    "Answers",
    "Execution",
    "GraphQLRequest",
    "Parts",
    "Session",
    "Upstream",
    "run_batch",
]
