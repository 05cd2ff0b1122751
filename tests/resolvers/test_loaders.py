"""When children are read together and when singly: pages over a handful of rows, written as whose they are."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from resolvers.batches import children
from resolvers.loaders import Loaders
from resolvers.reading import Slice, Window
from resolvers.rows import JsonRows
from schema.flows import Flow

FIELDS = Flow.__strawberry_definition__.fields  # type: ignore[attr-defined]  # Strawberry adds it
FLOW_RUNS = next(each.metadata["relation"] for each in FIELDS if each.python_name == "flow_runs")


@dataclass
class Rows:
    """An upstream whose sorted rows belong to the letters of a word; the calls as `letters limit+offset`."""

    word: str
    calls: list[str] = field(default_factory=list)

    async def read(self, _method: str, _path: str, body: Any = None) -> Any:
        parents, limit, offset = body["flows"]["id"]["any_"], body["limit"], body.get("offset", 0)
        self.calls.append(f"{''.join(parents)} {limit}+{offset}")
        rows = [{"id": f"{parent}{n}", "flow_id": parent} for n, parent in enumerate(self.word) if parent in parents]
        return rows[offset : offset + limit]

    async def write(self, *_: Any) -> Any:
        raise AssertionError("Nothing is written here.")


@pytest.mark.parametrize(
    ("word", "size", "offset", "first", "calls"),
    [
        # The page ends before it is full: it holds all.
        ("abc", 4, 0, 5, ["abc 4+0"]),
        # Half of the parents are done: a page for the others, from its start.
        ("aabbccdd", 4, 0, 1, ["abcd 4+0", "cd 4+0"]),
        ("aabbbccc", 4, 1, 1, ["abc 4+0", "a 2+1", "b 2+1", "c 2+1"]),
        # Fewer than half are done: each by itself.
        ("aabbbbccddeeff", 6, 0, 1, ["abcdef 6+0", "c 2+0", "d 2+0", "e 2+0", "f 2+0"]),
        ("aaaaaabc", 4, 0, 2, ["abc 4+0", "b 3+0", "c 3+0"]),
        # One is left, or there was but one: by itself, as many pages as it takes.
        ("aaab", 4, 0, 1, ["ab 4+0", "b 2+0"]),
        ("aaaaaaaaa", 4, 0, 6, ["a 4+0", "a 3+4"]),
        ("aaaaaaaaa", 4, 2, 4, ["a 4+2"]),
    ],
)
async def test_pages_go_on_while_they_finish_half(
    word: str, size: int, offset: int, first: int, calls: list[str]
) -> None:
    rest = Rows(word)
    loader = Loaders(JsonRows(rest), size).of(children, FLOW_RUNS, Window("{}", "ID_DESC", offset, first))
    parents = sorted(set(word))
    slices: dict[str, Slice] = await loader.read_many(parents)
    assert rest.calls == calls
    for parent, found in slices.items():
        own = [f"{parent}{n}" for n, each in enumerate(word) if each == parent]
        assert [row["id"] for row in found.rows] == own[offset : offset + first]
        assert found.more in {None, len(own) > offset + first}
        assert found.total in {None, len(own)}


async def test_a_full_window_does_not_know_whether_more_follow() -> None:
    """It is a page's end: another read tells."""
    loader = Loaders(JsonRows(Rows("aaaaa")), 4).of(children, FLOW_RUNS, Window("{}", "ID_DESC", 0, 4))
    found: Slice = await loader.read("a")
    assert (len(found.rows), found.more, found.total) == (4, None, None)
