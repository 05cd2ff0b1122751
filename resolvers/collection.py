"""What a collection of the REST API is: rows, a filter, a sort, and how they are read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Annotated, Any, get_args

import strawberry
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

Row = dict[str, Any]
"""A row is the JSON object that the upstream sent, decoded."""

DECLARED: list["Collection"] = []
"""Every collection, in the order of declaration."""


@dataclass(frozen=True, eq=False)
class Collection:
    """A REST collection, declared once.

    The path of its routes and the group of its filter in a body are `name`, unless `route` and `group` say otherwise.
    `filters` is the path of the composite input where its `/filter` takes the groups of other collections too; without
    it, the own filter is the whole argument.
    """

    name: str
    row: type[BaseModel]
    filter: type[BaseModel] | None = None
    sort: type[Enum] | None = None
    default_sort: Enum | None = None
    filters: str | None = None
    actions: Mapping[str, Any] = field(default_factory=dict)
    """The mutations, by their names; see `resolvers.actions`."""
    reads: Mapping[str, Any] = field(default_factory=dict)
    """The root fields of what else its routes read, by their names; see `resolvers.readings`."""
    route: str | None = None
    """Where its routes are: "/v2/concurrency_limits"."""
    group: str | None = None
    """The group of its own filter in a body."""
    singular: str | None = None
    """The name of one row, where it is not the collection's without its "s"."""
    named: str | None = None
    """Route that reads a row by its name: "/flows/name/{name}"."""
    listed: str | None = None
    """Route that gives the rows of one parent as a whole list, where there is no `/filter`."""
    within: str | None = None
    """Route that filters the rows of one parent, where there is no `/filter` for those of all."""
    options: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    """Further arguments of a read, each a key of a `/filter` body: name -> (annotation, description)."""
    base: Row = field(default_factory=dict)
    """What every `/filter` body says, unless an option says it."""
    hidden: Row = field(default_factory=dict)
    """What the own filter must say for a read by key to find the rows that a filter hides by default."""
    tokens: bool = False
    """Whether its pages follow each other by tokens that the upstream hands out; its order is a key of its own filter."""
    stored: bool = True
    """Whether the embedded server keeps its rows in a table of their own."""
    bulk: bool = True
    """Whether `/filter` reads many by `id.any_`; else each is read by `GET /{name}/{id}`."""
    item: bool = True
    """Whether rows can be read by id at all."""
    by_id: str | None = None
    """Route that reads a row by an id, where it is not "/{id}" after its path."""
    offsets: bool = True
    """Whether `/filter` skips rows by an `offset`; else they are read and left out."""
    short_pages: bool = False
    """Whether a page may be short though more rows follow, as some are left out once it is cut: the largest lacks the fewest."""
    countable: bool = True
    """Whether there is a `/count`."""

    def __post_init__(self) -> None:
        """Let relations that name the row type find the collection."""
        DECLARED.append(self)

    @property
    def filter_type(self) -> Any:
        """The annotation of the `filter` argument."""
        return lazy(self.filters) if self.filters else self.filter

    @property
    def path(self) -> str:
        """Where its routes are."""
        return self.route or f"/{self.name}"

    @property
    def own(self) -> str:
        """The group of its own filter in a body."""
        return self.group or self.name

    @property
    def one(self) -> str:
        """The name of one row."""
        return self.singular or self.name.removesuffix("s")

    def body(self, arguments: Row) -> Row:
        """Translate the arguments of a read into the groups and options of a REST body."""
        chosen = arguments.get("filter")
        groups = chosen.model_dump(mode="json", exclude_unset=True) if chosen is not None else {}
        if not self.filters:
            groups = {self.own: groups} if groups else {}
        options = {name: arguments[name] for name in self.options if arguments.get(name)}
        return {name: group for name, group in groups.items() if group is not None} | self.base | options


class Paired:
    """Marks a field of objects, each of which REST gives in a pair with its id: `[id, object]`."""


@cache
def paired(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of a model whose objects come in pairs."""
    return tuple(name for name, declared in model.model_fields.items() if Paired in declared.metadata)


@cache
def shape(model: type[BaseModel]) -> tuple[Row, dict[str, type[BaseModel]]]:
    """Return the values of the keys that may be absent, and the models of the objects within, by key."""
    defaults: Row = {}
    within: dict[str, type[BaseModel]] = {}
    for name, declared in model.model_fields.items():
        value = declared.get_default(call_default_factory=True, validated_data={})
        if value is not PydanticUndefined:
            defaults[name] = value.value if isinstance(value, Enum) else value
        inner = next(models(declared.annotation), None)
        if inner:
            within[name] = inner
    return defaults, within


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find the models in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def completed(model: type[BaseModel], row: Row) -> Row:
    """Fill in the keys that an older upstream left out, in the objects within too."""
    defaults, within = shape(model)
    filled = row if defaults.keys() <= row.keys() else {**defaults, **row}
    if pairs := paired(model):
        filled = filled | {name: unpaired(filled[name]) for name in pairs if name in filled}
    inner = {name: completed_within(part, filled[name]) for name, part in within.items() if filled.get(name)}
    return {**filled, **inner} if inner else filled


def unpaired(pairs: Any) -> Any:
    """Take the objects out of their pairs; what is no pair stays as it is, and is no object."""
    if not isinstance(pairs, list):
        return pairs
    return [pair[1] if isinstance(pair, list | tuple) and len(pair) == 2 else pair for pair in pairs]


def completed_within(model: type[BaseModel], value: Any) -> Any:
    """Fill in the keys that an older upstream left out of an object or of a list of them; all else stays."""
    if isinstance(value, list):
        return [completed_within(model, each) for each in value]
    return completed(model, value) if isinstance(value, dict) else value


def collection_of(row: type[BaseModel]) -> Collection:
    """Return the collection that rows of a type are read from."""
    return next(collection for collection in DECLARED if collection.row is row)


def lazy(path: str) -> Any:
    """Name a GraphQL type by its path, "schema.flows.Flow", so that modules need not import each other."""
    module, name = path.rsplit(".", 1)
    return Annotated[name, strawberry.lazy(module)]


def named(path: str) -> Any:
    """Find what a path names."""
    module, name = path.rsplit(".", 1)
    return getattr(import_module(module), name)
