"""SQLite: readers in a few threads, and one writer that commits what has queued up in one go."""

import asyncio
import queue
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, MetaData, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from gateway.embedded.database.base import DatabaseError
from gateway.embedded.database.version import prepare

T = TypeVar("T")

READERS = 4
GROUP = 256
BUSY_MILLISECONDS = 30_000

# WAL: readers never wait for the writer. FULL: a commit is on disk before it is acknowledged.
PRAGMAS = (
    f"busy_timeout = {BUSY_MILLISECONDS}",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "cache_size = -65536",
)


class _Write:
    """A write that waits: the function, and the future of its result."""

    def __init__(self, fn: Callable[[Connection], Any]) -> None:
        self.fn = fn
        self.future: Future[Any] = Future()

    def run(self, connection: Connection) -> Callable[[], None]:
        """Run in a savepoint of its own; return what tells the caller once the group is on disk."""
        try:
            with connection.begin_nested():
                result = self.fn(connection)
        except BaseException as error:  # noqa: BLE001 (it belongs to the caller, not to the writer)
            failure = error
            return lambda: self.future.set_exception(failure)
        return lambda: self.future.set_result(result)


class SqliteDatabase:
    """A SQLite file, opened by `open`."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader = reader
        self._writer = writer
        self._readers = ThreadPoolExecutor(READERS, "sqlite-reader")
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = Thread(target=self._write_groups, name="sqlite-writer", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, url: URL, metadata: MetaData) -> "SqliteDatabase":
        """Open the file that the URL names, and create it and its tables where they are missing.

        Raises DatabaseError when that can't be done.
        """
        if url.database in (None, "", ":memory:"):
            raise DatabaseError("The SQLite database must be a file: give sqlite:///prefect-graphql.db, for example.")
        writer = _engine(url, "BEGIN IMMEDIATE", 1)
        try:
            await asyncio.to_thread(_create, writer, metadata)
        except (DBAPIError, sqlite3.Error) as error:
            reason = getattr(error, "orig", error)
            raise DatabaseError(f"The SQLite database {url.database} can't be opened: {reason}.") from error
        return cls(_engine(url, "BEGIN", READERS, "query_only = ON"), writer)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, fn)

    def _read(self, fn: Callable[[Connection], T]) -> T:
        with self._reader.begin() as connection:
            return fn(connection)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        if self._closed:
            raise DatabaseError("The SQLite database is closed.")
        write = _Write(fn)
        self._queue.put(write)
        return await asyncio.wrap_future(write.future)

    async def close(self) -> None:
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._readers.shutdown()
        self._reader.dispose()
        self._writer.dispose()

    def _write_groups(self) -> None:
        while first := self._queue.get():
            group, more = [first], True
            while more and len(group) < GROUP:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    self._queue.put(None)
                    more = False
                else:
                    group.append(following)
            self._commit([write for write in group if write.future.set_running_or_notify_cancel()])

    def _commit(self, group: list[_Write]) -> None:
        """Run a group of writes in one transaction and tell each caller only after the commit."""
        try:
            with self._writer.begin() as connection:
                acknowledgements = [_run_alive(write, connection) for write in group]
        except BaseException as error:  # noqa: BLE001 (every caller of the group must hear of it)
            for write in group:
                write.future.set_exception(_not_written(error))
            return
        for acknowledge in acknowledgements:
            acknowledge()


def _run_alive(write: _Write, connection: Connection) -> Callable[[], None]:
    acknowledge = write.run(connection)
    # A full disk makes SQLite give up the whole transaction, and with it what the neighbours had written.
    if not connection.connection.in_transaction:
        raise DatabaseError("The SQLite database gave up the transaction: the disk may be full.")
    return acknowledge


def _not_written(error: BaseException) -> DatabaseError:
    if isinstance(error, DatabaseError):
        return error
    reason = getattr(error, "orig", None) or error
    return DatabaseError(f"The SQLite database could not be written: {reason}.")


def _create(engine: Engine, metadata: MetaData) -> None:
    with engine.begin() as connection:
        prepare(connection, metadata)


def _engine(url: URL, begin: str, connections: int, *pragmas: str) -> Engine:
    """Make an engine that begins transactions itself: pysqlite would begin them late, and not for a SELECT."""
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_reset_on_return=None,
        connect_args={"cached_statements": 512, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        for pragma in (*PRAGMAS, *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
