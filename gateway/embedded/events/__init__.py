"""Events: what happened to which resource, kept in the transaction in which it happened, and heard of by others."""

from gateway.embedded.events.journal import LISTENERS, Event, Listener, emit, receive
from gateway.embedded.events.labels import Labels, labels, related, tags
from gateway.embedded.events.lifecycle import Change, lifecycle

__all__ = [
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
