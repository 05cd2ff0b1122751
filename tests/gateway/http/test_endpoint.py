"""GraphQL over HTTP, as clients send it and as they must not."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from starlette.responses import HTMLResponse

from gateway.http.endpoint import GraphQLEndpoint, cross_origin
from gateway.http.origin import allowed_origins
from gateway.settings import Settings
from tests.gateway import toy

JSON, GRAPHQL = "application/json", "application/graphql-response+json"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def upstream() -> toy.Upstream:
    return toy.upstream()


@pytest.fixture
async def client(upstream: toy.Upstream) -> AsyncIterator[httpx.AsyncClient]:
    app = GraphQLEndpoint(toy.execution(upstream), Settings(max_body=10_000), page=HTMLResponse("<h1>page</h1>"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client


def refusal(response: httpx.Response) -> str:
    assert response.headers["content-type"].startswith(JSON)
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "data" not in response.json()
    return str(error["message"])


async def test_post(client: httpx.AsyncClient, upstream: toy.Upstream) -> None:
    query = "query Q($n: Int) { second: flows(first: $n) { nodes { name id } } first: __typename }"
    body = {"query": query, "variables": {"n": 3}, "operationName": "Q", "extensions": {"a": 1}, "unknown": True}
    response = await client.post("/graphql", json=body)
    assert response.content == b'{"data":{"second":{"nodes":[{"name":"one","id":"1"}]},"first":"Query"}}'
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["cache-control"] == "no-store"
    assert upstream.calls == [{"method": "POST", "path": "/flows/filter", "body": {"limit": 3}}]


async def test_get_without_a_content_type(client: httpx.AsyncClient, upstream: toy.Upstream) -> None:
    params = {
        "query": "query Q($n: Int) { flows(first: $n) { totalCount } }",
        "variables": '{"n": 3}',
        "operationName": "Q",
        "extensions": "{}",
    }
    response = await client.get("/graphql", params=params, headers={"accept": GRAPHQL})
    assert response.json() == {"data": {"flows": {"totalCount": 1}}}
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert upstream.calls[0]["body"] == {"limit": 3}


async def test_get_leaves_out_what_is_empty(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ echo }", "variables": "", "operationName": ""})
    assert response.json() == {"data": {"echo": ""}}


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_no_mutation_by_get(client: httpx.AsyncClient, upstream: toy.Upstream, accept: str) -> None:
    params = {"query": 'mutation { createFlow(input: {name: "ab"}) { id } }'}
    response = await client.get("/graphql", params=params, headers={"accept": accept})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json()["errors"][0]["message"] == "A GET request can only query: send mutations by POST."
    assert upstream.calls == []


async def test_mutation_by_post(client: httpx.AsyncClient, upstream: toy.Upstream) -> None:
    response = await client.post("/graphql", json={"query": 'mutation { createFlow(input: {name: "ab"}) { id } }'})
    assert response.json() == {"data": {"createFlow": {"id": "1"}}}
    assert upstream.calls[0]["path"] == "/flows/"


@pytest.mark.parametrize(
    "media",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json2",
    ],
)
async def test_only_json_is_taken(client: httpx.AsyncClient, upstream: toy.Upstream, media: str) -> None:
    content = b'{"query": "{ flow { id } }"}'
    response = await client.post("/graphql", content=content, headers={"content-type": media} if media else {})
    assert response.status_code == 415
    assert "application/json" in refusal(response)
    assert upstream.calls == []


@pytest.mark.parametrize(
    ("media", "status"),
    [
        ("application/json; charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200),
        ("application/json; charset=latin-1", 415),
    ],
)
async def test_charset(client: httpx.AsyncClient, media: str, status: int) -> None:
    response = await client.post(
        "/graphql", content='{"query": "{ echo(text: \\"é\\") }"}'.encode(), headers={"content-type": media}
    )
    assert response.status_code == status


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql", content=b"\x1f\x8b", headers={"content-type": JSON, "content-encoding": "gzip"}
    )
    assert response.status_code == 415
    assert "compressed" in refusal(response)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"query": "\xff"}', "not valid JSON"),
        (b"[]", "Batches are not supported"),
        (b'[{"query": "{ echo }"}]', "Batches are not supported"),
        (b'"{ echo }"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"{}", '"query" is missing'),
        (b'{"query": null}', '"query" is missing'),
        (b'{"query": " \\n"}', '"query" is missing'),
        (b'{"query": 1}', '"query" must be a string'),
        (b'{"query": "{ echo }", "variables": []}', '"variables" must be an object or null'),
        (b'{"query": "{ echo }", "variables": "{}"}', '"variables" must be an object or null'),
        (b'{"query": "{ echo }", "operationName": 1}', '"operationName" must be a string or null'),
        (b'{"query": "{ echo }", "extensions": 0}', '"extensions" must be an object or null'),
    ],
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_malformed(client: httpx.AsyncClient, body: bytes, words: str, accept: str) -> None:
    response = await client.post("/graphql", content=body, headers={"content-type": JSON, "accept": accept})
    assert response.status_code == 400
    assert words in refusal(response)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("variables={}", '"query" is missing'),
        ("query={echo}&variables=[1]", '"variables" must be an object'),
        ("query={echo}&variables={", '"variables" is not valid JSON'),
        ("query=%ff", "not valid UTF-8"),
        ("query={echo}&extensions=1", '"extensions" must be an object'),
    ],
)
async def test_malformed_url(client: httpx.AsyncClient, query: str, words: str) -> None:
    response = await client.get(f"/graphql?{query}")
    assert response.status_code == 400
    assert words in refusal(response)


@pytest.mark.parametrize(
    "query",
    ["{", "{ nope }", "query ($n: Int!) { echo(number: $n) }", "{ flows(first: 1001) { totalCount nodes { id } } }"],
)
async def test_statuses_of_request_errors(client: httpx.AsyncClient, query: str) -> None:
    plain = await client.post("/graphql", json={"query": query}, headers={"accept": JSON})
    graphql = await client.post("/graphql", json={"query": query}, headers={"accept": GRAPHQL})
    assert (plain.status_code, graphql.status_code) == (200, 400)
    assert plain.json() == graphql.json()
    assert "data" not in plain.json()


async def test_errors_of_fields_are_200(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "{ forbidden echo }"}, headers={"accept": GRAPHQL})
    assert response.status_code == 200
    assert response.json()["data"] == {"forbidden": None, "echo": ""}
    assert list(response.json()) == ["errors", "data"]


async def test_unacceptable(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "{ echo }"}, headers={"accept": "text/event-stream"})
    assert response.status_code == 406
    assert GRAPHQL in refusal(response)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
async def test_other_methods(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert method in refusal(response)


async def test_options(client: httpx.AsyncClient) -> None:
    response = await client.options("/graphql")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_a_browser_gets_the_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/graphql", headers=BROWSER)).text == "<h1>page</h1>"
    asked = await client.get("/graphql", params={"query": "{ echo }"}, headers=BROWSER)
    assert asked.json() == {"data": {"echo": ""}}
    assert "page" not in (await client.get("/graphql")).text


async def test_a_body_of_the_limit_is_taken_and_no_more(client: httpx.AsyncClient) -> None:
    body = orjson.dumps({"query": "{ echo }"})
    at_limit = await client.post("/graphql", content=body.ljust(10_000), headers={"content-type": JSON})
    beyond = await client.post("/graphql", content=body.ljust(10_001), headers={"content-type": JSON})
    assert at_limit.json() == {"data": {"echo": ""}}
    assert beyond.status_code == 413
    assert "10000 bytes (PREFECT_GRAPHQL_MAX_BODY)" in refusal(beyond)


async def test_a_chunked_body_is_read_no_further_than_the_limit(client: httpx.AsyncClient) -> None:
    sent = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(10_000):
            sent.append(number)
            yield b" " * 1_024

    response = await client.post("/graphql", content=chunks(), headers={"content-type": JSON})
    assert response.status_code == 413
    assert len(sent) == 10


async def test_authorization_and_trace(client: httpx.AsyncClient, upstream: toy.Upstream) -> None:
    traced = await client.post(
        "/graphql", json={"query": "{ flow { id } }"}, headers={"authorization": "Bearer x", "x-upstream-trace": "1"}
    )
    plain = await client.post("/graphql", json={"query": "{ flow { id } }"})
    assert traced.json()["extensions"] == {"upstream": [{"method": "POST", "path": "/flows/one", "body": None}]}
    assert "extensions" not in plain.json()
    assert [(session.authorization, session.trace) for session in upstream.sessions] == [
        ("Bearer x", True),
        (None, False),
    ]


@pytest.mark.parametrize("value", [2**70, json.loads("[" * 400 + "]" * 400)], ids=["long", "deep"])
async def test_values_that_orjson_cannot_write(client: httpx.AsyncClient, upstream: toy.Upstream, value: Any) -> None:
    upstream.rows["/flows/one"] = [{"id": "1", "name": "one", "extra": value}]
    response = await client.post("/graphql", json={"query": "{ flow { extra id } }"})
    assert response.json() == {"data": {"flow": {"extra": value, "id": "1"}}}


@asynccontextmanager
async def asking(upstream: toy.Upstream, **given: Any) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(**given)
    endpoint = GraphQLEndpoint(toy.execution(upstream, **given), settings, page=HTMLResponse("page"))
    app = cross_origin(endpoint, allowed_origins(settings.cors_origins))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client


async def test_a_batch_is_answered_in_its_order(upstream: toy.Upstream) -> None:
    read, wrong = {"query": "{ flow { id } }"}, {"variables": {}}
    mutation = {"query": 'mutation { createFlow(input: {name: "ab"}) { id } }'}
    async with asking(upstream, max_batch=6) as client:
        response = await client.post("/graphql", json=[{"query": "{ a: flow { id } }"}, read, wrong, mutation, read])
    assert response.status_code == 200
    first, second, malformed, created, last = response.json()
    assert first == {"data": {"a": {"id": "1"}}}
    assert second == last == {"data": {"flow": {"id": "1"}}}
    assert created == {"data": {"createFlow": {"id": "1"}}}
    assert malformed["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}
    # What a query has read the other does not read again; after the mutation it does.
    paths = [call["path"] for call in upstream.calls]
    assert paths.index("/flows/") == 1
    assert len(paths) == 3


async def test_what_stands_in_a_batch_is_answered_each_for_itself(upstream: toy.Upstream) -> None:
    batch = [
        None,
        {"query": "query A { echo } query B { flow { id } }", "operationName": "B"},
        {"query": "{ nope }"},
        {"query": "{ forbidden echo }"},
        {"query": "{ echo }", "variables": []},
    ]
    async with asking(upstream, max_batch=6) as client:
        response = await client.post("/graphql", json=batch, headers={"accept": GRAPHQL})
    assert response.status_code == 200
    told = [answer["errors"][0]["message"] if "errors" in answer else None for answer in response.json()]
    data = [answer.get("data") for answer in response.json()]
    assert data == [None, {"flow": {"id": "1"}}, None, {"forbidden": None, "echo": ""}, None]
    assert [index for index, message in enumerate(told) if message is None] == [1]


async def test_texts_of_a_batch_are_no_longer_than_one_may_be(upstream: toy.Upstream) -> None:
    async with asking(upstream, max_batch=2, max_tokens=10) as client:
        response = await client.post("/graphql", json=[{"query": "{ nope }".ljust(101)}] * 2)
    assert response.status_code == 400
    assert "The batch's text is 202 characters, more than 200" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("size", [0, 4])
async def test_a_batch_has_bounds(upstream: toy.Upstream, size: int) -> None:
    async with asking(upstream, max_batch=3) as client:
        response = await client.post("/graphql", json=[{"query": "{ echo }"}] * size)
    assert response.status_code == 400
    assert "1 to 3 operations (PREFECT_GRAPHQL_MAX_BATCH)" in refusal(response)


@pytest.mark.parametrize(
    ("limit", "query"),
    [
        ("max_aliases", "{ a: echo }"),
        ("max_root_fields", "{ echo }"),
        ("max_fields", "{ echo }"),
        ("max_tokens", "{ echo }"),
        ("max_rows", "{ flows(first: 3) { nodes { id } } }"),
    ],
)
async def test_limits_apply_to_the_sum_of_a_batch(upstream: toy.Upstream, limit: str, query: str) -> None:
    sizes = {"max_tokens": 5, "max_rows": 4}
    async with asking(upstream, max_batch=2, **{limit: sizes.get(limit, 1)}) as client:
        alone = await client.post("/graphql", json=[{"query": query}])
        both = await client.post("/graphql", json=[{"query": query}] * 2)
    assert "errors" not in alone.json()[0]
    assert both.status_code == 400
    [error] = both.json()["errors"]
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert limit.upper() in error["message"]


PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,authorization"}


async def test_pages_of_other_origins(upstream: toy.Upstream) -> None:
    async with asking(upstream, cors_origins="https://one.example, https://two.example/") as client:
        for origin in ("https://one.example", "https://two.example"):
            preflight = await client.options("/graphql", headers={"origin": origin, **PREFLIGHT})
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == origin
            assert "authorization" in preflight.headers["access-control-allow-headers"]
            answer = await client.post("/graphql", json={"query": "{ echo }"}, headers={"origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
            assert "access-control-allow-credentials" not in answer.headers
            assert "origin" in answer.headers["vary"].lower()
        foreign = {"origin": "https://other.example"}
        assert (await client.options("/graphql", headers={**foreign, **PREFLIGHT})).status_code == 400
        answer = await client.post("/graphql", json={"query": "{ echo }"}, headers=foreign)
        assert "access-control-allow-origin" not in answer.headers
        # What is no preflight is answered as ever.
        assert (await client.options("/graphql")).status_code == 204


async def test_pages_of_all_origins_or_none(upstream: toy.Upstream) -> None:
    async with asking(upstream, cors_origins="*") as client:
        answer = await client.post("/graphql", json={"query": "{"}, headers={"origin": "https://one.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
    endpoint = GraphQLEndpoint(toy.execution(upstream), Settings())
    assert cross_origin(endpoint, ()) is endpoint
