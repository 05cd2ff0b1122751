"""The journal of events: each is written down with what it tells of, and whoever listens hears of it at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gateway.embedded import stored
from gateway.embedded.events.labels import ID, ROLE, Labels
from gateway.embedded.events.tables import EVENTS, INVOLVED
from gateway.embedded.moments import now, time_ordered_id


@dataclass(frozen=True)
class Event:
    """Something that happened to a resource; resources are described by labels, of which `prefect.resource.id` is one.

    `related` are the other resources that it involves, each with its `prefect.resource.role`.
    """

    event: str
    resource: Labels
    related: list[Labels] = field(default_factory=list)
    payload: dict[str, Any] = field(default_factory=dict)
    occurred: datetime = field(default_factory=now)
    id: str = field(default_factory=time_ordered_id)
    follows: str | None = None
    received: datetime = field(default_factory=now)

    @property
    def resource_id(self) -> str:
        return self.resource[ID]

    def related_in(self, role: str) -> Labels | None:
        """Return the first related resource in a role."""
        return next((labels for labels in self.related if labels[ROLE] == role), None)


Listener = Callable[[Connection, Event], None]
"""Hears of an event in the transaction that writes it, which may be run again: it reads and writes only by the connection."""

LISTENERS: list[Listener] = []
"""Whoever listens to events as they come."""

IN_ORDER: list[Listener] = []
"""Whoever listens to each event after the one that it follows."""


def emit(connection: Connection, *events: Event) -> None:
    """Write down new events of the server itself, and tell the listeners."""
    if events:
        write_down(connection, events)
        tell(connection, events)
        tell_in_order(connection, events)


def write_down(connection: Connection, events: Sequence[Event]) -> None:
    """Write down new events, and which resources they involve."""
    stored.add(connection, EVENTS, *({**vars(event), "resource_id": event.resource_id} for event in events))
    found = (involved(event.id, event.occurred, event.resource, event.related) for event in events)
    stored.add(connection, INVOLVED, *(row for rows in found for row in rows))


def tell(connection: Connection, events: Sequence[Event]) -> None:
    """Tell events to those that listen as they come."""
    for event in events:
        for listener in LISTENERS:
            listener(connection, event)


def tell_in_order(connection: Connection, events: Sequence[Event]) -> None:
    """Tell events to those that need their order."""
    for event in events:
        for listener in IN_ORDER:
            listener(connection, event)


def involved(id_: str, occurred: datetime, resource: Labels, related: Sequence[Labels]) -> list[dict[str, Any]]:
    """Return the rows that tell which resources an event involves."""
    ids = dict.fromkeys(labels[ID] for labels in (resource, *related))
    return [{"resource_id": found, "occurred": occurred, "event_id": id_} for found in ids]
