"""Strawberry's extensions: with one registered, operations go through `schema.execute`, by plans too."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from strawberry.extensions import SchemaExtension

from gateway.app import create_app
from gateway.settings import Settings


class Telling(SchemaExtension):
    """Keeps what it saw of each operation, and says so in the answer."""

    seen: list[Any] = []  # noqa: RUF012  all of them

    async def on_execute(self) -> AsyncIterator[None]:  # type: ignore[override]
        yield
        result: Any = self.execution_context.result
        self.seen.append(result.data["flows"]["nodes"] if result.data else None)

    def get_results(self) -> dict[str, Any]:
        return {"told": len(self.seen)}


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    Telling.seen.clear()


async def test_extensions_see_plain_data_and_add_to_the_answer(tmp_path: Any) -> None:
    app = create_app(Settings(upstream=None, database_url=f"sqlite:///{tmp_path / 'rows.db'}"), extensions=[Telling])
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client,
    ):
        await client.post("/api/flows/", json={"name": "one"})
        query = {"query": "{ flows { nodes { name flowRuns { totalCount } } } }"}
        row = {"name": "one", "flowRuns": {"totalCount": 0}}
        for times in (1, 2, 3):
            answer = (await client.post("/graphql", json=query)).json()
            assert answer == {"data": {"flows": {"nodes": [row]}}, "extensions": {"told": times}}
        assert Telling.seen == [[row]] * 3
        parts = await client.post(
            "/graphql",
            json={"query": "{ flows { nodes { ... @defer { name } } } }"},
            headers={"accept": "multipart/mixed"},
        )
        assert parts.json() == {"data": {"flows": {"nodes": [{"name": "one"}]}}, "extensions": {"told": 4}}
        refused = (await client.post("/graphql", json={"query": "{ flows(first: -1) { nodes { id } } }"})).json()
        assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
