"""The seam to the bytes of the REST API, and what can go wrong below it."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, ValidationError

Reply = tuple[int, Mapping[str, str], bytes]

CONNECT_TIMEOUT = 5.0

# Shorter than the 5 s after which uvicorn, and so Prefect, closes an idle connection: else requests race with the close.
IDLE = 4.0

MAX_IDLE = 100


def fixed_headers(root: str) -> dict[str, str]:
    """Return the headers that every request to a remote API's root has."""
    # Compressing a page costs Prefect 1 ms and us 0.1 ms: it pays over the Internet, hence with TLS, not in one network.
    encoding = "gzip" if root.startswith("https:") else "identity"
    return {"user-agent": "prefect-graphql", "accept-encoding": encoding}


class TransportFault(Exception):
    """No whole answer came. The text is for the log: it may name internal addresses."""


class Unsent(TransportFault):
    """There was no connection, so the request was certainly not sent."""


class Lost(TransportFault):
    """The connection ended before an answer began: the request may have been carried out."""


class BrokenOff(TransportFault):
    """The answer began and did not end, or its encoding is broken."""


class Transport(Protocol):
    """Sends one request and returns the whole answer; the time it may take is the caller's business.

    `ends_cancelled` tells whether a call that is cancelled ends, its connection dropped.
    """

    ends_cancelled: bool

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Return status, headers (`content-type` and `retry-after` at least) and the decoded bytes of the body.

        `path` is relative to the API's root, with its query string. `headers` are ASCII, their names in lower case.
        Redirects are not followed, cookies not kept. Raises a `TransportFault`.
        """

    async def aclose(self) -> None:
        """Close the connections."""


def api_root(url: str) -> str:
    """Return the checked URL of an API's root without its trailing slash; raises ValueError with what to mend."""
    try:
        parts = AnyHttpUrl(url)
    except ValidationError as invalid:
        reason = invalid.errors()[0]["msg"]
        raise ValueError(f"The upstream's URL must look like http://127.0.0.1:4200/api: {reason}.") from invalid
    # AnyHttpUrl mends http:///api and http:api, which name no host.
    if not urlsplit(url).netloc:
        raise ValueError("The upstream's URL must look like http://127.0.0.1:4200/api: it names no host.")
    if parts.username or parts.password:
        raise ValueError(
            "The upstream's URL holds a password: put it in PREFECT_GRAPHQL_API_AUTH_STRING (user:password) instead."
        )
    if parts.query is not None or parts.fragment is not None:
        raise ValueError("The upstream's URL must end with the path of the API's root, such as /api.")
    return str(parts).rstrip("/")
