"""The one seam to the Prefect REST API: transports below it, sessions (one per operation) above it."""

from gateway.upstream.answers import Answer
from gateway.upstream.client import Readiness, Session, Upstream
from gateway.upstream.sharing import Flight, Flights
from gateway.upstream.transport import Transport, api_root
from gateway.upstream.ways import embedded, remote

__all__ = [
    "Answer",
    "Flight",
    "Flights",
    "Readiness",
    "Session",
    "Transport",
    "Upstream",
    "api_root",
    "embedded",
    "remote",
]
