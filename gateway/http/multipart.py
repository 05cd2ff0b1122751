"""Answers in parts over HTTP: `multipart/mixed`, in the formats of incremental delivery that clients know.

Of 2022: https://github.com/graphql/graphql-spec/tree/48cf7263a71a683fab03d45d309fd42d8d9a6659/spec
Now: https://specs.apollo.dev/incremental/v0.2/, which graphql-core 3.3 makes.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from starlette.types import Send

from gateway.execution import Parts
from gateway.execution.parts import Part
from gateway.execution.request import as_json
from gateway.http.encoding import IDENTITY, LONG, Coding
from gateway.http.negotiation import GRAPHQL, JSON, choices, remembered

Raw = list[tuple[bytes, bytes]]

MULTIPART = "multipart/mixed"

# Each delimiter goes with the part before it: clients show a part when they have seen its end.
_DELIMITER = b"\r\n---"
_HEAD = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"
_END = b"--\r\n"


class Format(NamedTuple):
    """A format of the parts; `parameter` names it in `Accept` and in `Content-Type`."""

    parameter: str
    write: Callable[["Pending", Part], Part | None]


class Pending:
    """What was announced and is not complete; `starts` tells of each streamed list how many items came with it."""

    def __init__(self, starts: dict[tuple[str | int, ...], int]) -> None:
        self._starts = starts
        self._announced: dict[str, Part] = {}
        self._given: dict[str, int] = {}

    def of_2022(self, part: Part) -> Part | None:
        """Write a part in the format of 2022: each payload names its whole path; None for one that only announces."""
        for announced in part.get("pending", ()):
            self._announced[announced["id"]] = announced
        payloads = [self._payload(each) for each in part.get("incremental", ())]
        payloads += [self._failure(each) for each in part.get("completed", ()) if each.get("errors")]
        for completed in part.get("completed", ()):
            self._announced.pop(completed["id"], None)
        written = {key: value for key, value in part.items() if key not in {"pending", "incremental", "completed"}}
        if payloads:
            written["incremental"] = payloads
        return written if payloads or "data" in part or not part["hasNext"] else None

    def _payload(self, payload: Part) -> Part:
        written = {key: value for key, value in payload.items() if key not in {"id", "subPath"}}
        place = self._place(payload["id"], payload.get("subPath", []))
        if "items" in payload:
            self._given[payload["id"]] = self._given.get(payload["id"], 0) + len(payload["items"])
        return {**written, **place}

    def _failure(self, completed: Part) -> Part:
        place = self._place(completed["id"], [])
        kind = "items" if tuple(self._announced[completed["id"]]["path"]) in self._starts else "data"
        return {kind: None, "errors": completed["errors"], **place}

    def _place(self, id_: str, below: list[str | int]) -> Part:
        announced = self._announced[id_]
        path = [*announced["path"], *below]
        start = self._starts.get(tuple(announced["path"]))
        if start is not None:
            path.append(start + self._given.get(id_, 0))
        return {"path": path} | ({"label": announced["label"]} if announced.get("label") else {})


FORMATS = (
    Format("deferSpec=20220824", Pending.of_2022),
    Format("incrementalSpec=v0.2", lambda _pending, part: part),
    Format("incrementalDeliverySpec=3283f8a", lambda _pending, part: part),
    Format("incrementalDeliverySpec=20230621", lambda _pending, part: part),
)
"""The first is that of clients that name none: urql and Relay place payloads by their paths.

The others are one, by its names in Apollo Client, Apollo Server and Apollo Kotlin.
"""


@remembered
def accepted(accept: str | None) -> Format | None:
    """Return the format in which a client takes parts; None where it takes none, or likes an answer as a whole better.

    Only its name says that a client takes parts: no range like `*/*` does.
    """
    formats = {each.parameter.lower(): each for each in FORMATS} | {"": FORMATS[0]}
    named = choices(accept or "")
    least = max((choice.quality for choice in named if choice.name in {JSON, GRAPHQL}), default=0.0)
    liked = [
        choice
        for choice in named
        if choice.name == MULTIPART and choice.quality >= least and ";".join(choice.parameters) in formats
    ]
    best = max(liked, key=lambda choice: choice.quality, default=None)
    return formats[";".join(best.parameters)] if best and best.quality else None


async def send_parts(send: Send, parts: Parts, format_: Format, coding: Coding, headers: Raw) -> None:
    """Send an answer and end it, each part as soon as it is there and the one before has left."""
    try:
        await _send(send, parts, format_, coding, headers)
    finally:
        await parts.aclose()


async def _send(send: Send, parts: Parts, format_: Format, coding: Coding, headers: Raw) -> None:
    media = f'{MULTIPART}; boundary="-"; {format_.parameter}'.encode()
    headers = [*headers, (b"content-type", media), (b"x-accel-buffering", b"no")]
    if coding is not IDENTITY:
        headers.append((b"content-encoding", coding.name.encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    pack = coding.packer()
    pending = Pending(parts.starts)
    before = _DELIMITER
    async for part in parts:
        written = format_.write(pending, part)
        if written is None:
            continue
        last = not part["hasNext"]
        content = before + _HEAD + as_json(written) + _DELIMITER + (_END if last else b"")
        before = b""
        packed = await asyncio.to_thread(pack, content, last) if len(content) >= LONG else pack(content, last)
        await send({"type": "http.response.body", "body": packed, "more_body": not last})
        if last:
            return
