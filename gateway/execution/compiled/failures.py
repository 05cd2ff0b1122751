"""Failed reads of nullable fields: null in the answer's data, and an error at each place where the null stands."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from graphql import FieldNode

from gateway.execution.compiled.irregular import Irregular
from resolvers.errors import UpstreamError

Path = tuple[str | int, ...]


class Failure(NamedTuple):
    """Where a field failed: the error, the field's nodes in the document, its path in the answer."""

    error: UpstreamError
    nodes: Sequence[FieldNode]
    path: Path


class Failures:
    """The failed reads of one run: each a null of its own, by which it is found again in the answer's data."""

    def __init__(self) -> None:
        self._nulls: dict[int, tuple[msgspec.Raw, UpstreamError]] = {}

    def __bool__(self) -> bool:
        return bool(self._nulls)

    def null(self, error: BaseException) -> msgspec.Raw:
        """Return the null for a failed read; what is no failure of the upstream is Irregular."""
        if not isinstance(error, UpstreamError):
            raise Irregular(repr(error)) from error
        null = msgspec.Raw(b"null")
        self._nulls[id(null)] = (null, error)
        return null

    def at(self, value: Any) -> UpstreamError | None:
        """Return the error that a value of the answer's data stands for."""
        known = self._nulls.get(id(value)) if type(value) is msgspec.Raw else None
        return known[1] if known else None
