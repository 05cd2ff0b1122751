"""The ways to a REST API: a remote server by its URL, or an ASGI app in this process."""

import logging

from starlette.types import ASGIApp

from gateway.upstream.over_asgi import AsgiTransport
from gateway.upstream.transport import Transport, api_root

try:
    from gateway.upstream.over_pyreqwest import PyreqwestTransport
except ImportError:  # no wheel for this machine
    PyreqwestTransport = None  # type: ignore[assignment, misc]

_log = logging.getLogger(__name__)


def remote(url: str, longest: float = 60.0) -> Transport:
    """Return the transport to a server by the URL of its API, such as `http://127.0.0.1:4200/api`.

    `longest` is in seconds: no call takes longer, whoever waits for it.
    """
    root = api_root(url)
    if PyreqwestTransport is not None:
        try:
            return PyreqwestTransport(root, longest)
        except ValueError as unfit:
            _log.warning("pyreqwest cannot be used, httpx takes several times its CPU: %s", unfit)
    from gateway.upstream.over_httpx import HttpxTransport  # noqa: PLC0415  5 MB that are seldom needed

    return HttpxTransport(root)


def embedded(app: ASGIApp, prefix: str = "") -> Transport:
    """Return the transport to an ASGI app in this process whose API's root is at `prefix`."""
    return AsgiTransport(app, prefix)
