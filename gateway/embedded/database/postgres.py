"""PostgreSQL over asyncpg: each function in a transaction of its own, conflicts between writers tried again."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import asyncpg
import stamina
from sqlalchemy import URL, Connection, MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.embedded.database.base import DatabaseError
from gateway.embedded.database.version import prepare

T = TypeVar("T")

CONNECTIONS = 16
ATTEMPTS = 10
# Two servers that start at once must not both create the tables; any number that is ours will do.
CREATION_LOCK = 7_201_403

# The loser of a race sees the winner's row when it tries again, which is how it finds a name that was just taken.
CONFLICTS = frozenset({"40001", "40P01", "23505"})  # serialization_failure, deadlock_detected, unique_violation


class PostgresDatabase:
    """A PostgreSQL database, opened by `open`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @classmethod
    async def open(cls, url: URL, metadata: MetaData, options: Mapping[str, Any]) -> "PostgresDatabase":
        """Connect to the database and create the tables where they are missing.

        Raises DatabaseError when that can't be done.
        """
        engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            execution_options=options,
            hide_parameters=True,  # an error is logged, and a parameter may be a secret
            pool_size=CONNECTIONS,
            max_overflow=0,
            # A `Document` writes itself, and is read as it was stored.
            json_serializer=str,
            json_deserializer=str,
            connect_args={"server_settings": {"application_name": "prefect-graphql", "jit": "off"}, "timeout": 10},
        )
        database = cls(engine)
        try:
            await database.write(lambda connection: _create(connection, metadata))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError) as error:
            await engine.dispose()
            raise DatabaseError(f"The PostgreSQL database can't be opened: {_reason(error)}.") from error
        return database

    async def read(self, fn: Callable[[Connection], T]) -> T:
        # After a restart of the server a whole pool of connections is stale; the first failure renews all of it.
        retrying = stamina.AsyncRetryingCaller(attempts=2, timeout=None, wait_initial=0, wait_jitter=0)
        return await retrying.on(_is_disconnected)(self._read, fn)

    async def _read(self, fn: Callable[[Connection], T]) -> T:
        async with self._reader.begin() as connection:
            return await connection.run_sync(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        retrying = stamina.AsyncRetryingCaller(
            attempts=ATTEMPTS, timeout=None, wait_initial=0.005, wait_jitter=0.05, wait_max=0.5
        )
        return await retrying.on(_is_conflict)(self._write, fn)

    async def _write(self, fn: Callable[[Connection], T]) -> T:
        async with self._engine.begin() as connection:
            return await connection.run_sync(fn)

    async def close(self) -> None:
        await self._engine.dispose()


def _create(connection: Connection, metadata: MetaData) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CREATION_LOCK})
    prepare(connection, metadata)


def _is_conflict(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in CONFLICTS


def _is_disconnected(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _reason(error: Exception) -> str:
    reason = getattr(error, "orig", None) or error
    lines = str(reason).splitlines()
    return lines[0].rstrip(".") if lines else type(reason).__name__
