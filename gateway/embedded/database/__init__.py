"""The embedded server's database: SQLite or PostgreSQL behind one `read` and one `write`."""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

from sqlalchemy import MetaData, make_url
from sqlalchemy.exc import ArgumentError

from gateway.embedded.database.base import Database, DatabaseError

__all__ = ["Database", "DatabaseError", "open_database"]

# Named, not imported: PostgreSQL's half takes a quarter of a second to load.
KINDS = {
    "sqlite": "gateway.embedded.database.sqlite:SqliteDatabase",
    "postgresql": "gateway.embedded.database.postgres:PostgresDatabase",
    "postgres": "gateway.embedded.database.postgres:PostgresDatabase",
}


async def open_database(url: str, metadata: MetaData, options: Mapping[str, Any] | None = None) -> Database:
    """Open the database at `sqlite:///file`, `sqlite+aiosqlite:///file` or `postgresql://...`; create missing tables.

    `options` are the execution options that each connection has, for those who use it.
    Raises DatabaseError, with a message of one line, when the database can't be opened.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError(
            "The database's URL can't be read: give sqlite:///file or postgresql://user@host/database."
        ) from error
    kind = parsed.get_backend_name()
    if kind not in KINDS:
        raise DatabaseError(
            f"Databases of the kind {kind!r} are not supported: give sqlite:///file or postgresql://..."
        )
    database: Database = await resolve_name(KINDS[kind]).open(parsed, metadata, options or {})
    return database
