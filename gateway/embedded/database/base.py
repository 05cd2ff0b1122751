"""What a database of the embedded server is: plain functions over a connection, run one by one or side by side."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class DatabaseError(Exception):
    """The database can't be opened or written; the message is one line that says why and what to do."""


class Database(Protocol):
    """An open database.

    `read` and `write` run a synchronous function over a SQLAlchemy connection, in a transaction of its own, and
    return what it returns. JSON columns come as text. What `write` has returned is on disk.
    """

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run a function that only reads; it sees one state of the database, with all writes acknowledged so far.

        It may run more than once.
        """

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run a function that may write, as if alone: look first, then write. Its exception undoes its own writes only.

        It may run more than once, and rows that it reads to change them are read `with_for_update()`.
        """

    async def close(self) -> None:
        """Finish the writes that wait, then close every connection."""
