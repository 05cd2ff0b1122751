"""What goes wrong upstream, from a seed: refused calls, answers that make no sense, rows with bad values."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from gateway.upstream.transport import BrokenOff, Lost, Unsent
from resolvers.names import graphql_name
from tests.gateway.execution.compiled.values import BAD, KEYS, NEAR, Row

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
MALFORMED = [
    b"01",
    b"-",
    b"+1",
    b"1.",
    b".5",
    b"NaN",
    b"tru",
    b"'a'",
    b'"\x01"',
    b'"\\x41"',
    b'"\\ud800"',
    b'"\\u12"',
    b"[1,]",
    b"{,}",
    b'{"a" 1}',
    b"[" * 1_100 + b"]" * 1_100,
    b'"\xff"',
    b'"\xed\xa0\x80"',
]
"""What is no JSON, or none that is taken."""
ODD = [b"[" * 300 + b"]" * 300, b'{"\\u0069d":1}', b"1E2", b"1e-400", b"-0", b"[ \t\r\n]", b'"\x7f\\/"']
"""What is JSON."""
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
    fields that `mentioned` (a document's text) names, or only at one `key`, alike in all rows; `foreign` answers write the
    same JSON in other bytes.
    """

    seed: int = 0
    calls: float = 0
    answers: float = 0
    lists: float = 0
    rows: float = 0
    foreign: bool = False
    key: str = ""
    mentioned: str = field(default="", repr=False)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(re.findall(r"\w+", self.mentioned))

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
        status, answer = right()
        if rng.random() < self.answers:
            return 200, rng.choice((rng.choice(NONSENSE), _miswritten(self._written(answer), rng)))
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
        if self.key:
            return self._spoilt_at(row, self.key)
        return self._spoilt(row, rng)

    def _spoilt_at(self, value: Any, key: str) -> Any:
        """Spoil one key and nothing else: so a fault is not hidden behind others."""
        if isinstance(value, list):
            return [self._spoilt_at(part, key) for part in value]
        if not isinstance(value, dict):
            return value
        served = {name: self._spoilt_at(part, key) for name, part in value.items()}
        if key in served:
            _spoil(served, key, random.Random(self.seed))  # noqa: S311  test data
        return served

    def _spoilt(self, row: Row, rng: random.Random) -> Row:
        """Spoil some keys, here and in the objects within."""
        served = dict(row)
        named = [key for key in row if self.names(key)] or list(row)
        for key in rng.choices(named if rng.random() < 0.9 else list(row), k=rng.choice((1, 1, 2, 5))):
            inner = served.get(key)
            parts = inner if isinstance(inner, list) else [inner]
            if inner and parts[0] and isinstance(parts[0], dict) and rng.random() < 0.7:
                spoilt = self._spoilt(parts[0], rng)
                served[key] = [spoilt, *parts[1:]] if isinstance(inner, list) else spoilt
            else:
                _spoil(served, key, rng)
        if rng.random() < 0.2:
            served["unknown"] = rng.choice(BAD)
        return served

    def names(self, key: str) -> bool:
        """Tell whether the document has a field that reads a key."""
        name = graphql_name(key)
        return not self._words.isdisjoint({name, name.removesuffix("Id"), name.removesuffix("Name")})

    def _written(self, answer: Any) -> bytes:
        if self.foreign:
            return json.dumps(answer, indent=1).encode()
        try:
            return msgspec.json.encode(answer)
        except OverflowError:  # an integer of more than 64 bits
            return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _miswritten(text: bytes, rng: random.Random) -> bytes:
    """Write an answer so that it is no JSON somewhere, or is unusual JSON."""
    start, brace, rest = text.partition(b"{") if rng.random() < 0.5 else text.rpartition(b"{")
    changed = [
        start + brace + b'"x":' + rng.choice(MALFORMED + ODD) + (b"," if rest[:1] != b"}" else b"") + rest,
        start
        + brace
        + b'"id":'
        + rng.choice(ODD)
        + (b"," if rest[:1] != b"}" else b"")
        + rest,  # the last of two counts
        text.replace(b'"id":', b'"\\u0069d":'),
        text[: -rng.randrange(1, 9)],
        text + rng.choice((b"]", b"x", b",", b" \n", b"\0")),
        b"\xef\xbb\xbf" + text,
        b" " + text,
    ]
    return rng.choice(changed)


def _spoil(row: Row, key: str, rng: random.Random) -> None:
    """Take a key away, or give it another value: nearly a right one rather often."""
    if rng.random() < 0.15:
        row.pop(key, None)
    else:
        row[key] = rng.choice(NEAR[type(row.get(key))] if rng.random() < 0.6 else BAD)


def _spoilt_answer(answer: Any, rng: random.Random) -> Any:
    if isinstance(answer, list):
        return rng.choice(SPOILT_LISTS)(answer)
    if isinstance(answer, dict) and "id" not in answer:  # a number for each of some parents
        return {**answer, **dict.fromkeys([*answer][:1], rng.choice(BAD))}
    return rng.choice(BAD)


def drawn(rng: random.Random, mentioned: str) -> Faults:
    """Draw what goes wrong in a case."""
    rates = {name: rng.choice((0.1, 0.3)) for name in ("calls", "answers", "lists", "rows")}
    kept = rng.choice([("rows",), ("rows",), ("rows",), ("calls",), ("answers",), ("lists",), tuple(rates)])
    faults = Faults(rng.getrandbits(31), **{name: rates[name] for name in kept}, mentioned=mentioned)
    keys = [key for key in KEYS if faults.names(key)]
    one = kept == ("rows",) and keys and rng.random() < 0.7
    return replace(faults, foreign=rng.random() < 0.1, key=rng.choice(keys) if one else "")
