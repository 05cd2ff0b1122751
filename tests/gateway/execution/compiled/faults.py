"""What goes wrong upstream, from a seed: refused calls, answers that make no sense, rows with bad values."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

import orjson

from gateway.upstream.transport import BrokenOff, Lost, Unsent
from resolvers.names import graphql_name
from tests.gateway.execution.compiled.values import BAD, Row

if TYPE_CHECKING:
    from tests.gateway.execution.compiled.upstream import Request

REFUSALS: list[tuple[int, bytes]] = [
    (status, body)
    for status in (400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504)
    for body in (b'{"detail":"Not \xe2\x80\xa8 now"}', b"", b"{", b'{"exception_message":"No"}')
] + [
    (204, b""),
    (301, b""),
    (405, b'{"detail":"Method Not Allowed"}'),
    (404, b"<html>"),
    (422, b'{"detail":[{"loc":["body","limit"],"msg":"too many"},{"loc":["x"],"msg":"y"}]}'),
]
NONSENSE = [
    b"",
    b"null",
    b"{}",
    b"[]",
    b"[[]]",
    b"[null]",
    b"[5]",
    b"[{}]",
    b"5",
    b"-1",
    b"1.0",
    b"true",
    b'"5"',
    b"[",
    b"[{}",
    b"[{}]]",
    b"[{]}",
    b"{'a': 1}",
    b"NaN",
    b'["\\ud800"]',
    b"<html></html>",
    b'{"id": null}',
    b"18446744073709551616",
]
OTHER_ID = "00000000-0000-0000-0000-000000000099"
SPOILT_LISTS: list[Callable[[list[Any]], list[Any]]] = [
    lambda rows: [*rows, None],
    lambda rows: [None, *rows],
    lambda rows: [*rows, 5],
    lambda rows: [*rows, "nonsense"],
    lambda rows: [*rows, []],
    lambda rows: [*rows, {}],
    lambda rows: [*rows, *rows],
    lambda rows: [*rows, *rows[:1]],
    lambda rows: rows[1:],
    lambda rows: rows[:-1],
    lambda rows: rows[::-1],
    lambda rows: [*rows, *({**row, "name": "another"} for row in rows[:1])],
    lambda rows: [*rows, *({**row, "id": OTHER_ID} for row in rows[:1])],
    lambda rows: [*({**row, "id": OTHER_ID} for row in rows[:1]), *rows],
]


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong, in parts of 1: none by default.

    `calls` fail, `answers` make no sense, `lists` have items too many or too few, `rows` have bad values, most of them in
    fields that `mentioned` (a document's text) names; `foreign` answers are written otherwise than Prefect writes.
    """

    seed: int = 0
    calls: float = 0
    answers: float = 0
    lists: float = 0
    rows: float = 0
    foreign: bool = False
    mentioned: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.calls or self.answers or self.lists or self.rows or self.foreign)

    def reply(self, request: "Request", right: Callable[[], tuple[int, Any]]) -> tuple[int, bytes]:
        """Answer a request: rightly, or with a fault that this request always meets. Raises a `TransportFault`."""
        rng = random.Random(request.number ^ self.seed)  # noqa: S311  test data
        route = random.Random(crc32(request.path.encode()) ^ self.seed)  # noqa: S311  test data
        if rng.random() < self.calls or route.random() < self.calls / 2:
            if rng.random() < 0.1:
                raise rng.choice([Unsent, Lost, BrokenOff])("as the test wants it")
            return rng.choice(REFUSALS)
        if rng.random() < self.answers:
            return 200, rng.choice(NONSENSE)
        status, answer = right()
        if status == 200 and rng.random() < self.lists:
            answer = _spoilt_answer(answer, rng)
        return status, self._written(answer)

    def row(self, collection: str, row: Row) -> Row:
        """Return a row as it is served: the same each time."""
        if not self.rows:
            return row
        rng = random.Random(crc32(row["id"].encode(), self.seed) ^ crc32(collection.encode()))  # noqa: S311  test data
        if rng.random() >= self.rows:
            return row
        return self._spoilt(row, rng, rng.choice((1, 1, 2, 5)))

    def _spoilt(self, row: Row, rng: random.Random, most: int) -> Row:
        named = [key for key in row if self._names(key)]
        served = dict(row)
        for key in rng.choices(named if named and rng.random() < 0.9 else list(row), k=most):
            inner = served.get(key)
            parts = inner if isinstance(inner, list) else [inner]
            if inner and parts[0] and isinstance(parts[0], dict) and rng.random() < 0.7:
                spoilt = self._spoilt(parts[0], rng, 1)
                served[key] = [spoilt, *parts[1:]] if isinstance(inner, list) else spoilt
            elif rng.random() < 0.15:
                served.pop(key, None)
            else:
                served[key] = rng.choice(BAD)
        if rng.random() < 0.2:
            served["unknown"] = rng.choice(BAD)
        return served

    def _names(self, key: str) -> bool:
        name = graphql_name(key)
        return name in self.mentioned or name.removesuffix("Id").removesuffix("Name") in self.mentioned

    def _written(self, answer: Any) -> bytes:
        if self.foreign:
            return json.dumps(answer, indent=1).encode()
        try:
            return orjson.dumps(answer)
        except orjson.JSONEncodeError:  # an integer of more than 64 bits
            return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _spoilt_answer(answer: Any, rng: random.Random) -> Any:
    if isinstance(answer, list):
        return rng.choice(SPOILT_LISTS)(answer)
    if isinstance(answer, dict) and "id" not in answer:  # a number for each of some parents
        return {**answer, **dict.fromkeys([*answer][:1], rng.choice(BAD))}
    return rng.choice(BAD)


def drawn(rng: random.Random, mentioned: str) -> Faults:
    """Draw what goes wrong in a case."""
    rates = {name: rng.choice((0.05, 0.1, 0.3)) for name in ("calls", "answers", "lists", "rows")}
    kept = rng.choice([("rows",), ("rows",), ("calls",), ("answers",), ("lists",), tuple(rates)])
    return Faults(rng.getrandbits(31), **{name: rates[name] for name in kept}, mentioned=mentioned)
