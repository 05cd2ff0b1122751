"""Operations that clients ask for by their ids, with the clients that people use, in memory and in Redis."""

import asyncio
import json
import logging
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.execution import Execution, texts
from gateway.execution.texts import hash_of
from gateway.http.endpoint import GraphQLEndpoint
from gateway.settings import Settings
from tests.gateway import toy
from tests.gateway.stack import open_gateway

QUERY = "{ echo }"
CLIENTS = Path(__file__).parent / "clients"
PACKAGES = (
    "graphql@16.15.0",
    "@apollo/client@4.3.8",
    "rxjs@7.8.2",
    "@urql/core@6.0.3",
    "@urql/exchange-persisted@5.0.1",
)


@asynccontextmanager
async def asking(execution: Execution) -> AsyncIterator[httpx.AsyncClient]:
    app = GraphQLEndpoint(execution, Settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client
    await execution.aclose()


def hashed(query: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(query)}}}


async def post(client: httpx.AsyncClient, **body: Any) -> Any:
    return (await client.post("/graphql", json=body)).json()


def code(answer: Any) -> str:
    [error] = answer["errors"]
    assert "data" not in answer
    return str(error["extensions"]["code"])


async def test_a_query_is_known_once_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    execution = toy.execution(toy.upstream())
    async with asking(execution) as client:
        assert code(await post(client, **hashed(QUERY))) == "PERSISTED_QUERY_NOT_FOUND"
        assert await post(client, query=QUERY, **hashed(QUERY)) == {"data": {"echo": ""}}
        # What is known is not read again: neither parsed nor validated.
        monkeypatch.setattr(execution.documents, "_read", None)
        assert await post(client, **hashed(QUERY)) == {"data": {"echo": ""}}
        assert await post(client, documentId=f"sha256:{hash_of(QUERY)}") == {"data": {"echo": ""}}
        extensions = json.dumps(hashed(QUERY)["extensions"])
        got = await client.get("/graphql", params={"extensions": extensions}, headers={"accept": "text/html, */*"})
        assert got.json() == {"data": {"echo": ""}}


async def test_what_is_wrong_with_a_hash_is_told() -> None:
    async with asking(toy.execution(toy.upstream())) as client:
        assert code(await post(client, query="{ nope }", **hashed("{ nope }"))) == "BAD_USER_INPUT"
        assert code(await post(client, **hashed("{ nope }"))) == "PERSISTED_QUERY_NOT_FOUND"
        assert code(await post(client, query="{ flow { id } }", **hashed(QUERY))) == "PERSISTED_QUERY_HASH_MISMATCH"
        assert code(await post(client, **hashed(QUERY))) == "PERSISTED_QUERY_NOT_FOUND"
        for wrong in ({"version": 2, "sha256Hash": "a"}, {"version": 1}, 1):
            response = await client.post("/graphql", json={"extensions": {"persistedQuery": wrong}})
            assert response.status_code == 400
            assert "extensions.persistedQuery" in response.json()["errors"][0]["message"]
    async with asking(toy.execution(toy.upstream(), persisted_queries="off")) as client:
        assert code(await post(client, query=QUERY, **hashed(QUERY))) == "PERSISTED_QUERY_NOT_SUPPORTED"


async def test_the_status_is_one_that_each_media_type_asks_for() -> None:
    async with asking(toy.execution(toy.upstream())) as client:
        plain = await client.post("/graphql", json=hashed(QUERY))
        graphql = await client.post(
            "/graphql", json=hashed(QUERY), headers={"accept": "application/graphql-response+json"}
        )
        mismatch = await client.post("/graphql", json={"query": "{ echo }", **hashed("{ other }")})
    assert (plain.status_code, graphql.status_code, mismatch.status_code) == (200, 400, 400)


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_BYTES", 2_000)
    kept = texts.InMemory()
    for number in range(100):
        await kept.keep(str(number), f"{number}".ljust(200))
    await kept.keep("large", " " * 10_000)
    known = [number for number in range(100) if await kept.get(str(number))]
    assert 1 < len(known) < 10
    assert known[-1] == 99


MANIFESTS: dict[str, Any] = {
    "codegen": {"abc": QUERY},
    "prefixed": {"sha256:abc": QUERY},
    "apollo": {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{"id": "abc", "name": "Echo", "type": "query", "body": QUERY}],
    },
}


@pytest.mark.parametrize("manifest", MANIFESTS)
async def test_only_trusted_documents(manifest: str, tmp_path: Path) -> None:
    path = tmp_path / "persisted-documents.json"
    path.write_text(json.dumps(MANIFESTS[manifest]))
    async with asking(toy.execution(toy.upstream(), trusted_documents=path, trusted_only=True)) as client:
        assert await post(client, documentId="abc") == {"data": {"echo": ""}}
        assert (await client.get("/graphql", params={"documentId": "abc"})).json() == {"data": {"echo": ""}}
        by_hash = {"persistedQuery": {"version": 1, "sha256Hash": "abc"}}
        assert await post(client, extensions=by_hash) == {"data": {"echo": ""}}
        assert code(await post(client, query=QUERY)) == "PERSISTED_QUERY_ONLY"
        assert code(await post(client, query=QUERY, **hashed(QUERY))) == "PERSISTED_QUERY_NOT_IN_LIST"
        assert code(await post(client, documentId="abcd")) == "PERSISTED_QUERY_NOT_IN_LIST"
        # What is trusted is what is executed, whatever is sent along.
        assert await post(client, documentId="abc", query="{ flow { id } }") == {"data": {"echo": ""}}
    async with asking(toy.execution(toy.upstream(), trusted_documents=path)) as client:
        assert await post(client, documentId="abc") == {"data": {"echo": ""}}
        assert await post(client, query=QUERY) == {"data": {"echo": ""}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read: No such file"),
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"abc": 1}', "'abc' must have an id and a text"),
        ('{"format": "other", "version": 1}', "apollo-persisted-query-manifest"),
        ('{"format": "apollo-persisted-query-manifest", "version": 1}', '"operations" must be a list'),
        ('{"abc": "{ nope }"}', "abc: Cannot query field 'nope'"),
        ('{"abc": "{"}', "abc: Syntax Error"),
        ('{"abc": "{ echo }", "sha256:abc": "{ flow { id } }"}', "two documents have the id 'sha256:abc'"),
    ],
)
def test_a_bad_manifest_is_told_at_the_start(content: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match="PREFECT_GRAPHQL_TRUSTED_DOCUMENTS") as refused:
        toy.execution(toy.upstream(), trusted_documents=path)
    assert said in str(refused.value)


