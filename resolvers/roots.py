"""What a root field reads that is no connection, as data that every executor understands."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from resolvers.collection import Collection, Row
from resolvers.context import Context
from resolvers.reading import filter_path, path_of


@dataclass(frozen=True)
class Route:
    """A route that is called once."""

    method: str
    path: str


@dataclass(frozen=True)
class KeyedRoute(Route):
    """A route that gives rows by keys: `together`, as many in a call as a page has rows, or each by a call."""

    keys: int | None
    """How many keys there are, None where that is not known."""
    together: bool = False


def by_id(collection: Collection, keys: int | None) -> KeyedRoute:
    """Return the route that reads rows of a collection by so many ids."""
    if collection.bulk:
        return KeyedRoute("POST", filter_path(collection), keys, together=True)
    return KeyedRoute("GET", collection.by_id or path_of(collection, "{id}"), keys)


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
