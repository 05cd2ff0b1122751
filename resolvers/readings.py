"""The factory of root fields that read one route which is no page of a collection: a status, a graph, a number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import BaseModel
from strawberry import UNSET

from resolvers.actions import Body, body_of, plain
from resolvers.collection import Row, named
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.fields import Arguments, path_arguments, root
from resolvers.ids import path_argument
from resolvers.reading import fill, query
from resolvers.roots import Root, Route

Asked = tuple[str, Row | None]


@dataclass(frozen=True)
class Reading:
    """A root field that reads `method path`, null where the route finds nothing.

    `path` stands after the collection's own; the parameters of both are arguments. The others make the body, or the query string
    of a GET. `model` is that of the row that is answered (of the rows, where `many`), or its path where it is
    declared later; without one the answer is a scalar.
    """

    method: str
    path: str
    returns: Any
    description: str
    model: type[BaseModel] | str | None = None
    many: bool = False
    body: Body = field(default_factory=dict)
    parameters: Arguments = field(default_factory=dict)
    """The arguments of its path that are neither ids nor names."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Keys that this route has under other names."""
    valid: Callable[[Row], None] = lambda _: None
    """Checks the arguments beyond their types; raises BadUserInput."""
    silent: Any = None
    """What is answered where REST answers nothing."""
    directives: Sequence[object] = ()
    """The directives of the field in the schema."""

    def check(self, route: str, arguments: Row) -> Asked:
        """Return the path and the body of what is asked; raises BadUserInput."""
        self.valid(arguments)
        within = path_arguments(route)
        path = fill(route, *(path_argument(name, plain(arguments[name])) for name in within))
        body = body_of(self.body, {name: None if value is UNSET else value for name, value in arguments.items()})
        if isinstance(body, dict):
            body = {self.renamed.get(name, name): value for name, value in body.items()}
        return (path + query(body or {}), None) if self.method == "GET" else (path, {} if body is None else body)

    async def read(self, context: Context, asked: Asked, _types: set[str]) -> Any:
        """Read it."""
        path, body = asked
        model = named(self.model) if isinstance(self.model, str) else self.model
        try:
            if model is None:
                answer = await context.rest.read(self.method, path, body)
                return self.silent if answer is None else answer
            if self.many:
                return await context.rows.read(model, self.method, path, body)
            return await context.rows.read_one(model, self.method, path, body)
        except NotFound:
            return None


def read_field(reading: Reading, collection_path: str = "") -> Any:
    """Make the root field."""
    route = f"{collection_path}{reading.path}"
    arguments: Arguments = {
        **path_arguments(route),
        **reading.parameters,
        **{name: (annotation, default) for name, (annotation, default, _) in reading.body.items()},
    }
    return root(
        Root(partial(reading.check, route), reading.read, routes=lambda _asked, _types: [Route(reading.method, route)]),
        reading.returns,
        arguments,
        f"{reading.description} ({reading.method} {route})",
        directives=reading.directives,
    )


def read_fields(readings: Mapping[str, Reading], collection_path: str = "") -> dict[str, Any]:
    """Make the root fields of some readings."""
    return {name: read_field(reading, collection_path) for name, reading in readings.items()}
