"""What goes into the execution of one operation, and what comes out."""

import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One operation as a client asks for it: by its text, by its id, or by both.

    `deadline` is in event-loop time; `authorization` is the caller's whole header; `trace` asks for the upstream calls;
    `read_only` refuses mutations (a GET must not change anything). `id` is that of a persisted document; `automatic`
    says that it is the SHA-256 hash of an automatic persisted query.
    """

    query: str
    deadline: float
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None
    authorization: str | None = None
    trace: bool = False
    ftv1: bool = False
    """Whether a router asks for `extensions.ftv1`, the tree of the answer's fields."""
    read_only: bool = False
    id: str | None = None
    automatic: bool = False
    together: Any = None
    """Of several queries that are executed together, an `Opened`."""

    def asked(self) -> tuple[Hashable, ...] | None:
        """Return what identical requests of one caller have in common; None where JSON cannot hold the variables."""
        try:
            variables = msgspec.json.encode(self.variables)
        except (ValueError, OverflowError):  # half a surrogate pair, a number beyond 64 bits
            return None
        return (self.authorization, self.query, self.operation_name, variables)


@dataclass(frozen=True)
class Answer:
    """The answer to one operation, its errors in the shape of the GraphQL specification ("Response").

    `status` is the HTTP status for `application/graphql-response+json`. For `application/json` it is 200 for
    whatever was well formed, `status` otherwise. Without `executed` there was no execution, and there is no `data`.
    """

    data: Any = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    extensions: dict[str, Any] = field(default_factory=dict)
    executed: bool = True
    status: int = 200
    well_formed: bool = True

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON object: errors first, as the specification advises."""
        body: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        if self.executed:
            body["data"] = self.data
        if self.extensions:
            body["extensions"] = self.extensions
        return body

    @property
    def told(self) -> tuple[Any, ...]:
        """What it tells of the operation, whatever it took to find it."""
        return self.data, self.errors

    @cached_property
    def _content(self) -> bytes:
        return as_json(self.body())

    def content(self) -> bytes:
        """Return the answer as JSON in UTF-8, written once for all who share it."""
        return self._content


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a batch, a JSON array; the HTTP status says nothing of each."""

    each: list[Answer]
    status: int = 200
    well_formed: bool = True

    def content(self) -> bytes:
        """Return the answers as JSON in UTF-8."""
        return b"[" + b",".join([answer.content() for answer in self.each]) + b"]"


def as_json(body: dict[str, Any]) -> bytes:
    """Write JSON in UTF-8."""
    try:
        return msgspec.json.encode(body)
    except (OverflowError, RecursionError):
        # A row's JSON may have numbers longer than the 64 bits that msgspec writes, or be nested very deeply.
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
