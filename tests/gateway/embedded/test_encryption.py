"""The values of block documents are encrypted in the database; whatever becomes of the keys, nothing is lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import insert, select, update

from gateway.embedded import check, create_app
from gateway.embedded.database import Database, DatabaseError
from gateway.embedded.encryption import KEY
from gateway.embedded.tables import CONFIGURATIONS, TABLES

DOCUMENTS = TABLES["block_documents"]
VALUES = {"password": "hunter2", "host": "db"}
OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


class Server:
    """An embedded server over a database, encrypting by some keys."""

    def __init__(self, client: httpx.AsyncClient, database: Database) -> None:
        self.client = client
        self.database = database

    async def document(self, name: str) -> str:
        """Create a document with a password; return its id."""
        slugs = await self.client.post("/block_types/", json={"name": "login", "slug": "login"})
        type_id = slugs.json().get("id") or (await self.client.get("/block_types/slug/login")).json()["id"]
        fields = {"title": "Login", "type": "object", "properties": {}, "secret_fields": ["password"]}
        schema = await self.client.post("/block_schemas/", json={"block_type_id": type_id, "fields": fields})
        ids = {"block_type_id": type_id, "block_schema_id": schema.json()["id"]}
        made = await self.client.post("/block_documents/", json={"name": name, "data": VALUES, **ids})
        return str(made.raise_for_status().json()["id"])

    async def read(self, id_: str) -> httpx.Response:
        return await self.client.get(f"/block_documents/{id_}", params={"include_secrets": True})

    async def stored(self) -> list[str]:
        """What stands in the database."""
        return await self.database.read(lambda connection: list(connection.scalars(select(DOCUMENTS.c.data))))

    async def keeps_a_key(self) -> bool:
        own = select(CONFIGURATIONS.c.id).where(CONFIGURATIONS.c.id == KEY)
        return await self.database.read(lambda connection: connection.scalar(own)) is not None


@asynccontextmanager
async def serving(url: str, *keys: str) -> AsyncIterator[Server]:
    app = create_app(url, services=False, encryption_key=SecretStr(",".join(keys)) if keys else None)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://embedded") as client,
    ):
        yield Server(client, app.state.database)


async def values(server: Server, id_: str) -> Any:
    return (await server.read(id_)).raise_for_status().json()["data"]


async def test_a_key_is_made_and_kept_where_none_is_given(database_url: str) -> None:
    async with serving(database_url) as server:
        id_ = await server.document("a")
        (stored,) = await server.stored()
        assert "hunter2" not in stored
        assert "db" not in stored
        changed = await server.client.patch(f"/block_documents/{id_}", json={"data": {"host": "other"}})
        assert changed.status_code == 204
    async with serving(database_url) as server:
        assert await values(server, id_) == {"password": "hunter2", "host": "other"}
        (shown,) = (await server.client.post("/block_documents/filter", json={})).json()
        assert shown["data"] == {"password": "********", "host": "other"}


async def test_keys_are_changed_with_the_old_one_behind_the_new(database_url: str) -> None:
    async with serving(database_url) as server:
        id_ = await server.document("a")
        assert await server.keeps_a_key()
    for keys in ((OLD,), (NEW, OLD), (NEW,)):
        async with serving(database_url, *keys) as server:
            assert await values(server, id_) == VALUES
            assert not await server.keeps_a_key()


async def test_a_wrong_key_is_told_at_the_start_and_changes_nothing(database_url: str) -> None:
    async with serving(database_url, OLD) as server:
        id_ = await server.document("a")
        before = await server.stored()
    for keys in ((NEW,), (), (NEW, OTHER)):
        with pytest.raises(DatabaseError, match="encrypted by another key than PREFECT_GRAPHQL_ENCRYPTION_KEY"):
            async with serving(database_url, *keys):
                pass
    with pytest.raises(DatabaseError, match="is no key"):
        async with serving(database_url, "nonsense"):
            pass
    async with serving(database_url, OLD) as server:
        assert await server.stored() == before
        assert await values(server, id_) == VALUES


async def test_a_document_of_another_key_is_told_and_left_alone(database_url: str) -> None:
    async with serving(database_url, OLD) as server:
        id_ = await server.document("a")
        other = Fernet(OTHER).encrypt(b'{"password": "p"}').decode()
        await server.database.write(lambda connection: connection.execute(update(DOCUMENTS).values(data=other)))
        assert (await server.client.patch(f"/block_documents/{id_}", json={"data": {"host": "x"}})).status_code == 500
        answer = await server.read(id_)
        assert answer.status_code == 500
        assert "encrypted by another key" in answer.json()["exception_message"]
        assert other in (await server.stored())[0]


async def test_what_was_stored_before_there_was_encryption_is_encrypted_at_the_start(database_url: str) -> None:
    def undo(connection: Any) -> None:
        connection.execute(CONFIGURATIONS.delete())
        connection.execute(update(DOCUMENTS).values(data=VALUES, updated=DOCUMENTS.c.updated))
        connection.execute(insert(CONFIGURATIONS).values(id="x", key="x", value="y"))

    async with serving(database_url) as server:
        id_ = await server.document("a")
        before = (await server.read(id_)).json()
        await server.database.write(undo)
        assert "hunter2" in (await server.stored())[0]
    async with serving(database_url) as server:
        assert (await server.read(id_)).json() == before
        assert "hunter2" not in (await server.stored())[0]
        await server.database.write(lambda connection: connection.execute(update(DOCUMENTS).values(data=VALUES)))
        assert await values(server, id_) == VALUES  # written by a version before, beside this one


def test_a_wrong_key_is_told_before_a_server_starts(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    assert check(url, SecretStr(OLD)) is None
    assert "encrypted by another key" in str(check(url))
