"""GraphiQL over the whole gateway: every example runs in a real browser, and README's picture is taken."""

import os
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from playwright.async_api import Page, expect

from tests.gateway.stack import Gateway, open_gateway, open_upstream
from tests.gateway.upstream.scripted import answer

EDITOR = ".graphiql-query-editor .view-lines"
ANSWER = ".graphiql-response .view-lines"

PICTURES = os.environ.get("PREFECT_GRAPHQL_TEST_PICTURES")
"""Where the picture goes; `make pictures` puts it where README shows it."""


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway over the embedded server, with one flow that has a failed run."""
    database = tmp_path_factory.mktemp("embedded") / "embedded.db"
    async with open_gateway("auto", upstream=None, database_url=f"sqlite:///{database}") as opened:
        flow = (await opened.http.post("/api/flows/", json={"name": "nightly", "tags": ["database"]})).json()
        run = {"flow_id": flow["id"], "name": "unlucky", "state": {"type": "FAILED"}}
        assert (await opened.http.post("/api/flow_runs/", json=run)).status_code == 201
        yield opened


async def answered(page: Page, expected: str) -> None:
    """Run the tab's operation; GraphiQL needs a moment to know its name, and sends that of the tab before until then."""
    for _ in range(10):
        await page.get_by_role("button", name="Execute query").click()
        with suppress(AssertionError):
            await expect(page.locator(ANSWER)).to_contain_text(expected, timeout=1_000)
            return
    await expect(page.locator(ANSWER)).to_contain_text(expected)


@pytest.mark.parametrize(
    ("tab", "expected"),
    [
        ("FlowsWithFailedRuns", '"nightly"'),
        ("LatestFlowRuns", '"unlucky"'),
        ("WhyARunFailed", '"unlucky"'),
        ("Dashboard", '"failed": 1'),
    ],
)
async def test_an_example_runs_without_internet(gateway, visit, tab, expected):
    visited = await visit(f"{gateway.url}/graphql")
    await expect(visited.page.locator(EDITOR)).to_contain_text("FlowsWithFailedRuns")
    await visited.page.get_by_role("tab", name=tab).click()
    await expect(visited.page.locator(EDITOR)).to_contain_text(tab)
    await answered(visited.page, expected)
    await expect(visited.page.locator(ANSWER)).not_to_contain_text("errors")
    assert visited.outside == []
    assert visited.complaints == []


async def test_each_answer_comes_with_its_call_plan(gateway, visit):
    visited = await visit(f"{gateway.url}/graphql")
    page = visited.page
    plan = page.get_by_role("region", name="Call plan")
    await expect(page.locator(EDITOR)).to_contain_text("FlowsWithFailedRuns")
    await expect(plan).to_have_count(0)
    await page.get_by_role("tab", name="WhyARunFailed").click()
    await answered(page, '"unlucky"')
    await expect(plan.get_by_role("button").first).to_contain_text("3 REST calls")
    calls = plan.locator("tbody tr")
    await expect(calls).to_contain_text(["POST /flow_runs/filter", "POST /task_runs/filter", "POST /logs/filter"])
    # One run's task runs and logs are asked for by its id alone: nothing is batched, states are no ids.
    await expect(calls.locator(".remarks")).to_have_text(["", "", ""])
    bars = [await bar.bounding_box() for bar in await calls.locator(".waterfall span").all()]
    assert [bar["width"] > 0 for bar in bars] == [True] * 3
    assert bars[1]["x"] >= bars[0]["x"] + bars[0]["width"]  # the second level waits for the first
    await calls.get_by_role("button").nth(1).press("Enter")
    await expect(plan.locator("pre")).to_contain_text('"flow_runs"')
    await expect(page.locator(ANSWER)).not_to_contain_text("extensions")  # they are in the plan
    # The plan belongs to the answer of its tab.
    await page.get_by_role("tab", name="LatestFlowRuns").click()
    await expect(plan).to_have_count(0)
    await page.get_by_role("tab", name="WhyARunFailed").click()
    await expect(plan.get_by_role("button").first).to_contain_text("3 REST calls")
    assert visited.complaints == []


async def test_a_call_is_copied_as_a_command(gateway, visit):
    visited = await visit(f"{gateway.url}/graphql")
    page = visited.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="New tab").click()
    await page.locator(".graphiql-query-editor .monaco-editor").first.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(
        """query It { flowRunCount(filter: {flows: {name: {like: "n'i"}}}) flows { nodes { name } } }"""
    )
    await expect(page.get_by_role("tab").last).to_contain_text("It")
    await answered(page, '"nightly"')
    plan = page.get_by_role("region", name="Call plan")
    for path, expected in (("count", "0"), ("filter", '"name":"nightly"')):
        await plan.get_by_role("button", name=f"/{path}").click()
        await plan.get_by_role("button", name="Copy as curl").click()
        await expect(plan.get_by_role("button", name="Copied")).to_be_visible()
        command = await page.evaluate("navigator.clipboard.readText()")
        # What a shell makes of it.
        curl, _, method, url, _, header, _, body = shlex.split(command)
        assert curl == "curl"
        found = await gateway.http.request(method, url, headers=dict([header.split(": ")]), content=body)
        assert expected in found.text
        await plan.get_by_role("button", name=f"/{path}").click()
    assert visited.complaints == []


