"""Subscriptions: what the upstream tells of is followed once for all who want it, and answered to each."""

from gateway.live.streams import Streams
from gateway.live.subscriber import Subscriber

__all__ = ["Streams", "Subscriber"]
