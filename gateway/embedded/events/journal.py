"""The journal of events: each is written down with what it tells of, and whoever listens hears of it at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from gateway.embedded import stored
from gateway.embedded.events.labels import ID, ROLE, Labels
from gateway.embedded.events.tables import EVENTS, INVOLVED
from gateway.embedded.expressions import member
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
"""Whoever listens, in order."""


def emit(connection: Connection, *events: Event) -> None:
    """Write down new events, and tell the listeners."""
    if not events:
        return
    stored.add(connection, EVENTS, *({**vars(event), "resource_id": event.resource_id} for event in events))
    stored.add(connection, INVOLVED, *(row for event in events for row in _involved(event)))
    for event in events:
        for listener in LISTENERS:
            listener(connection, event)


def receive(connection: Connection, events: Iterable[Event]) -> None:
    """Write down the events of a client, which may have sent some of them before."""
    given = {event.id: event for event in events}
    known = set(connection.scalars(select(EVENTS.c.id).where(member(EVENTS.c.id, list(given)))))
    emit(connection, *(event for id_, event in given.items() if id_ not in known))


def _involved(event: Event) -> list[dict[str, Any]]:
    ids = dict.fromkeys(labels[ID] for labels in (event.resource, *event.related))
    return [{"resource_id": id_, "occurred": event.occurred, "event_id": event.id} for id_ in ids]
