"""Events in GraphQL, over the embedded server: recorded, in pages by tokens, of rows, counted."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.gateway.stack import Gateway, calls, open_gateway

pytestmark = pytest.mark.usefixtures("no_environment")

EVENTS = 120
AFTERWARDS = 3700
"""Seconds from when the first event happened until after the test."""
PAGES = """
query ($first: Int!, $after: String, $prefix: String!, $sort: EventOrder!) {
    events(filter: {event: {prefix: [$prefix]}}, first: $first, after: $after, sort: $sort) {
        nodes { event payload }
        edges { cursor }
        totalCount
        pageInfo { hasNextPage hasPreviousPage endCursor }
    }
}
"""


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway over an embedded server that has recorded some events."""
    database = tmp_path_factory.mktemp("events") / "embedded.db"
    async with open_gateway(database_url=f"sqlite:///{database}", upstream=None) as opened:
        given = [event("kitchen.coffee", number, "kitchen.1") for number in range(EVENTS)]
        mutation = "mutation ($input: [EventCreate!]!) { createEvents(input: $input) }"
        assert await opened.data(mutation, {"input": given}) == {"createEvents": EVENTS}
        yield opened


def event(name: str, number: int, resource: str) -> dict[str, Any]:
    moment = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=number)
    about = {"prefect.resource.id": resource, "prefect.resource.name": "Kitchen"}
    payload = {"number": number}
    return {"id": str(uuid4()), "event": name, "occurred": moment.isoformat(), "resource": about, "payload": payload}


@pytest.mark.parametrize(("first", "sort"), [(50, "ASC"), (33, "DESC"), (70, "ASC"), (200, "DESC")])
async def test_pages_go_on_by_the_servers_tokens(gateway: Gateway, first: int, sort: str) -> None:
    numbers: list[int] = []
    after, pages = None, 0
    while pages == 0 or after:
        asked = {"first": first, "after": after, "prefix": "kitchen.coffee", "sort": sort}
        page = (await gateway.data(PAGES, asked))["events"]
        numbers += [node["payload"]["number"] for node in page["nodes"]]
        assert page["totalCount"] == EVENTS
        assert page["pageInfo"]["hasPreviousPage"] == (pages > 0)
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
        pages += 1
    assert numbers == sorted(range(EVENTS), reverse=sort == "DESC")


async def test_any_cursor_leads_to_the_rows_after_it(gateway: Gateway) -> None:
    asked = {"first": 70, "prefix": "kitchen.coffee", "sort": "ASC"}
    page = (await gateway.data(PAGES, asked))["events"]
    for index in (0, 20, 49, 50, 69):
        after = page["edges"][index]["cursor"]
        rest = (await gateway.data(PAGES, {**asked, "first": 3, "after": after}))["events"]
        assert [node["payload"]["number"] for node in rest["nodes"]] == [index + 1, index + 2, index + 3]


async def test_a_page_is_one_call_and_a_count_reads_no_event(gateway: Gateway) -> None:
    answered = await gateway.ask(PAGES, {"first": 50, "prefix": "kitchen.", "sort": "ASC"})
    assert calls(answered) == ["POST /events/filter"]
    answered = await gateway.ask('{ events(filter: {event: {name: ["kitchen.coffee"]}}) { totalCount } }')
    assert answered["data"] == {"events": {"totalCount": EVENTS}}
    [call] = answered["extensions"]["upstream"]
    assert call["body"]["limit"] == 0


async def test_new_events_do_not_move_the_pages_that_follow(gateway: Gateway) -> None:
    first = {"first": 5, "prefix": "kitchen.tea", "sort": "DESC"}
    mutation = "mutation ($input: [EventCreate!]!) { createEvents(input: $input) }"
    await gateway.data(mutation, {"input": [event("kitchen.tea", number, "kitchen.2") for number in range(10)]})
    page = (await gateway.data(PAGES, first))["events"]
    await gateway.data(mutation, {"input": [event("kitchen.tea", AFTERWARDS, "kitchen.2")]})
    rest = (await gateway.data(PAGES, {**first, "after": page["pageInfo"]["endCursor"]}))["events"]
    assert [node["payload"]["number"] for node in rest["nodes"]] == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("after", ["nothing", "MDphYmM="])
async def test_what_is_no_cursor_is_refused(gateway: Gateway, after: str) -> None:
    answered = await gateway.ask(PAGES, {"first": 1, "after": after, "prefix": "", "sort": "ASC"})
    [error] = answered["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_rows_have_the_events_that_involve_them(gateway: Gateway) -> None:
    flow = await gateway.data('mutation { createFlow(input: {name: "told"}) { id } }')
    given = {"flowId": flow["createFlow"]["id"], "state": {"type": "RUNNING"}}
    create = "mutation ($input: FlowRunCreate!) { createFlowRun(input: $input) { id } }"
    runs = [(await gateway.data(create, {"input": given}))["createFlowRun"]["id"] for _ in range(3)]
    query = """query ($ids: [ID!]) {
        flowRuns(filter: {flowRuns: {id: {any: $ids}}}) {
            nodes { id events(sort: ASC, first: 1) { nodes { event resource } totalCount pageInfo { endCursor } } }
        }
    }"""
    for _ in range(2):
        answered = await gateway.ask(query, {"ids": runs})
        assert sorted(calls(answered)) == sorted(["POST /flow_runs/filter", *["POST /events/filter"] * 3])
        for run in answered["data"]["flowRuns"]["nodes"]:
            [told] = run["events"]["nodes"]
            assert told["event"] == "prefect.flow-run.Running"
            assert told["resource"]["prefect.resource.id"] == f"prefect.flow-run.{run['id']}"
            assert run["events"]["totalCount"] == 1


async def test_the_clients_filter_is_asked_beside_the_row(gateway: Gateway) -> None:
    query = """{ flowRuns(first: 1) { nodes {
        some: events(filter: {anyResource: {id: ["nothing"]}}) { totalCount }
        all: events(filter: {event: {prefix: ["prefect."]}}) { totalCount }
    } } }"""
    [run] = (await gateway.data(query))["flowRuns"]["nodes"]
    assert run == {"some": {"totalCount": 0}, "all": {"totalCount": 1}}


async def test_events_are_counted(gateway: Gateway) -> None:
    query = """{
        eventCounts(countable: RESOURCE, filter: {event: {name: ["kitchen.coffee"]}}) { value label count }
    }"""
    assert await gateway.data(query) == {"eventCounts": [{"value": "kitchen.1", "label": "Kitchen", "count": EVENTS}]}
