"""A connection to SQLite whose transactions are begun and ended by hand, and that can be told to hurry."""

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

T = TypeVar("T")

BUSY_SECONDS = 30
"""How long to wait for another program that is writing, where nobody has to hurry."""

STEPS = 1_000
"""Steps of SQLite's virtual machine between two looks at the clock: some 50 microseconds."""

# WAL: readers never wait for the writer. FULL: a commit is on disk before it is acknowledged.
PRAGMAS = (
    f"busy_timeout = {BUSY_SECONDS * 1_000}",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "cache_size = -65536",
    "wal_autocheckpoint = 4000",
)


class Session:
    """A connection that one thread at a time uses.

    While it hurries, SQLite gives up what takes too long: an exception then comes, and `is_late` tells that it is for
    lack of time, whatever it says.
    """

    def __init__(self, engine: Engine, begin: str, busy: float, *pragmas: str) -> None:
        """Connect; `begin` is how its transactions begin, `busy` the seconds to wait for another program that writes."""
        self.connection = engine.connect()
        driver: Any = self.connection.connection.driver_connection
        self._driver: sqlite3.Connection = driver
        self._begin = begin
        self._busy = busy
        self._until = math.inf
        self._wait(busy)
        for pragma in pragmas:
            self.execute(f"PRAGMA {pragma}")

    def execute(self, statement: str) -> None:
        self._driver.execute(statement)

    def begin(self) -> None:
        self.execute(self._begin)

    def commit(self) -> None:
        # A commit is never given up.
        self._until = math.inf
        self.execute("COMMIT")

    def rollback(self) -> None:
        """End the transaction, and with it what SQLAlchemy holds for its savepoints."""
        self.connection.rollback()
        self._driver.rollback()

    @property
    def in_transaction(self) -> bool:
        return self._driver.in_transaction

    def hurry(self, seconds: float) -> None:
        if self._until == math.inf:
            self._driver.set_progress_handler(self.is_late, STEPS)
        self._until = monotonic() + seconds

    def is_late(self) -> bool:
        return monotonic() > self._until

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Let it take its time, and wait that long for another program that writes."""
        self._until = math.inf
        self._driver.set_progress_handler(None, STEPS)
        self._wait(seconds)
        try:
            yield
        finally:
            self._wait(self._busy)

    def _wait(self, seconds: float) -> None:
        self.execute(f"PRAGMA busy_timeout = {round(seconds * 1_000)}")

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Run a function that only reads, in a transaction of its own."""
        self.begin()
        try:
            return fn(self.connection)
        finally:
            # Its statement is a new one each time, which has taken no steps yet: it is never given up.
            self._driver.rollback()

    def close(self) -> None:
        self.connection.close()
        self.connection.engine.dispose()


def engine_of(url: URL, options: Mapping[str, Any]) -> Engine:
    """Make an engine whose connections begin no transactions: pysqlite would begin them late, and not for a SELECT."""
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        poolclass=NullPool,
        execution_options=options,
        hide_parameters=True,  # an error is logged, and a parameter may be a secret
        connect_args={"cached_statements": 512, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine
