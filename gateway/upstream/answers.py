"""What the upstream answered, as JSON or as an error that says what failed in the upstream's own words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson

from gateway.upstream.transport import BrokenOff, TransportFault, Unsent
from resolvers.errors import BY_STATUS, Lacking, Unavailable, UpstreamError, UpstreamTimeout

_LONGEST = 500  # characters of the upstream's words
_TOLD = 3  # problems of a 422 that are told; the others are counted
_ROOT = "is the URL the API's root, ending in /api?"
_UNSURE = " The write may or may not have happened: look before you repeat it."
_NO_ROUTE = "Not Found"
# Pydantic's names, of both major versions, for keys, values and shapes that a model does not know.
_UNKNOWN = {"extra_forbidden", "value_error.extra", "enum", "type_error.enum", "literal_error", "model_attributes_type"}
T = TypeVar("T")

_LOGIN = " Send an Authorization header, or set PREFECT_GRAPHQL_API_KEY or PREFECT_GRAPHQL_API_AUTH_STRING."


class Call(NamedTuple):
    """One request to the upstream; equal reads are the same question by the same caller."""

    authorization: str | None
    method: str
    path: str
    body: bytes | None
    writes: bool

    @property
    def collection(self) -> str:
        """The first segment of the path."""
        return self.path.split("/", 2)[1].partition("?")[0]

    def __str__(self) -> str:
        return f"{self.method} {_bounded(self.path, 150)}"


@dataclass(frozen=True)
class Answer:
    """A whole answer, shared by all who asked: its JSON is read, never changed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    _rows: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def json(self) -> Any:
        """The decoded body, None for an empty one; raises `orjson.JSONDecodeError`."""
        return orjson.loads(self.body) if self.body else None

    def rows(self, decoder: msgspec.json.Decoder[T]) -> T:
        """Return what the decoder makes of the body, once for all who share the answer; raises `msgspec.MsgspecError`, UnicodeDecodeError."""
        try:
            rows: T = self._rows[decoder]
        except KeyError:
            if not self.body.isascii():
                self.body.decode()  # msgspec does not look into what it copies or skips
            rows = self._rows[decoder] = decoder.decode(self.body)
        return rows

    @property
    def count(self) -> int | None:
        """The length of a good answer that is a list."""
        try:
            return len(self.json) if self.status < 300 and isinstance(self.json, list) else None
        except orjson.JSONDecodeError:
            return None

    @property
    def is_html(self) -> bool:
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"


def may_be_older(answer: Answer) -> bool:
    """Tell whether a server of another version may have answered this: it does not know a route, a key or a value."""
    if answer.status == 422:
        return any(problem.get("type") in _UNKNOWN for problem in _problems(answer))
    return is_lacking(answer)


def is_lacking(answer: Answer) -> bool:
    """Tell whether the server has no such route: Prefect words the 404s of rows, the framework those of routes."""
    return answer.status == 405 or (answer.status == 404 and _words(answer) == _NO_ROUTE)


def _problems(answer: Answer) -> list[dict[str, Any]]:
    try:
        body = answer.json
    except orjson.JSONDecodeError:
        return []
    told = body.get("exception_detail") or body.get("detail") if isinstance(body, dict) else None
    return [problem for problem in told if isinstance(problem, dict)] if isinstance(told, list) else []


def decoded(call: Call, answer: Answer) -> Any:
    """Return the JSON of a good answer, None for an empty body; raises an `UpstreamError` where it is none."""
    try:
        return answer.json
    except orjson.JSONDecodeError as invalid:
        problem = (
            f"HTML instead of JSON: {_ROOT}" if answer.is_html else f"invalid JSON ({_bounded(str(invalid), 100)})."
        )
        raise _error(UpstreamError, call, f"answered {call} with {problem}", answer.status, unsure=True) from None


def failed(call: Call, fault: TransportFault) -> UpstreamError:
    """Return the error for a call that had no whole answer."""
    if isinstance(fault, Unsent):
        return _error(Unavailable, call, f"cannot be reached: {call} was not sent.")
    if isinstance(fault, BrokenOff):
        return _error(UpstreamError, call, f"broke off in its answer to {call}.", unsure=True)
    return _error(Unavailable, call, f"closed the connection before it answered {call}.", unsure=True)


def too_late(call: Call) -> UpstreamError:
    """Return the error for a call that the operation's deadline ended."""
    return _error(UpstreamTimeout, call, f"did not answer {call} before the operation's deadline.", unsure=True)


def refusal(call: Call, answer: Answer, version: str | None = None) -> UpstreamError:
    """Return the error that an answer without success means; `version` is the server's, where that matters."""
    status, words = answer.status, _words(answer)
    told = f"answered {call} with {_phrase(status)}"
    if version and is_lacking(answer):
        return _error(Lacking, call, f"has no {call}: the server's version is {version}.", status)
    # The API words its 404s: one without is another server's, and must not pass for a row that does not exist.
    if status < 400 or is_lacking(answer) or (status == 404 and not words):
        return _error(Lacking if is_lacking(answer) else UpstreamError, call, f"{told}: {_ROOT}", status)
    kind = BY_STATUS.get(status, UpstreamError)
    if status >= 500:
        # Its words are left out: those of a server that failed may hold its internals.
        return _error(kind, call, f"{told}.", status, unsure=True)
    advice = _LOGIN if status == 401 else f" The server's version is {version}." if version else ""
    return _error(kind, call, f"{told}: {words}.{advice}" if words else f"{told}.{advice}", status)


def _error(
    kind: type[UpstreamError], call: Call, told: str, status: int | None = None, *, unsure: bool = False
) -> UpstreamError:
    doubt = _UNSURE if unsure and call.writes else ""
    return kind(f"The Prefect API {told}{doubt}", status=status, method=call.method, path=call.path)


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}"


def _words(answer: Answer) -> str:
    """Return what the API says about its refusal, bounded; empty where it says nothing."""
    try:
        body = answer.json
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(body, dict):
        return ""
    told = (body.get(key) for key in ("exception_message", "detail", "exception_detail"))
    return _bounded(": ".join(_text(words).strip().rstrip(".") for words in told if words), _LONGEST)


def _text(words: Any) -> str:
    if isinstance(words, str):
        return words.partition("Traceback (most recent call last)")[0]
    if isinstance(words, list):
        rest = [f"and {len(words) - _TOLD} more"] if len(words) > _TOLD else []
        return "; ".join([*map(_text, words[:_TOLD]), *rest])
    if isinstance(words, dict) and "msg" in words:
        return f"{'.'.join(map(str, words.get('loc', ())))}: {words['msg']}"
    return orjson.dumps(words).decode()


def _bounded(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
