"""The factory of fields that change something: each is one action of the REST API, declared as data."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any
from urllib.parse import quote

import strawberry
from pydantic import BaseModel
from strawberry import UNSET

from resolvers.batches import by
from resolvers.collection import Collection, Row, completed
from resolvers.context import Context, context_of
from resolvers.errors import UpstreamError
from resolvers.fields import Arguments, path_arguments, told, typed
from resolvers.ids import id_argument, path_argument
from resolvers.reading import fill
from resolvers.rest import Untold
from resolvers.roots import Route, by_id
from resolvers.rows import objects
from resolvers.selection import fields

Body = Mapping[str, tuple[Any, Any, str]]
"""Arguments that make a body: name -> (annotation, default, key in the body).

The key "" is the whole body, "*" an object whose keys are the body's, such as the groups of a composite filter.
"""


@dataclass(frozen=True)
class Done:
    """An action that was carried out, and what it answered."""

    context: Context
    info: Any
    owner: Collection | None
    path: str
    arguments: Row
    answer: Any

    @property
    def collection(self) -> Collection:
        """Whose action it was; those of the server as a whole have none."""
        if self.owner is None:
            msg = f"{self.path} belongs to no collection"
            raise LookupError(msg)
        return self.owner


@dataclass(frozen=True)
class Action:
    """A mutation: `method path` with a body made of arguments; `result` makes the field's value of the answer.

    `path` stands after the collection's own ("/{id}/set_state"); the parameters of both are arguments, ids where they are
    named so.
    """

    method: str
    path: str
    result: Callable[[Done], Awaitable[Any]]
    returns: Any
    description: str
    body: Body = field(default_factory=dict)
    secret: bool = False
    """Whether the body holds secrets."""


ONLY_ID = {"id", "__typename"}
"""What of a row is known without reading it."""


def plain(value: Any) -> Any:
    """Turn an argument into JSON: what is absent stays absent."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return [plain(each) for each in value] if isinstance(value, list) else value


def body_of(declared: Body, arguments: Row) -> Any:
    """Make a body of the arguments that were given."""
    given = {key: plain(arguments[name]) for name, (_, _, key) in declared.items() if arguments.get(name) is not None}
    groups = {name: group for name, group in given.pop("*", {}).items() if group is not None}
    return given.get("", {**given, **groups} or None)


def action_field(collection: Collection | None, action: Action) -> Any:
    """Make the mutation's field; an action of no collection has its whole path itself."""
    route = f"{collection.path if collection else ''}{action.path}"
    within = path_arguments(route)
    arguments: Arguments = {
        **within,
        **{name: (annotation, default) for name, (annotation, default, _) in action.body.items()},
    }

    async def resolve(info: strawberry.Info, **given: Any) -> Any:
        context = context_of(info)
        path = fill(route, *(path_argument(name, given[name]) for name in within))
        body = body_of(action.body, given)
        try:
            answer = await context.rest.write(action.method, path, Untold(body) if action.secret else body)
        finally:
            context.forget()  # also after a failure: the write may have happened
        return await action.result(Done(context, info, collection, path, given, answer))

    return strawberry.field(
        resolver=typed(resolve, arguments),
        graphql_type=action.returns,
        description=f"{action.description} ({action.method} {route})",
        metadata={"action": Change(collection, action, route)},
    )


@dataclass(frozen=True)
class Change:
    """What a mutation does: an action of a collection, at a route."""

    collection: Collection | None
    action: Action
    route: str

    def back(self, selected: set[str]) -> list[Route]:
        """Tell what its result reads for the fields that are selected, as it is not in the answer."""
        back = _BACK.get(self.action.result)
        return back(self, selected) if back else []


Back = Callable[[Change, set[str]], list[Route]]
Result = Callable[[Done], Awaitable[Any]]

_BACK: dict[Result, Back] = {}


def reads_back(back: Back) -> Callable[[Result], Result]:
    """Declare what a result reads."""

    def declare(result: Result) -> Result:
        _BACK[result] = back
        return result

    return declare


