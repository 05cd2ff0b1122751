"""What a hop does to every request that it passes on: its own headers are left out, the path stays as the caller wrote it."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from urllib.parse import quote

from starlette.types import Scope

Fields = list[tuple[bytes, bytes]]

# RFC 9110, 7.6.1. `expect` is answered by the server that we run under.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade".split()
)
OF_REQUESTS = HOP_BY_HOP | {b"host", b"expect"}

LEADS_OUT = "The path must not hold . or .. segments."


def leads_out(scope: Scope) -> bool:
    """Tell whether some servers would take the path out of the API, with our credential."""
    return any(segment in {".", ".."} for segment in scope["path"].split("/"))


def passed_on(fields: Iterable[tuple[bytes, bytes]], dropped: AbstractSet[bytes]) -> Fields:
    """Return the headers but for those that are dropped, or that `Connection` names."""
    fields = list(fields)
    named = {
        name.strip().lower() for field, value in fields if field.lower() == b"connection" for name in value.split(b",")
    }
    return [(name, value) for name, value in fields if name.lower() not in dropped | named]


def target_below(scope: Scope) -> bytes:
    """Return the path below the place where the proxy is mounted, and the query, as the caller encoded them."""
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    return _path_below(scope) + query


def _path_below(scope: Scope) -> bytes:
    mount = scope.get("root_path", "")
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    if raw.startswith(mount.encode()):
        return raw.removeprefix(mount.encode())
    return quote(scope["path"].removeprefix(mount)).encode()
