"""The embedded server's database, opened with its tables and its keys."""

from pydantic import SecretStr

from gateway.embedded.database import Database, open_database
from gateway.embedded.encryption import options, settle
from gateway.embedded.tables import METADATA


async def open_store(url: str, encryption_key: SecretStr | None) -> Database:
    """Open the database at a URL; the key, or keys, are as the setting gives them. Raises DatabaseError."""
    database = await open_database(url, METADATA, options(encryption_key))
    try:
        await database.write(settle)
    except BaseException:
        await database.close()
        raise
    return database
