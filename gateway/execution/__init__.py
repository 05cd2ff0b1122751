"""From the text of an operation to its answer: documents, limits, execution, errors."""

from gateway.execution.parts import Parts
from gateway.execution.request import Answer, GraphQLRequest
from gateway.execution.run import Execution, Session, Upstream

__all__ = ["Answer", "Execution", "GraphQLRequest", "Parts", "Session", "Upstream"]