def at(route: str | None) -> Back:
    """Tell of one read, at a route; without one, where the change was made."""
    return lambda change, _selected: [Route("GET", route or change.route)]


async def row(done: Done) -> Row:
    """Return the row that the action answered."""
    return answered_row(done, done.collection)


def answered_row(done: Done, collection: Collection) -> Row:
    """Take the answer for a row of a collection, or raise an UpstreamError."""
    (answer,) = objects([done.answer], done.path)
    return completed(collection.row, answer)


def answered_rows(done: Done, model: type[BaseModel]) -> list[Row]:
    """Take the answer for rows of a model, or raise an UpstreamError."""
    return [completed(model, row) for row in objects(done.answer, done.path)]


def _changed(change: Change, selected: set[str]) -> list[Route]:
    return [] if selected <= ONLY_ID or change.collection is None else [by_id(change.collection, 1)]


@reads_back(_changed)
async def changed(done: Done) -> Any:
    """Return the row that was changed; REST answers nothing, so it is read where more than its id is selected."""
    key = id_argument("id", done.arguments["id"])
    if fields(done.info) <= ONLY_ID:
        return {"id": key}
    return await by(done.context.loaders, done.collection).read(key)


@reads_back(at(None))
async def changed_by_name(done: Done) -> Any:
    """Return the row that was changed, read where it was changed, or by its new name."""
    path, new = done.path, getattr(done.arguments["input"], "name", None)
    if new:
        path = f"{path.rpartition('/')[0]}/{quote(new, safe='')}"
    return await done.context.rows.read_one(done.collection.row, "GET", path)


async def name(done: Done) -> str:
    """Return the name of what was deleted."""
    return str(done.arguments["name"])


async def identity(done: Done) -> str:
    """Return the id of what was deleted."""
    return id_argument("id", done.arguments["id"])


async def deleted(done: Done) -> list[str]:
    """Return the ids of what was deleted."""
    return list(answered(done, "deleted"))


def answered(done: Done, key: str) -> Any:
    """Read a key of the answer, or raise an UpstreamError."""
    if not isinstance(done.answer, dict) or not isinstance(done.answer.get(key), list):
        msg = f"The upstream's answer has no list {key!r}."
        raise UpstreamError(msg, status=200, method="POST", path=done.path)
    return done.answer[key]


LIMIT = (told(int | None, "At most how many rows, from 1 to 50."), UNSET, "limit")


def given_input(annotation: Any) -> dict[str, tuple[Any, Any, str]]:
    """Declare the argument `input` that is the whole body."""
    return {"input": (told(annotation, "What is sent."), ..., "")}


def create(row_type: Any, body: type[BaseModel], *, secret: bool = False) -> Action:
    """Declare POST /{collection}/: the row is returned, new or as it was."""
    return Action("POST", "/", row, row_type | None, "Create a row.", given_input(body), secret)


def update(row_type: Any, body: type[BaseModel], *, secret: bool = False) -> Action:
    """Declare PATCH /{collection}/{id}: what is absent stays, null clears."""
    return Action(
        "PATCH",
        "/{id}",
        changed,
        row_type | None,
        "Change a row: what is absent stays, null clears.",
        given_input(body),
        secret,
    )


def delete() -> Action:
    """Declare DELETE /{collection}/{id}."""
    return Action("DELETE", "/{id}", identity, strawberry.ID | None, "Delete a row.")


def bulk_delete(group: str, filter: type[BaseModel]) -> Action:  # noqa: A002  the argument's name in the API
    """Declare POST /{collection}/bulk_delete: at most 50 rows a call."""
    return Action(
        "POST",
        "/bulk_delete",
        deleted,
        list[strawberry.ID] | None,
        "Delete the rows that a filter selects, at most `limit` of them; their ids are returned.",
        {"filter": (told(filter | None, "Which rows."), UNSET, group), "limit": LIMIT},
    )
