"""What an upstream's OpenAPI document and the GraphQL schema's declarations have differently."""

from gateway.check.accepted import ACCEPTED
from gateway.check.declared import declared
from gateway.check.differences import Difference, differences
from gateway.check.documents import documented
from gateway.check.operations import Operations
from gateway.check.unmirrored import UNMIRRORED

__all__ = ["ACCEPTED", "UNMIRRORED", "Difference", "Operations", "declared", "differences", "documented"]
