"""Events: what happened to which resource, kept in the transaction in which it happened, and heard of by others."""

from gateway.embedded.events.journal import IN_ORDER, LISTENERS, Event, Listener, emit
from gateway.embedded.events.labels import Labels, labels, related, tags
from gateway.embedded.events.lifecycle import Change, lifecycle
from gateway.embedded.events.order import receive

__all__ = [
    "IN_ORDER",
    "LISTENERS",
    "Change",
    "Event",
    "Labels",
    "Listener",
    "emit",
    "labels",
    "lifecycle",
    "receive",
    "related",
    "tags",
]
