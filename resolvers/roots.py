"""What a root field reads that is no connection, as data that every executor understands."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from resolvers.collection import Collection, Row
from resolvers.context import Context

Route = tuple[str, str] | tuple[Collection, int]
"""A call by its method and its path, or rows of a collection by so many keys."""


@dataclass(frozen=True)
class Root:
    """A read in two steps, as nothing is read before the arguments of all root fields are checked."""

    check: Callable[[Row], Any]
    """Makes what is asked of the arguments, or raises BadUserInput."""
    read: Callable[[Context, Any, set[str]], Awaitable[Any]]
    """Reads what is asked: a row, rows, `Found` rows of any type, a number.

    It is told the types that fragments in the field's selection are conditioned on.
    """
    needed: Sequence[tuple[type[BaseModel], str]] = ()
    """The keys of rows that the read itself looks at, besides their id, each with the rows' type."""
    routes: Callable[[Any, set[str]], list[Route]] | None = None
    """Tells what will be read for what is asked, where that can be told."""
