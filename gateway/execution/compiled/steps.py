"""The steps of a plan: what is selected of rows, their parents, their connections; a level of all rows at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphql import FieldNode, get_nullable_type, is_list_type, is_non_null_type

from gateway.execution.compiled.failures import Failure, Failures, Path
from gateway.execution.compiled.irregular import Irregular
from gateway.execution.compiled.source import Project
from gateway.execution.times import Keys, Times
from resolvers.batches import by, keys_of
from resolvers.context import Context
from resolvers.relations import BelongsTo


@dataclass
class Run:
    """One execution of a plan."""

    context: Context
    variables: Any
    """The coerced variables, as graphql-core has them."""
    times: Times | None = None
    """Takes the times of reads, where a trace of fields is asked for."""
    failures: Failures = field(default_factory=Failures)

    def reading(self, field: Keys) -> AbstractContextManager[None]:
        """Take the time in which a field reads."""
        return self.times.reading(field) if self.times else nullcontext()


async def together(work: Sequence[Awaitable[Any]]) -> list[Any]:
    """Await all, whatever becomes of them, and raise what one of them raised."""
    if len(work) == 1:
        return [await work[0]]
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


class Field(Protocol):
    """A field of rows that is read beside them."""

    key: str
    """Its key in the response."""

    async def values(self, run: Run, rows: Sequence[Any]) -> Sequence[Any]:
        """Return the field's value for each row."""

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads within a value that stands at a path of the answer."""


@dataclass
class Selection:
    """What is selected of rows of one type."""

    positions: list[int] = field(default_factory=list)
    """Where the objects of the answer hold the values of `fields`."""
    fields: list[Field] = field(default_factory=list)
    project: Project = field(default=list)
    made: type[Any] = object
    """The Struct of an object of the answer."""

    async def complete(self, run: Run, rows: Sequence[Any]) -> list[Any]:
        """Make the answer's object of each row."""
        if not rows:
            return []
        if not self.fields:
            return self.project(rows)
        return self.project(rows, *await together([each.values(run, rows) for each in self.fields]))

    def failures(self, failures: Failures, made: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads within an object of the answer."""
        if made is None:
            return
        names = made.__struct_fields__
        for position, each in zip(self.positions, self.fields, strict=True):
            yield from each.failures(failures, getattr(made, names[position]), (*path, each.key))


@dataclass
class Parent:
    """The field of each row's parent: the distinct ones are read in one batch and projected once."""

    key: str
    path: Keys
    nodes: Sequence[FieldNode]
    relation: BelongsTo
    selection: Selection

    async def values(self, run: Run, rows: Sequence[Any]) -> Sequence[Any]:
        """Return the parent of each row."""
        loaders = run.context.loaders
        with run.reading(self.path):
            keys = await keys_of(loaders, self.relation.key, rows)
            distinct = [key for key in dict.fromkeys(keys) if key]
            if not distinct:
                return [None] * len(rows)
            found = await by(loaders, self.relation.collection, self.relation.by).read_many(distinct)
        made: dict[str | None, Any] = {}
        for key, row in found.items():
            if isinstance(row, BaseException):
                made[key] = run.failures.null(row)
        read = [key for key, row in found.items() if row is not None and key not in made]
        made |= zip(read, await self.selection.complete(run, [found[key] for key in read]), strict=True)
        return list(map(made.get, keys))

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads."""
        error = failures.at(value)
        if error is not None:
            yield Failure(error, self.nodes, path)
        else:
            yield from self.selection.failures(failures, value, path)


def regular(value: Any) -> Any:
    """Return what was read; a failure is left to graphql-core."""
    if isinstance(value, BaseException):
        raise Irregular(repr(value)) from value
    return value


def number(value: Any) -> int | None:
    """Check a count as GraphQL's Int."""
    if regular(value) is not None and not -(2**31) <= value < 2**31:
        raise Irregular(f"{value} is beyond 32 bits")
    counted: int | None = value
    return counted


def completed(kind: Any, value: Any) -> Any:
    """Return a scalar as GraphQL writes it, a list of them item by item."""
    if regular(value) is None:
        if is_non_null_type(kind):
            raise Irregular("a scalar is missing")
        return None
    inner = get_nullable_type(kind)
    if is_list_type(inner):
        if not isinstance(value, list):
            raise Irregular(f"{type(value)} is no list")
        return [completed(inner.of_type, each) for each in value]
    try:
        return inner.serialize(value)
    except Exception as unfit:
        raise Irregular(str(unfit)) from unfit


Values = Callable[[Run], Any]
"""Evaluates the arguments of a field; what is wrong with them is Irregular."""
