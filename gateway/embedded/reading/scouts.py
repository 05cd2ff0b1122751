"""Scouts: how few rows a filter by tags or by a part of the name can mean, found out before the page is read.

A sort is walked along its index until the page is full. That is quick where many rows fit, and goes through all of them
where few or none do. So SQLite is asked first; few are told by their ids, which are found at once.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, exists, func, select

from gateway.embedded.expressions import like, member
from gateway.embedded.reading.queries import Groups, count
from gateway.embedded.tables import TABLES
from gateway.embedded.tables.tags import MANY, TAGS
from schema.operators import AnyIdExceptFilter, AnyIdFilter, Operator

T = TypeVar("T")

IDS: dict[str, Any] = {"flow_runs": AnyIdExceptFilter, "task_runs": AnyIdFilter}
"""The filter of ids of each table."""

FEW = 1_000
"""Rows at most that are told by their ids."""


def planned(groups: Groups, make: Callable[[Groups], T]) -> Callable[[Connection], T]:
    """Return what gives a statement to run: made at once, or over each connection anew where scouts go first."""
    if not _needs_scouts(groups):
        made = make(groups)
        return lambda _connection: made
    return lambda connection: make(scouted(connection, groups))


def counted(collection: str, groups: Groups) -> Callable[[Connection], Any]:
    """Return what counts the rows of a collection; those with some tags, and nothing else asked, are counted by the tags."""
    statement = planned(groups, lambda groups: count(collection, groups))
    filter_: Any = groups.get(collection)
    if collection in MANY and _only(groups, collection) == ["tags"] and filter_.tags.is_null_ is None:
        scouts = list(_scouts(collection, groups))
        if len(scouts) == 1:
            by_tags = select(func.count()).select_from(scouts[0].distinct().subquery())
            return lambda connection: connection.scalar(by_tags if _has_tags(connection) else statement(connection))
    return lambda connection: connection.scalar(statement(connection))


def _has_tags(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _only(groups: Groups, name: str) -> list[str]:
    """Return the fields that a body asks for, if it asks for those of one collection."""
    filter_ = groups.get(name)
    if filter_ is None or len(groups) > 1:
        return []
    return [field for field, value in filter_ if value is not None and field != "operator"]


def _needs_scouts(groups: Groups) -> bool:
    """Tell whether the filter groups of a body are worth a scout."""
    return any(True for name in MANY for _ in _scouts(name, groups))


def scouted(connection: Connection, groups: Groups) -> Groups:
    """Add to the filter groups the ids of the rows that they can mean, where these are few."""
    if not _has_tags(connection):
        return groups
    told = dict(groups)
    for name in MANY:
        filter_, ids = groups.get(name), _few(connection, name, groups)
        if filter_ is not None and ids is not None:
            told[name] = filter_.model_copy(update={"id": IDS[name](any_=ids)})
    return told


def _few(connection: Connection, name: str, groups: Groups) -> list[str] | None:
    for scout in _scouts(name, groups):
        ids = list(connection.scalars(scout.limit(FEW + 1)))
        if len(ids) <= FEW:
            return list(dict.fromkeys(ids))
    return None


def _scouts(name: str, groups: Groups) -> Iterator[Select[Any]]:
    filter_: Any = groups.get(name)
    if filter_ is None or filter_.id is not None or filter_.operator is not Operator.AND:
        return
    tags = filter_.tags
    if tags is not None and getattr(tags, "operator", Operator.AND) is Operator.AND:
        yield from _by_tags(name, tags)
    # The part of a name is looked for in every name: only where nothing else finds the rows.
    if _only(groups, name) == ["name"] and filter_.name.like_:
        table = TABLES[name]
        yield select(table.c.id).where(like(table.c.name, f"%{filter_.name.like_}%"))


def _by_tags(name: str, tags: Any) -> Iterator[Select[Any]]:
    table = TAGS[name]
    if tags.all_:
        first, *others = tags.all_
        also = [table.alias() for _ in others]
        has = (
            exists(select(1).where(a.c.tag == tag, a.c.id == table.c.id)) for a, tag in zip(also, others, strict=True)
        )
        yield select(table.c.id).where(table.c.tag == first, *has)
    if getattr(tags, "any_", None):
        yield select(table.c.id).where(member(table.c.tag, tags.any_))