def test_only_trusted_documents_needs_some() -> None:
    with pytest.raises(ValueError, match="needs a manifest"):
        toy.execution(toy.upstream(), trusted_only=True)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis of its own, on a Unix socket."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is missing (apt install redis-server)")
    pytest.importorskip("redis")
    path = tmp_path_factory.mktemp("redis") / "redis.sock"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", path.parent], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        next(line for line in process.stdout if b"eady to accept" in line)
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.communicate()


async def test_processes_share_what_redis_keeps(redis_server: str) -> None:
    async with asking(toy.execution(toy.upstream(), persisted_queries=redis_server)) as one:
        assert await post(one, query=QUERY, **hashed(QUERY)) == {"data": {"echo": ""}}
    async with asking(toy.execution(toy.upstream(), persisted_queries=redis_server)) as other:
        assert await post(other, **hashed(QUERY)) == {"data": {"echo": ""}}
        assert code(await post(other, **hashed("{ other }"))) == "PERSISTED_QUERY_NOT_FOUND"


async def test_what_others_wrote_into_redis_is_checked(redis_server: str) -> None:
    from redis.asyncio import Redis  # noqa: PLC0415  an extra

    async with Redis.from_url(redis_server) as redis:
        await redis.set(texts.KEY + hash_of("{ mine }"), "{ flow { id } }")
        await redis.set(texts.KEY + hash_of("{ binary }"), b"\xff\xfe")
        await redis.rpush(texts.KEY + hash_of("{ list }"), "{ list }")
    async with asking(toy.execution(toy.upstream(), persisted_queries=redis_server)) as client:
        for text in ("{ mine }", "{ binary }", "{ list }"):
            assert code(await post(client, **hashed(text))) == "PERSISTED_QUERY_NOT_FOUND"


async def test_without_redis_memory_does(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("redis")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with caplog.at_level(logging.WARNING, "gateway"):
        async with asking(toy.execution(toy.upstream(), persisted_queries=f"redis://127.0.0.1:{port}/0")) as client:
            assert code(await post(client, **hashed(QUERY))) == "PERSISTED_QUERY_NOT_FOUND"
            assert await post(client, query=QUERY, **hashed(QUERY)) == {"data": {"echo": ""}}
            assert await post(client, **hashed(QUERY)) == {"data": {"echo": ""}}
    assert [record.message for record in caplog.records if "Redis fails" in record.message] == [caplog.messages[0]]


async def test_a_redis_that_does_not_answer_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redis")
    monkeypatch.setattr(texts, "WAIT", 0.05)
    asked = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = "redis://{}:{}".format(*server.sockets[0].getsockname())
        async with asking(toy.execution(toy.upstream(), persisted_queries=url)) as client:
            assert code(await post(client, **hashed(QUERY))) == "PERSISTED_QUERY_NOT_FOUND"
            tries = len(asked)
            assert await post(client, query=QUERY, **hashed(QUERY)) == {"data": {"echo": ""}}
            assert code(await post(client, **hashed("{ other }"))) == "PERSISTED_QUERY_NOT_FOUND"
            assert await post(client, **hashed(QUERY)) == {"data": {"echo": ""}}
    assert len(asked) == tries > 0


def test_a_url_of_no_redis_is_told_at_the_start() -> None:
    pytest.importorskip("redis")
    with pytest.raises(ValueError, match="PREFECT_GRAPHQL_PERSISTED_QUERIES"):
        toy.execution(toy.upstream(), persisted_queries="redis://127.0.0.1:port/0")


async def node(script: str, modules: Path, *arguments: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        "node",
        CLIENTS / script,
        *arguments,
        env={"NODE_PATH": str(modules)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


async def test_the_clients_of_apollo_and_urql(npm: Callable[..., Path], tmp_path: Path) -> None:
    modules = npm(*PACKAGES)
    manifest = tmp_path / "persisted-documents.json"
    manifest.write_text('{"5d41402abc4b2a76": "query B { flowCount }"}')
    async with open_gateway(
        upstream=None, database_url=f"sqlite:///{tmp_path / 'embedded.db'}", trusted_documents=manifest
    ) as gateway:
        for name, told in (
            await node("persisted.cjs", modules, f"{gateway.url}/graphql", "query A { flowCount }")
        ).items():
            assert [each["flowCount"] for each in told["data"]] == [0, 0], name
            texts_sent = [text for _, text, _ in told["sent"]]
            # A query is sent once; Apollo's client finds by GET what it has sent by POST.
            assert texts_sent == ([False, False] if name == "apollo by GET" else [False, True, False]), name
        trusted = await node(
            "persisted.cjs", modules, f"{gateway.url}/graphql", "query B { flowCount }", "5d41402abc4b2a76"
        )
        assert trusted["urql"]["sent"] == [["POST", False, 200], ["POST", False, 200]]
