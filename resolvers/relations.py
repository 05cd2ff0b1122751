"""Relations between collections, as data: what a batch reads, and by which key its rows are grouped."""

from dataclasses import dataclass
from functools import cached_property

from resolvers.collection import Collection, Row, collection_of, named
from resolvers.errors import BadUserInput
from resolvers.names import graphql_name


@dataclass(frozen=True)
class Via:
    """A key that stands in another row: `key` names that row, of the type at `row`, whose `target` is meant."""

    key: str
    row: str
    target: str

    @cached_property
    def collection(self) -> Collection:
        """The collection that the row between is read from."""
        return collection_of(named(self.row))


@dataclass(frozen=True)
class Many:
    """A route that counts the children of many parents at once, unfiltered: `{ids: [...]}` gives `{id: number}`.

    `unless`, the leaf of a filter on the parents' collection: the route leaves out children that stand for such rows,
    so that it is right only where there are none.
    """

    path: str
    ids: str
    unless: str | None = None


@dataclass(frozen=True)
class BelongsTo:
    """A row's parent: the row of the type at `parent` whose `by` is the row's `key`."""

    parent: str
    key: str | Via
    by: str = "id"

    @cached_property
    def collection(self) -> Collection:
        """The parents' collection."""
        return collection_of(named(self.parent))


@dataclass(frozen=True, eq=False)
class HasMany:
    """A row's children: rows of `child` whose `key` is the row's `by`.

    A read selects parents by their own `group` beside the child's filter, which REST combines by AND; where there is
    only a `leaf` inside the child's filter, the client's `operator: OR` would undo it and is refused.
    """

    child: Collection | str
    key: str | Via
    group: str | None = None
    leaf: str | None = None
    by: str = "id"
    counts: Many | None = None

    @cached_property
    def collection(self) -> Collection:
        """The children's collection."""
        return collection_of(named(self.child)) if isinstance(self.child, str) else self.child

    @property
    def place(self) -> tuple[str, str]:
        """Where a body names the parents: the group and its leaf."""
        return (self.group, self.by) if self.group else (self.collection.own, self.leaf or self.by)

    def check(self, groups: Row) -> None:
        """Refuse a filter whose OR would let other parents' children in."""
        name, leaf = self.place
        group = groups.get(name) or {}
        for where, condition in (((name,), group), ((name, leaf), group.get(leaf) or {})):
            if condition.get("operator") == "or_":
                msg = f"The filter on `{'.'.join(map(graphql_name, where))}` can't use `operator: OR` here: it is what selects the children of each row. Use AND."
                raise BadUserInput(msg)

    def allowed(self, groups: Row, parents: list[str]) -> list[str]:
        """Leave the parents that the client's own filter on them lets through."""
        name, leaf = self.place
        chosen = ((groups.get(name) or {}).get(leaf) or {}).get("any_")
        return parents if chosen is None else [parent for parent in parents if parent in set(chosen)]

    def body(self, groups: Row, parents: list[str]) -> Row:
        """Add the parents to a body's groups."""
        name, leaf = self.place
        group = groups.get(name) or {}
        return {**groups, name: {**group, leaf: {**(group.get(leaf) or {}), "any_": parents}}}


@dataclass(frozen=True)
class Listed:
    """A row's children that REST gives as one list, by a GET for each parent (the collection's route `listed`)."""

    collection: Collection


Relation = BelongsTo | HasMany | Listed
