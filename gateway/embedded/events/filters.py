"""Filters of events to SQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal_column, or_, select
from sqlalchemy.types import Text

from gateway.embedded.events.labels import ID, NAME, ROLE
from gateway.embedded.events.tables import EVENTS, INVOLVED
from gateway.embedded.expressions import any_element, label, member
from gateway.embedded.moments import in_utc
from gateway.embedded.reading.search import search
from schema.events import EventAnyResourceFilter, EventFilter, EventNameFilter, EventRelatedFilter, EventResourceFilter

Condition = ColumnElement[bool]
Labels = ColumnElement[Any]

PAST = timedelta(days=180)
"""How far back is looked where nothing says how far."""

ELEMENT: Labels = literal_column("element.value")
"""One of the related resources of an event."""

WILDCARDS = str.maketrans({"*": "%", "?": "_", "\\": "\\\\", "%": "\\%", "_": "\\_"})


def name_of(labels: Labels) -> ColumnElement[str]:
    """Return what a resource is called."""
    return func.coalesce(label(labels, NAME), label(labels, "prefect.name"), label(labels, ID))


def span(filter_: EventFilter) -> tuple[datetime, datetime]:
    """Return from when to when events are asked for."""
    now = datetime.now(UTC)
    occurred = filter_.occurred
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = in_utc(occurred.since) if occurred and occurred.since else midnight - PAST
    return since, in_utc(occurred.until) if occurred and occurred.until else now


def conditions(filter_: EventFilter) -> list[Condition]:
    """Return the conditions that a filter puts on events, but for the time and for that one of each resource is wanted."""
    found: list[Condition] = []
    if filter_.event:
        found += _name(filter_.event)
    if filter_.resource:
        found += _resource(filter_.resource)
    for related in filter_.related or ():
        found += _related(related)
    for involved in filter_.any_resource or ():
        found += _involved(involved)
    if filter_.id and filter_.id.id:
        found.append(member(EVENTS.c.id, filter_.id.id))
    if filter_.text:
        found += search(_text(), filter_.text.query)
    return found


def _text() -> ColumnElement[Any]:
    parts = [EVENTS.c[name].cast(Text()) for name in ("event", "resource", "related", "payload")]
    return reduce(lambda text, part: text + " " + part, parts[1:], parts[0])


def _starts(column: ColumnElement[str], prefixes: list[str]) -> Condition:
    return or_(*(column.startswith(prefix, autoescape=True) for prefix in prefixes))


def _name(filter_: EventNameFilter) -> Iterator[Condition]:
    name = EVENTS.c.event
    if filter_.prefix:
        yield _starts(name, filter_.prefix)
    if filter_.exclude_prefix:
        yield ~_starts(name, filter_.exclude_prefix)
    if filter_.name:
        yield member(name, filter_.name)
    if filter_.exclude_name:
        yield ~member(name, filter_.exclude_name)


def _resource(filter_: EventResourceFilter) -> Iterator[Condition]:
    if filter_.id:
        yield member(EVENTS.c.resource_id, filter_.id)
    if filter_.id_prefix:
        yield _starts(EVENTS.c.resource_id, filter_.id_prefix)
    yield from _labels(EVENTS.c.resource, filter_.labels)


def _related(filter_: EventRelatedFilter) -> Iterator[Condition]:
    """Let one related resource fit all that is given; those that are named find the events without a look at others."""
    pairs = filter_.resources_in_roles or []
    holds = list(_labels(ELEMENT, filter_.labels))
    if filter_.id:
        holds.append(member(label(ELEMENT, ID), filter_.id))
        yield _involves(filter_.id)
    if filter_.role:
        holds.append(member(label(ELEMENT, ROLE), filter_.role))
    if pairs:
        yield _involves([id_ for id_, _ in pairs])
        holds.append(or_(*(and_(label(ELEMENT, ID) == id_, label(ELEMENT, ROLE) == role) for id_, role in pairs)))
    if holds:
        yield any_element(EVENTS.c.related, and_(*holds))


def _involved(filter_: EventAnyResourceFilter) -> Iterator[Condition]:
    if filter_.id:
        yield _involves(filter_.id)
    if filter_.id_prefix or filter_.labels:
        yield or_(and_(*_any(EVENTS.c.resource, filter_)), any_element(EVENTS.c.related, and_(*_any(ELEMENT, filter_))))


def _any(labels: Labels, filter_: EventAnyResourceFilter) -> Iterator[Condition]:
    if filter_.id:
        yield member(label(labels, ID), filter_.id)
    if filter_.id_prefix:
        yield _starts(label(labels, ID), filter_.id_prefix)
    yield from _labels(labels, filter_.labels)


def _involves(ids: list[str]) -> Condition:
    return EVENTS.c.id.in_(select(INVOLVED.c.event_id).where(member(INVOLVED.c.resource_id, ids)))


def _labels(labels: Labels, wanted: dict[str, Any] | None) -> Iterator[Condition]:
    """Each label fits one of its patterns; an empty list fits nothing."""
    for name, patterns in (wanted or {}).items():
        listed = patterns if isinstance(patterns, list) else [patterns]
        yield or_(false(), *(_fits(label(labels, name), str(pattern)) for pattern in listed))


def _fits(value: ColumnElement[str], pattern: str) -> Condition:
    """Tell whether a label fits a pattern; one that is not there fits none, not even one that is negated."""
    fits = value.like(pattern.removeprefix("!").translate(WILDCARDS), escape="\\")
    return case((value.is_(None), false()), else_=~fits if pattern.startswith("!") else fits)
