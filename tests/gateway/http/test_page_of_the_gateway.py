"""GraphiQL over the whole gateway: every example runs in a real browser."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from playwright.async_api import Page, expect

from tests.gateway.stack import Gateway, open_gateway

EDITOR = ".graphiql-query-editor .view-lines"
ANSWER = ".graphiql-response .view-lines"


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway over the embedded server, with one flow that has a failed run."""
    database = tmp_path_factory.mktemp("embedded") / "embedded.db"
    async with open_gateway(upstream=None, database_url=f"sqlite:///{database}") as opened:
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
