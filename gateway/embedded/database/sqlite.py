"""SQLite: short functions run at once, long ones in threads; what has queued up to be written is committed in one go."""

import asyncio
import math
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, MetaData
from sqlalchemy.exc import DBAPIError

from gateway.embedded.database.base import DatabaseError
from gateway.embedded.database.session import BUSY_SECONDS, Session, engine_of
from gateway.embedded.database.version import prepare

T = TypeVar("T")

READERS = 4
GROUP = 256
"""Writes that one commit takes, at most."""

PATIENCE = 0.01
"""Seconds for which a function may keep the event loop: handing it to a thread costs more than most functions take."""

QUICK = 0.001
"""Seconds of a commit below which the next one is not handed to a thread either."""

Acknowledgement = Callable[[], None]
"""Tells a caller what became of the write."""


class _Write:
    """A write that waits: the function, and the future of its result."""

    def __init__(self, fn: Callable[[Connection], Any]) -> None:
        self.fn = fn
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def run(self, session: Session) -> Acknowledgement:
        """Run in a savepoint of its own; return what tells the caller once the group is on disk.

        Raises only what concerns the whole group.
        """
        session.execute("SAVEPOINT write")
        result, failure = None, None
        try:
            result = self.fn(session.connection)
        except BaseException as error:
            if session.is_late():
                raise
            _check(session)
            session.execute("ROLLBACK TO write")
            failure = error
        else:
            _check(session)
        session.execute("RELEASE write")
        return lambda: self.tell(result, failure)

    def tell(self, result: object, failure: BaseException | None = None) -> None:
        if self.future.done():
            return
        if failure is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(failure)


def _check(session: Session) -> None:
    # A full disk makes SQLite give up the whole transaction, and with it what the neighbours had written.
    if not session.in_transaction:
        raise DatabaseError("The SQLite database gave up the transaction: the disk may be full.")


class SqliteDatabase:
    """A SQLite file, opened by `open`."""

    def __init__(self, writer: Session, reader: Session, readers: list[Session]) -> None:
        self._writer = writer
        self._reader = reader
        self._sessions = (writer, reader, *readers)
        self._idle: SimpleQueue[Session] = SimpleQueue()
        for session in readers:
            self._idle.put(session)
        self._reading = ThreadPoolExecutor(len(readers), "sqlite-reader")
        self._writing = ThreadPoolExecutor(1, "sqlite-writer")
        self._waiting: deque[_Write] = deque()
        self._task: asyncio.Task[None] | None = None
        self._disk = math.inf
        self._closed = False

    @classmethod
    async def open(cls, url: URL, metadata: MetaData, options: Mapping[str, Any]) -> "SqliteDatabase":
        """Open the file that the URL names, and create it and its tables where they are missing.

        Raises DatabaseError when that can't be done.
        """
        if url.database in (None, "", ":memory:"):
            raise DatabaseError("The SQLite database must be a file: give sqlite:///prefect-graphql.db, for example.")
        try:
            return await asyncio.to_thread(cls._open, url, metadata, options)
        except (DBAPIError, sqlite3.Error) as error:
            reason = getattr(error, "orig", error)
            raise DatabaseError(f"The SQLite database {url.database} can't be opened: {reason}.") from error

    @classmethod
    def _open(cls, url: URL, metadata: MetaData, options: Mapping[str, Any]) -> "SqliteDatabase":
        engine = engine_of(url, options)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            prepare(connection, metadata)
            connection.commit()
        writer = Session(engine, "BEGIN IMMEDIATE", PATIENCE)
        reader = Session(engine, "BEGIN", PATIENCE, "query_only = ON")
        return cls(writer, reader, [Session(engine, "BEGIN", BUSY_SECONDS, "query_only = ON") for _ in range(READERS)])

    async def read(self, fn: Callable[[Connection], T]) -> T:
        self._reader.hurry(PATIENCE)
        try:
            return self._reader.read(fn)
        except Exception:
            if not self._reader.is_late():
                raise
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._read, fn)

    def _read(self, fn: Callable[[Connection], T]) -> T:
        session = self._idle.get()
        try:
            return session.read(fn)
        finally:
            self._idle.put(session)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        if self._closed:
            raise DatabaseError("The SQLite database is closed.")
        write = _Write(fn)
        self._waiting.append(write)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_groups(), name="sqlite-writer")
        result: T = await write.future
        return result

    async def close(self) -> None:
        self._closed = True
        if self._task is not None:
            await self._task
        self._writing.shutdown()
        self._reading.shutdown()
        for session in self._sessions:
            session.close()

    async def _write_groups(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            try:
                acknowledgements = await self._commit(group)
            except Exception as error:  # noqa: BLE001 (every caller of the group must hear of it)
                self._writer.rollback()
                failure = _not_written(error)
                for write in group:
                    write.tell(None, failure)
            else:
                for acknowledge in acknowledgements:
                    acknowledge()

    async def _commit(self, group: list[_Write]) -> list[Acknowledgement]:
        """Run a group of writes in one transaction; return how to tell their callers, once it is on disk.

        The statements run at once, and only a disk that is slow is waited for in a thread. Where they take too long, or
        another program is writing, all of it happens in the thread instead.
        """
        in_thread = asyncio.get_running_loop().run_in_executor
        try:
            acknowledgements = self._run_at_once(group)
        except Exception:
            if not self._writer.is_late():
                raise
            self._writer.rollback()
            return await in_thread(self._writing, self._run_patiently, group)
        if self._disk < QUICK:
            self._end()
        else:
            await in_thread(self._writing, self._end)
        return acknowledgements

    def _end(self) -> None:
        """Commit, and note how long the disk took."""
        began = monotonic()
        self._writer.commit()
        self._disk = monotonic() - began

    def _run_at_once(self, group: list[_Write]) -> list[Acknowledgement]:
        """Run a group of writes; those that there is no time for leave it and wait again."""
        self._writer.hurry(PATIENCE)
        self._writer.begin()
        acknowledgements: list[Acknowledgement] = []
        until = monotonic() + PATIENCE
        for write in group:
            if monotonic() > until:
                break
            self._writer.hurry(PATIENCE)
            acknowledgements.append(write.run(self._writer))
        self._waiting.extendleft(reversed(group[len(acknowledgements) :]))
        del group[len(acknowledgements) :]
        return acknowledgements

    def _run_patiently(self, group: list[_Write]) -> list[Acknowledgement]:
        """Run a group of writes and commit them, however long it takes."""
        with self._writer.patience(BUSY_SECONDS):
            self._writer.begin()
            acknowledgements = [write.run(self._writer) for write in group]
            self._writer.commit()
        return acknowledgements


def _not_written(error: Exception) -> DatabaseError:
    if isinstance(error, DatabaseError):
        return error
    reason = getattr(error, "orig", None) or error
    return DatabaseError(f"The SQLite database could not be written: {reason}.")
