"""The one seam to the Prefect REST API: transports below it, sessions (one per operation) above it."""

from gateway.upstream.client import Readiness, Session, Upstream
from gateway.upstream.transport import Transport, api_root, embedded, http_client, remote

__all__ = ["Readiness", "Session", "Transport", "Upstream", "api_root", "embedded", "http_client", "remote"]
