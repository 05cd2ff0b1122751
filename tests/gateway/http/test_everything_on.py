"""The whole gateway over a socket, with all that its HTTP edge can do turned on at once."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from gateway.app import create_app
from gateway.http.origin import allowed_origins
from gateway.settings import Settings
from tests.gateway.http.test_persisted import PACKAGES, node
from tests.gateway.live.talking import client
from tests.gateway.stack import Gateway, calls, open_gateway

QUERY = f"/graphql?query={quote('{ flowCount }')}"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGES = "https://app.example.com"


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("everything")
    manifest = folder / "manifest.json"
    manifest.write_text('{"abc": "{ flowCount }", "live": "subscription { flowRunUpdated { id } }"}')
    everything: dict[str, Any] = {
        "max_batch": 10,
        "cors_origins": f"{PAGES}, http://localhost:5173",
        "trusted_documents": manifest,
    }
    async with open_gateway("auto", upstream=None, database_url=f"sqlite:///{folder / 'e.db'}", **everything) as opened:
        yield opened


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", QUERY])
async def test_other_methods(gateway: Gateway, method: str, path: str) -> None:
    answer = await gateway.http.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert method in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", QUERY])
async def test_options_without_a_preflight(gateway: Gateway, path: str) -> None:
    answer = await gateway.http.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/graphql?query=", "/graphql?operationName=A"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "accept", [BROWSER, "text/html", "application/xhtml+xml,text/html;q=0.9", "application/json;q=0.4, text/html;q=0.5"]
)
async def test_a_browser_without_a_query_gets_the_page(gateway: Gateway, method: str, path: str, accept: str) -> None:
    navigation = {"accept": accept, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = await gateway.http.request(method, path, headers=navigation)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "accept" in answer.headers["vary"]
    assert ("<!doctype html>" in answer.text) == (method == "GET")


async def test_the_page_loads_its_files_with_a_slash_too(gateway: Gateway) -> None:
    for path in ("/graphql", "/graphql/"):
        page = await gateway.http.get(path, headers={"accept": BROWSER})
        source = page.text.partition('<script type="module" crossorigin src="')[2].partition('"')[0]
        assert (await gateway.http.get(httpx.URL(f"{gateway.url}{path}").join(source))).status_code == 200


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html", "text/html;q=0, */*"])
async def test_another_client_without_a_query_is_told(gateway: Gateway, accept: str) -> None:
    answer = await gateway.http.get("/graphql", headers={"accept": accept})
    assert answer.status_code == 400
    assert '"query" is missing' in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("path", [QUERY, "/graphql", f"/graphql?query={quote('{ __schema { types { name } } }')}"])
async def test_head_is_get_without_the_body(gateway: Gateway, path: str, coding: str) -> None:
    headers = {"accept": "application/graphql-response+json", "accept-encoding": coding, "origin": PAGES}
    got, head = [await gateway.http.request(method, path, headers=headers) for method in ("GET", "HEAD")]
    assert head.content == b""
    assert head.status_code == got.status_code
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}
    assert int(head.headers["content-length"]) > 0
    assert head.headers["cache-control"] == "no-store"
    assert {"accept", "accept-encoding", "origin"} <= set(head.headers["vary"].lower().split(", "))


async def test_head_does_not_wait_for_a_stream(gateway: Gateway) -> None:
    subscription = {"query": "subscription { flowRunUpdated { id } }"}
    only = await gateway.http.head("/graphql", params=subscription, headers={"accept": "text/event-stream"})
    also = await gateway.http.head("/graphql", params=subscription, headers={"accept": "text/event-stream, */*"})
    assert (only.status_code, also.status_code) == (406, 200)


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_what_a_form_can_send_is_refused(gateway: Gateway, media: str) -> None:
    body = '{"query": "mutation { createFlow(input: {name: \\"forged\\"}) { id } }"}'
    for origin in ("https://evil.example.com", PAGES):
        sent = await gateway.http.post("/graphql", content=body, headers={"content-type": media, "origin": origin})
        assert (sent.status_code, sent.headers["accept-post"]) == (415, "application/json")
        # A page that may ask is told what was wrong, and no other.
        assert ("access-control-allow-origin" in sent.headers) == (origin == PAGES)
    by_get = await gateway.http.get("/graphql", params={"query": "mutation { deleteFlow(id: 1) }"})
    assert (by_get.status_code, by_get.headers["allow"]) == (405, "POST")
    assert await gateway.data("{ flowCount }") == {"flowCount": 0}


PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-upstream-trace,apollo-require-preflight",
}


@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
@pytest.mark.parametrize("origin", [PAGES, "http://localhost:5173"])
async def test_a_preflight_of_a_page_that_may_ask(gateway: Gateway, path: str, origin: str) -> None:
    answer = await gateway.http.options(path, headers={"origin": origin, **PREFLIGHT})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-headers"] == PREFLIGHT["access-control-request-headers"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["http://app.example.com", f"{PAGES}:8443", f"{PAGES}.evil.example", "https://example.com", "null", f"{PAGES}/"],
)
async def test_a_preflight_of_any_other(gateway: Gateway, origin: str) -> None:
    refused = await gateway.http.options("/graphql", headers={"origin": origin, **PREFLIGHT})
    assert refused.status_code == 400
    asked = await gateway.http.post("/graphql", json={"query": "{ flowCount }"}, headers={"origin": origin})
    for answer in (refused, asked):
        assert "access-control-allow-origin" not in answer.headers
        assert "origin" in answer.headers["vary"].lower()
    rest = await gateway.http.post("/api/flows/count", json={}, headers={"origin": origin})
    assert rest.status_code == 403


async def test_events_reach_pages_that_may_ask(gateway: Gateway) -> None:
    asked = {"params": {"query": "subscription { flowRunUpdated { id } }"}}
    for origin in (PAGES, "https://evil.example.com"):
        headers = {"accept": "text/event-stream", "origin": origin}
        async with gateway.http.stream("GET", "/graphql", headers=headers, **asked) as answer:
            assert answer.headers.get("access-control-allow-origin") == (origin if origin == PAGES else None)


@pytest.mark.parametrize(
    ("setting", "origins"),
    [
        (None, ()),
        (" , ", ()),
        (
            "https://One.example/, http://two.example:080 ,https://one.example:443",
            ("https://one.example", "http://two.example"),
        ),
        ("http://localhost:5173,http://[::1]:3000", ("http://localhost:5173", "http://[::1]:3000")),
        ("capacitor://localhost", ("capacitor://localhost",)),
        ("https://one.example, *", ("*",)),
    ],
)
def test_origins_are_those_that_browsers_send(setting: str | None, origins: tuple[str, ...]) -> None:
    assert allowed_origins(setting) == origins


@pytest.mark.parametrize(
    "setting",
    [
        "one.example",
        "https://one.example/app",
        "https://*.example",
        "null",
        "https://",
        "https://a b",
        "https://a;http://b",
    ],
)
def test_an_origin_that_no_page_has_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="PREFECT_GRAPHQL_CORS_ORIGINS"):
        allowed_origins(f"https://good.example, {setting}")


def test_what_is_wrong_with_an_origin_is_told_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"'one\.example' is no origin"):
        create_app(Settings(upstream=None, cors_origins="one.example"))


NAMES = ["one", "two", "three"]


async def make_runs(gateway: Gateway) -> list[str]:
    """Make a run of a flow of each name; return their ids."""
    flows = [(await gateway.http.post("/api/flows/", json={"name": name})).json()["id"] for name in NAMES]
    return [(await gateway.http.post("/api/flow_runs/", json={"flow_id": flow})).json()["id"] for flow in flows]


async def test_apollo_client_batches(gateway: Gateway, npm: Callable[..., Path]) -> None:
    runs = await make_runs(gateway)
    told = await node("batch.cjs", npm(*PACKAGES), f"{gateway.url}/graphql", *runs)
    assert told["names"] == NAMES
    assert told["requests"] == [[["POST /flow_runs/filter", "POST /flows/filter"], [], []]]


async def test_operations_of_a_batch_read_together(gateway: Gateway) -> None:
    runs = await make_runs(gateway)
    by_variables = [
        {"query": "query ($id: ID!) { flowRun(id: $id) { flow { name } } }", "variables": {"id": run}} for run in runs
    ]
    by_texts = [{"query": f'{{ flowRun(id: "{run}") {{ flow {{ name }} }} }}'} for run in runs]
    for batch in (by_variables, by_texts) * 2:
        answers = (await gateway.http.post("/graphql", json=batch, headers={"x-upstream-trace": "1"})).json()
        assert [each["data"]["flowRun"]["flow"]["name"] for each in answers] == NAMES
        assert list(map(calls, answers)) == [["POST /flow_runs/filter", "POST /flows/filter"], [], []]


async def test_a_batch_has_operations_of_every_kind(gateway: Gateway) -> None:
    mutation = 'mutation { createFlow(input: {name: "batched"}) { name } }'
    count = {"query": '{ flowCount(filter: {flows: {name: {any: ["batched"]}}}) }'}
    batch = [
        count,
        {"query": mutation},
        count,
        {"query": "query A { flowCount } query B { __typename }", "operationName": "B"},
        {"documentId": "abc"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "abcd"}}},
        {"documentId": "live"},
        "{ flowCount }",
    ]
    answer = await gateway.http.post("/graphql", json=batch)
    assert answer.status_code == 200
    before, made, after, named, trusted, unknown, live, text = answer.json()
    assert (before["data"]["flowCount"], after["data"]["flowCount"]) == (0, 1)
    assert made["data"]["createFlow"] == {"name": "batched"}
    assert named == {"data": {"__typename": "Query"}}
    assert trusted["data"]["flowCount"] >= 1
    assert unknown["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert "websocket" in live["errors"][0]["message"]
    assert "must be a JSON object" in text["errors"][0]["message"]
    streamed = await gateway.http.post("/graphql", json=batch, headers={"accept": "text/event-stream"})
    assert streamed.status_code == 406


async def test_where_only_trusted_documents_are_accepted_nothing_else_is(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"abc": "{ flowCount }", "live": "subscription { flowRunUpdated { id } }"}')
    only: dict[str, Any] = {"trusted_documents": manifest, "trusted_only": True, "max_batch": 9, "upstream": None}
    async with open_gateway("auto", database_url=f"sqlite:///{tmp_path / 'e.db'}", **only) as gateway:

        async def codes(*bodies: dict[str, Any]) -> list[str]:
            answers = (await gateway.http.post("/graphql", json=list(bodies))).json()
            return [answer["errors"][0]["extensions"]["code"] if "errors" in answer else "" for answer in answers]

        introspection, query = {"query": "{ __schema { types { name } } }"}, {"query": "{ flowCount }"}
        told = await codes(
            introspection, query, {"documentId": "abc"}, {"documentId": "no"}, {**query, "documentId": "no"}
        )
        assert told == [*["PERSISTED_QUERY_ONLY"] * 2, "", *["PERSISTED_QUERY_NOT_IN_LIST"] * 2]
        assert (await gateway.http.get("/graphql", params={"documentId": "abc"})).json() == {"data": {"flowCount": 0}}
        page = await gateway.http.get("/graphql", headers={"accept": BROWSER})
        assert page.headers["content-type"].startswith("text/html")
        subscription = {"query": "subscription { flowRunUpdated { id } }"}
        for body in (subscription, query, introspection):
            events = await gateway.http.post("/graphql", json=body, headers={"accept": "text/event-stream"})
            assert "PERSISTED_QUERY_ONLY" in events.text
        async with client(gateway.url) as socket:
            await socket.begin()
            for body in (subscription, query):
                await socket.say(type="subscribe", id="1", payload=body)
                assert (await socket.hear())["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_ONLY"
            await socket.say(type="subscribe", id="1", payload={"documentId": "abc"})
            assert (await socket.hear())["payload"] == {"data": {"flowCount": 0}}
