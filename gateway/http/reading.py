"""HTTP requests to GraphQL's parameters, each checked: by GET in the URL, by POST in a JSON body."""

import asyncio
import types
from collections.abc import Coroutine, Generator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope

from gateway.http.negotiation import JSON, remembered
from gateway.http.refusal import Refusal

_TYPES = {
    "query": (str, "a string"),
    "operationName": (str, "a string"),
    "documentId": (str, "a string"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}


ASKING = (b"query=", b"documentId=", b"extensions=")
"""How a parameter of a URL begins that asks something."""


class Headers:
    """A request's headers by their names in lower case; where one comes several times, its first value."""

    def __init__(self, scope: Scope) -> None:
        self._raw: dict[bytes, bytes] = dict(reversed(list(scope["headers"])))

    def get(self, name: bytes) -> str | None:
        """Return the value of a header, None without one."""
        value = self._raw.get(name)
        return None if value is None else value.decode("latin-1")


class Disconnected(Exception):
    """The client went away before its request was whole."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of GraphQL over HTTP, section "Request Parameters".

    `id` is a `documentId` (appendix "Persisted Documents"), or the hash of an automatic persisted query; `query` may then be
    empty.
    """

    query: str
    operation_name: str | None
    variables: dict[str, Any]
    id: str | None
    automatic: bool


def from_url(scope: Scope) -> dict[str, Any]:
    """Decode the parameters of a GET; raises Refusal."""
    try:
        pairs = dict(parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise Refusal(400, "The URL's query string is not valid UTF-8.") from error
    raw: dict[str, Any] = {name: pairs[name] for name in _TYPES if name in pairs}
    for name in ("variables", "extensions"):
        if name in raw:
            raw[name] = _json(raw[name].encode() or b"null", f'The URL\'s parameter "{name}"')
    return raw


def has_query(scope: Scope) -> bool:
    """Tell whether a URL asks something; without, a browser is shown the page."""
    return any(part.startswith(ASKING) and part not in ASKING for part in scope["query_string"].split(b"&"))


async def from_body(headers: Headers, receive: Receive, *, limit: int, deadline: float) -> Any:
    """Read the JSON of a POST of at most `limit` bytes; raises Refusal, and Disconnected when the client leaves."""
    _check_media(headers)
    try:
        content = await _by(deadline, _body(headers, receive, limit))
    except TimeoutError as error:
        raise Refusal(
            408, "The request's body did not arrive in time (PREFECT_GRAPHQL_DEADLINE).", connection="close"
        ) from error
    return _json(content, "The request's body")


def check_batch(batch: list[Any], most: int) -> None:
    """Refuse a batch of none or of more than `most` requests, any batch where `most` is 0; raises Refusal."""
    if not most:
        raise Refusal(
            400,
            "Batches are not supported here (PREFECT_GRAPHQL_MAX_BATCH): send one operation a request, an object, not an array.",
        )
    if not 1 <= len(batch) <= most:
        raise Refusal(400, f"A batch has 1 to {most} operations (PREFECT_GRAPHQL_MAX_BATCH), not {len(batch)}.")


def parameters(raw: Any) -> Parameters:
    """Check decoded parameters; null counts as absent. Raises Refusal."""
    if not isinstance(raw, dict):
        raise Refusal(400, 'The request\'s body must be a JSON object: {"query": "...", "variables": {...}}.')
    for name, (type_, words) in _TYPES.items():
        if raw.get(name) is not None and not isinstance(raw[name], type_):
            raise Refusal(400, f'The parameter "{name}" must be {words} or null.')
    query = raw.get("query") or ""
    automatic = _automatic(raw.get("extensions") or {})
    id_ = raw.get("documentId") or automatic
    if not query.strip() and id_ is None:
        raise Refusal(400, 'The parameter "query" is missing: send the text of a GraphQL operation.')
    return Parameters(
        query,
        raw.get("operationName") or None,
        raw.get("variables") or {},
        id_,
        automatic=automatic is not None and not raw.get("documentId"),
    )


def _automatic(extensions: Mapping[str, Any]) -> str | None:
    """Return the hash of an automatic persisted query; raises Refusal."""
    match extensions.get("persistedQuery"):
        case None:
            return None
        case {"version": 1, "sha256Hash": str(hash_)} if hash_:
            return hash_
    raise Refusal(400, '"extensions.persistedQuery" must be {"version": 1, "sha256Hash": "..."}.')


def _check_media(headers: Headers) -> None:
    problem = _unfit(headers.get(b"content-type"))
    if problem is not None:
        raise Refusal(415, problem, accept_post=JSON)
    if (headers.get(b"content-encoding") or "identity").lower() != "identity":
        raise Refusal(415, "A compressed body is not supported: send it plain.", accept_encoding="identity")


@remembered
def _unfit(content_type: str | None) -> str | None:
    """Say what is wrong with a type. Only JSON: any web page can send a form or text/plain in its visitor's name (CSRF)."""
    media, *options = (part.strip() for part in (content_type or "").lower().split(";"))
    if media != JSON:
        return f"The content type must be {JSON}, not {media[:100] or 'absent'}."
    charset = next((option[8:].strip('" ') for option in options if option.startswith("charset=")), "utf-8")
    return None if charset in {"utf-8", "utf8"} else f"The charset must be utf-8, not {charset[:100]}."


async def _body(headers: Headers, receive: Receive, limit: int) -> bytes:
    length = headers.get(b"content-length") or "0"
    if length.isdecimal() and int(length[:20]) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _by(deadline: float, work: Coroutine[Any, Any, bytes]) -> bytes:
    """Return the result of work that must be done by the deadline; raises TimeoutError.

    A clock costs a tenth of what a request costs here, and nearly every body is there at once: it starts where one waits.
    """
    try:
        awaited = work.send(None)
    except StopIteration as done:
        return cast("bytes", done.value)
    async with asyncio.timeout_at(deadline):
        return await _continued(work, awaited)


@types.coroutine
def _continued(work: Coroutine[Any, Any, bytes], awaited: Any) -> Generator[Any, Any, bytes]:
    """Await work that was begun and waits, as `yield from` would have."""
    try:
        while True:
            try:
                sent = yield awaited
            except BaseException as thrown:  # noqa: BLE001 - whatever it is, it is the work's
                awaited = work.throw(thrown)
            else:
                awaited = work.send(sent)
    except StopIteration as done:
        return cast("bytes", done.value)


def _too_large(limit: int) -> Refusal:
    # The server drops what still comes; closing the connection on it would reset it, and the client not see why.
    return Refusal(413, f"The request's body is larger than {limit} bytes (PREFECT_GRAPHQL_MAX_BODY).")


def _json(content: bytes, what: str) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"{what} is not valid JSON: {error}.") from error
