"""How rows are read and looked into: the one place that knows what a row is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel

from resolvers.collection import Row, completed
from resolvers.errors import UpstreamError
from resolvers.rest import Rest


@dataclass(frozen=True)
class Page:
    """A page of rows, how many there are in all, and the address of the next page."""

    rows: list[Any]
    total: int | None
    next_page: str | None

    @property
    def token(self) -> str:
        """What the next page is asked by; empty where there is none."""
        return urlsplit(self.next_page or "").query


class Rows(Protocol):
    """Reads rows of a model from the upstream, and the keys by which other rows are found.

    A read raises an `UpstreamError` where the answer is no list of objects (no object, for `read_one`).
    """

    rest: Rest

    async def read(self, model: type[BaseModel], method: str, path: str, body: Row | None = None) -> list[Any]:
        """Read a list of rows."""

    async def read_one(self, model: type[BaseModel], method: str, path: str, body: Row | None = None) -> Any:
        """Read one row."""

    async def read_page(
        self, model: type[BaseModel], key: str, method: str, path: str, body: Row | None = None
    ) -> Page:
        """Read an object that holds rows at a key, beside what else a page says."""

    def column(self, rows: Sequence[Any], key: str) -> list[str | None]:
        """Return a key of each row; None where it is no text."""

    def numbers(self, rows: Sequence[Any], key: str) -> list[int]:
        """Return a key of each row by which rows are sorted; 0 where it is no integer."""


class JsonRows:
    """Rows as the JSON objects that the upstream sent; what an older upstream leaves out is filled in."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    async def read(self, model: type[BaseModel], method: str, path: str, body: Row | None = None) -> list[Row]:
        """Read a list of rows."""
        answer = await self.rest.read(method, path, body)
        return [completed(model, row) for row in objects(answer, path, method)]

    async def read_one(self, model: type[BaseModel], method: str, path: str, body: Row | None = None) -> Row:
        """Read one row."""
        (row,) = objects([await self.rest.read(method, path, body)], path, method)
        return completed(model, row)

    async def read_page(
        self, model: type[BaseModel], key: str, method: str, path: str, body: Row | None = None
    ) -> Page:
        """Read an object that holds rows at a key, beside what else a page says."""
        (page,) = objects([await self.rest.read(method, path, body)], path, method)
        rows = [completed(model, row) for row in objects(page.get(key), path, method)]
        total, following = page.get("total"), page.get("next_page")
        if not isinstance(total, int | None) or isinstance(total, bool) or not isinstance(following, str | None):
            msg = "The upstream answered something else than a page of rows."
            raise UpstreamError(msg, status=200, method=method, path=path)
        return Page(rows, total, following)

    def column(self, rows: Sequence[Row], key: str) -> list[str | None]:
        """Return a key of each row; None where it is no text."""
        return [text(row, key) for row in rows]

    def numbers(self, rows: Sequence[Row], key: str) -> list[int]:
        """Return a key of each row by which rows are sorted; 0 where it is no integer."""
        return [value if isinstance(value := row.get(key), int) else 0 for row in rows]


def objects(answer: Any, path: str, method: str = "POST") -> list[Row]:
    """Take an answer for a list of objects, or raise an UpstreamError."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise UpstreamError(
            "The upstream answered something else than a list of rows.", status=200, method=method, path=path
        )
    return answer


def text(row: Row, key: str) -> str | None:
    """Read a key by which other rows are found; None where it is no text."""
    value = row.get(key)
    return value if isinstance(value, str) else None


def needed(row: Row, key: str) -> str:
    """Read a key by which other rows are found, or raise an UpstreamError where it is unusable."""
    found = text(row, key)
    return unusable(key) if found is None else found


def unusable(key: str) -> NoReturn:
    """Raise the UpstreamError of a row whose key finds nothing."""
    raise UpstreamError(f"The upstream's row has no usable `{key}`, by which this is found.")
