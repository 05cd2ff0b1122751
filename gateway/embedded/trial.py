"""The database of a server that is about to start: whether it can be opened, and what it is called."""

import asyncio

from pydantic import SecretStr
from sqlalchemy import make_url

import gateway.embedded.app  # noqa: F401  some of its modules have tables of their own
from gateway.embedded.database import DatabaseError
from gateway.embedded.store import open_store


def check(url: str, encryption_key: SecretStr | None = None) -> str | None:
    """Open a database once; return what is wrong with it in one line, None where nothing is."""

    async def open_and_close() -> None:
        await (await open_store(url, encryption_key)).close()

    try:
        asyncio.run(open_and_close())
    except DatabaseError as error:
        return str(error)
    return None


def shown(url: str) -> str:
    """Return the URL of a database without its password."""
    return make_url(url).render_as_string(hide_password=True)
