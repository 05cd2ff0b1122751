"""Root fields of a plan that are no connections: one row, rows of any type by id, a count, a history."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import GraphQLOutputType
from pydantic import BaseModel

from gateway.execution.compiled.failures import Failure, Failures, Path
from gateway.execution.compiled.steps import Run, Selection, Values, completed, regular, together
from resolvers.context import Context
from resolvers.nodes import Found

Read = Callable[[Context, Any, set[str]], Awaitable[Any]]


class Root(Protocol):
    """A field at the root; all arguments are evaluated before the first of them reads."""

    key: str

    @property
    def asked(self) -> Values:
        """Evaluates the arguments."""

    async def value(self, run: Run, asked: Any) -> Any:
        """Return the field's value."""

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads within it."""


@dataclass
class Constant:
    """The field `__typename`."""

    key: str
    name: str

    def asked(self, _run: Run) -> None:
        """Need no arguments."""

    async def value(self, _run: Run, _asked: None) -> str:
        """Return the name."""
        return self.name

    def failures(self, _failures: Failures, _value: Any, _path: Path) -> Iterator[Failure]:
        """Find nothing."""
        return iter(())


@dataclass
class ReadScalar:
    """A number, a text, a truth value or JSON, or a list of them."""

    key: str
    read: Read
    asked: Values
    kind: GraphQLOutputType

    async def value(self, run: Run, asked: Any) -> Any:
        """Return the scalar."""
        with run.reading((self.key,)):
            value = await self.read(run.context, asked, set())
        return completed(self.kind, value)

    def failures(self, _failures: Failures, _value: Any, _path: Path) -> Iterator[Failure]:
        """Find nothing: a failed read is left to graphql-core."""
        return iter(())


@dataclass
class ReadRows:
    """A row or a list of rows, of one type or (`Found`) of several."""

    key: str
    read: Read
    asked: Values
    types: set[str]
    """What the fragments in the selection are conditioned on."""
    selections: Mapping[type[BaseModel] | None, Selection]
    """By the rows' model; None where all rows are of one."""

    async def value(self, run: Run, asked: Any) -> Any:
        """Return the row or the rows."""
        with run.reading((self.key,)):
            found = await self.read(run.context, asked, self.types)
        if isinstance(found, list):
            return await self._made(run, [regular(each) for each in found])
        return (await self._made(run, [found]))[0]

    async def _made(self, run: Run, found: Sequence[Any]) -> list[Any]:
        made: list[Any] = [None] * len(found)
        places: dict[type[BaseModel] | None, list[int]] = {}
        for index, each in enumerate(found):
            if each is not None:
                places.setdefault(_model(each), []).append(index)
        work = [
            self.selections[model].complete(run, [_row(found[index]) for index in at]) for model, at in places.items()
        ]
        for at, values in zip(places.values(), await together(work), strict=True):
            for index, value in zip(at, values, strict=True):
                made[index] = value
        return made

    def failures(self, failures: Failures, value: Any, path: Path) -> Iterator[Failure]:
        """Find the failed reads."""
        for index, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if each is not None:
                selection = next(part for part in self.selections.values() if isinstance(each, part.made))
                yield from selection.failures(failures, each, path if index is None else (*path, index))


def _row(found: Any) -> Any:
    return found.row if isinstance(found, Found) else found


def _model(found: Any) -> type[BaseModel] | None:
    return found.collection.row if isinstance(found, Found) else None