async def test_a_failed_call_stands_out(visit):
    async with open_upstream() as upstream, open_gateway(upstream=upstream.url, retries=0) as gateway:
        upstream.spoilt["/flow_runs/filter"] = answer({"detail": "broken"}, "500 Internal Server Error")
        page = (await visit(f"{gateway.url}/graphql")).page
        await expect(page.locator(EDITOR)).to_contain_text("FlowsWithFailedRuns")
        await page.get_by_role("tab", name="LatestFlowRuns").click()
        await answered(page, '"UPSTREAM_ERROR"')
        plan = page.get_by_role("region", name="Call plan")
        await expect(plan.get_by_role("button").first).to_contain_text("1 REST call, 0 rows")
        await expect(plan.get_by_role("button").first).to_contain_text("1 failed")
        await expect(plan.locator("tbody tr.failed")).to_contain_text(["HTTP 500"])


async def test_parts_of_an_answer_are_shown_as_one(gateway, visit):
    visited = await visit(f"{gateway.url}/graphql")
    page = visited.page
    await expect(page.locator(EDITOR)).to_contain_text("FlowsWithFailedRuns")
    await page.locator(EDITOR).click()
    await page.keyboard.press("Control+a")
    # The editor closes the first brace itself.
    query = "{ flows { nodes { ... @defer { name flowRuns { nodes @stream { name } } } } }"
    sent = page.expect_response(lambda response: "multipart/mixed" in response.headers.get("content-type", ""))
    async with sent:
        await page.keyboard.insert_text(query)
        await answered(page, '"unlucky"')
    await expect(page.locator(ANSWER)).to_contain_text('"nightly"')
    assert visited.complaints == []


async def test_a_live_update_reaches_the_page(gateway, visit):
    visited = await visit(f"{gateway.url}/graphql")
    page = visited.page
    [flow] = (await gateway.http.post("/api/flows/filter", json={})).json()
    run = (await gateway.http.post("/api/flow_runs/", json={"flow_id": flow["id"], "name": "watched"})).json()
    await page.get_by_role("button", name="New tab").click()
    await page.locator(".graphiql-query-editor .monaco-editor").first.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text("subscription Live { flowRunUpdated { name stateType flow { name } } }")
    await expect(page.get_by_role("tab").last).to_contain_text("Live")
    await page.get_by_role("button", name="Execute query").click()
    await expect(page.get_by_role("button", name="Stop query")).to_be_visible()
    for state in ("PENDING", "RUNNING"):
        # The page does not tell when it is subscribed: what is told before is not heard.
        for _ in range(10):
            body = {"state": {"type": state}, "force": True}
            assert (await gateway.http.post(f"/api/flow_runs/{run['id']}/set_state", json=body)).status_code == 201
            with suppress(AssertionError):
                await expect(page.locator(ANSWER)).to_contain_text(f'"stateType": "{state}"', timeout=2_000)
                break
        await expect(page.locator(ANSWER)).to_contain_text(f'"stateType": "{state}"')
    await expect(page.locator(ANSWER)).to_contain_text('"watched"')
    plan = page.get_by_role("region", name="Call plan")
    await expect(plan.get_by_role("button").first).to_contain_text("Latest update: 2 REST calls")
    await expect(plan.locator("tbody tr")).to_contain_text(["POST /flow_runs/filter", "POST /flows/filter"])
    assert visited.complaints == []


async def test_the_picture_for_readme(visit, tmp_path):
    database = f"sqlite:///{tmp_path / 'demo.db'}"
    program = Path(sys.executable).with_name("prefect-graphql")
    await anyio.run_process([program, "demo", "--embedded", "--database", database])
    async with open_gateway(upstream=None, database_url=database) as gateway:
        page = (await visit(f"{gateway.url}/graphql")).page
        await expect(page.locator(EDITOR)).to_contain_text("FlowsWithFailedRuns")
        await answered(page, '"backup-postgres"')
        await expect(page.get_by_role("region", name="Call plan").locator("tbody tr")).to_have_count(2)
        picture = Path(PICTURES or tmp_path) / "graphiql.png"
        await page.screenshot(path=picture)
        assert picture.stat().st_size > 50_000
