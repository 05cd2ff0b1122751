"""The example frontend: installed, type-checked and built as its README says, and driven in a browser before a gateway."""

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from playwright.async_api import Locator, Page, expect
from starlette.staticfiles import StaticFiles

from tests.gateway.http.conftest import serving
from tests.gateway.stack import Gateway, open_gateway

ROOT = Path(__file__).parents[2]
EXAMPLE = Path("deploy/examples/runs-board")

COLUMNS = {
    "Scheduled": ["SCHEDULED"],
    "Pending": ["PENDING"],
    "Running": ["RUNNING", "PAUSED", "CANCELLING"],
    "Completed": ["COMPLETED"],
    "Failed": ["FAILED", "CRASHED"],
    "Cancelled": ["CANCELLED"],
}
TO_BEGIN_WITH = {"SCHEDULED": 2, "PENDING": 1, "RUNNING": 3, "PAUSED": 1, "COMPLETED": 40, "FAILED": 2, "CRASHED": 1}
PAGE, LOGS_PAGE = 15, 100

PICTURES = os.environ.get("PREFECT_GRAPHQL_TEST_PICTURES")


@dataclass
class Board:
    """The built page on an origin of its own, and the gateway that it asks, which can be stopped and started again."""

    url: str
    database: str
    gateway: Gateway = field(init=False)
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, port: int = 0) -> None:
        opened = open_gateway("auto", port, upstream=None, database_url=self.database, cors_origins=self.url)
        self.gateway = await self._running.enter_async_context(opened)

    async def stop(self) -> int:
        await self._running.aclose()
        return int(self.gateway.url.rpartition(":")[2])

    async def rest(self, path: str, body: Any) -> Any:
        response = await self.gateway.http.post(f"/api{path}", json=body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def flow(self, name: str) -> str:
        return str((await self.rest("/flows/", {"name": name}))["id"])

    async def run(self, flow: str, name: str, state: str, **more: Any) -> str:
        body = {"flow_id": flow, "name": name, "state": {"type": state}, **more}
        return str((await self.rest("/flow_runs/", body))["id"])

    async def set_state(self, run: str, state: str) -> None:
        await self.rest(f"/flow_runs/{run}/set_state", {"state": {"type": state}, "force": True})

    async def names(self, types: list[str], **groups: Any) -> set[str]:
        """Read over plain REST which runs are in states."""
        own = {**groups.pop("flow_runs", {}), "state": {"type": {"any_": types}}}
        return {run["name"] for run in await self.rest("/flow_runs/filter", {**groups, "flow_runs": own})}


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Six queries and two subscriptions take a while where two browsers share a machine."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory, npm_ci: Callable[[Path], Path]) -> AsyncIterator[Board]:
    modules = npm_ci(ROOT / EXAMPLE)
    copy = tmp_path_factory.mktemp("copy")
    project = copy / EXAMPLE
    shutil.copytree(ROOT / EXAMPLE, project, ignore=shutil.ignore_patterns("node_modules", "dist", "gql"))
    (project / "node_modules").symlink_to(modules)
    (copy / "schema").mkdir()
    shutil.copy(ROOT / "schema" / "schema.graphql", copy / "schema")
    async with serving(StaticFiles(directory=project / "dist", html=True, check_dir=False)) as url:
        board = Board(url, f"sqlite:///{copy / 'embedded.db'}")
        await board.start()
        environment = {**os.environ, "VITE_GRAPHQL_URL": f"{board.gateway.url}/graphql"}
        done = await anyio.run_process(["npm", "run", "build"], cwd=project, env=environment, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
        yield board
        await board.stop()


@pytest.fixture(scope="module")
async def board(built: Board) -> Board:
    """The page before a gateway that has runs in most states."""
    flow = await built.flow("ingest-orders")
    for state, number in TO_BEGIN_WITH.items():
        for n in range(number):
            await built.run(flow, f"{state.lower()}-{n}", state)
    return built


def test_packages_are_pinned_by_their_digests_wherever_they_come_from():
    lock = json.loads((ROOT / EXAMPLE / "package-lock.json").read_text())["packages"]
    declared = lock.pop("")
    assert [name for name, package in lock.items() if "integrity" not in package or "resolved" in package] == []
    versions = {**declared["dependencies"], **declared["devDependencies"]}
    assert versions == {name: lock[f"node_modules/{name}"]["version"] for name in versions}


def column(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=False).and_(page.locator(".column"))


def card(page: Page, title: str, run: str) -> Locator:
    return column(page, title).get_by_role("link", name=run, exact=True)


async def visit_live(board: Board, visit: Any) -> Any:
    """Open the page and wait until it is subscribed: the counts are told then."""
    visited = await visit(board.url)
    expected = str(len(await board.names(["COMPLETED"])))
    await expect(column(visited.page, "Completed").locator(".count")).to_have_text(expected)
    await expect(visited.page.locator(".connection")).to_have_text("Live")
    return visited


async def test_cards_are_in_the_columns_of_their_states_a_page_of_each(board, visit):
    visited = await visit_live(board, visit)
    page = visited.page
    for title, types in COLUMNS.items():
        expected = await board.names(types)
        cards = column(page, title).locator(".card > a")
        await expect(column(page, title).locator(".count")).to_have_text(str(len(expected)))
        for shown in range(PAGE, len(expected), PAGE):
            await expect(cards).to_have_count(shown)
            await column(page, title).get_by_role("button", name="Load more").click()
        await expect(cards).to_have_count(len(expected))
        assert set(await cards.all_inner_texts()) == expected
        await expect(column(page, title).get_by_text("No runs")).to_have_count(0 if expected else 1)
        await expect(column(page, title).get_by_role("button", name="Load more")).to_have_count(0)
    assert visited.outside == []
    assert visited.complaints == []


async def test_a_state_that_is_set_elsewhere_moves_the_card_and_a_new_run_appears(board, visit):
    visited = await visit_live(board, visit)
    page = visited.page
    await page.evaluate("window.unloaded = false")
    run = await board.run(await board.flow("ingest-orders"), "newcomer", "PENDING")
    await expect(card(page, "Pending", "newcomer")).to_be_visible()
    for state, left, entered in [("RUNNING", "Pending", "Running"), ("CRASHED", "Running", "Failed")]:
        await board.set_state(run, state)
        await expect(card(page, entered, "newcomer")).to_be_visible()
        await expect(card(page, left, "newcomer")).to_have_count(0)
    assert await page.evaluate("window.unloaded") is False
    assert visited.complaints == []


async def test_a_filter_is_for_what_is_there_and_for_what_comes(board, visit):
    visited = await visit_live(board, visit)
    page = visited.page
    flow, other = await board.flow("train-model"), await board.flow("ingest-orders")
    await board.run(flow, "trained", "COMPLETED", tags=["gpu"])
    await page.get_by_role("searchbox", name="Flow").fill("train")
    cards = page.locator(".card > a")
    await expect(cards).to_have_text(["trained"])
    await board.run(other, "of-another-flow", "PENDING")
    await board.run(flow, "training", "RUNNING")
    await expect(cards).to_have_text(["training", "trained"])
    assert await board.names(COLUMNS["Running"], flows={"name": {"like_": "train"}}) == {"training"}
    await page.get_by_role("searchbox", name="Tag").fill("gpu")
    await expect(cards).to_have_text(["trained"])
    await page.get_by_role("searchbox", name="Flow").fill("nothing")
    await expect(cards).to_have_count(0)
    assert visited.complaints == []


async def test_a_run_opens_by_the_keyboard_with_its_logs_and_those_of_its_subflows_live(board, visit):
    visited = await visit_live(board, visit)
    page = visited.page
    flow = await board.flow("ingest-orders")
    parent = await board.run(flow, "talkative", "RUNNING")
    task = {"flow_run_id": parent, "task_key": "call", "dynamic_key": "0", "name": "call"}
    called = (await board.rest("/task_runs/", task))["id"]
    subflow = await board.run(flow, "called", "RUNNING", parent_task_run_id=called)

    async def log(run: str, *lines: str, before: int = 0) -> None:
        """Write lines, a second from each to the next, the last one `before` that many seconds."""
        about = {"name": "prefect.flow_runs", "level": 20, "flow_run_id": run}
        first = datetime.now(UTC) - timedelta(seconds=before + len(lines) - 1)
        times = [(first + timedelta(seconds=n)).isoformat() for n in range(len(lines))]
        rows = [{**about, "timestamp": at, "message": text} for at, text in zip(times, lines, strict=True)]
        await board.rest("/logs/", rows)

    written = [f"line {n}" for n in range(LOGS_PAGE + 30)]
    await log(parent, *written, before=60)
    await card(page, "Running", "talkative").focus()
    await page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="Run")
    lines = panel.get_by_role("log").locator("li")
    await expect(lines).to_have_count(LOGS_PAGE)
    await log(parent, "as it happens")
    await log(subflow, "of the subflow")
    await expect(lines.filter(has_text="of the subflow")).to_have_count(1)
    await expect(lines.filter(has_text="as it happens")).to_have_count(1)
    await panel.get_by_role("button", name="Earlier logs").click()
    await expect(lines).to_have_count(len(written) + 2)
    shown = [text.rpartition("INFO ")[2] for text in await lines.all_inner_texts()]
    assert shown[: len(written)] == written
    await expect(panel.get_by_role("button", name="Earlier logs")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    assert visited.complaints == []


async def test_a_run_is_cancelled_by_its_button_and_the_servers_verdict_is_told(board, visit):
    visited = await visit_live(board, visit)
    page = visited.page
    panel = page.get_by_role("dialog", name="Run")
    await card(page, "Scheduled", "scheduled-0").click()
    await panel.get_by_role("button", name="Cancel").click()
    await expect(panel.locator(".facts")).to_contain_text("Cancelled")
    await panel.get_by_role("button", name="Close").click()
    await expect(card(page, "Cancelled", "scheduled-0")).to_be_visible()
    assert await board.names(["CANCELLED"]) == {"scheduled-0"}
    await card(page, "Failed", "failed-0").click()
    await panel.get_by_role("button", name="Retry").click()
    [failed] = await board.rest("/flow_runs/filter", {"flow_runs": {"name": {"any_": ["failed-0"]}}})
    verdict = await board.rest(f"/flow_runs/{failed['id']}/set_state", {"state": {"type": "SCHEDULED"}})
    assert verdict["details"]["reason"]
    await expect(panel.get_by_role("status")).to_contain_text(verdict["details"]["reason"])
    assert visited.complaints == []


async def test_the_page_is_accessible(board, visit, npm):
    axe = npm("axe-core@4.14.1") / "axe-core" / "axe.min.js"
    page = (await visit_live(board, visit)).page
    await page.add_script_tag(path=axe)
    await page.emulate_media(reduced_motion="reduce")
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await violations(page) == []
        await card(page, "Failed", "failed-0").click()
        await expect(page.get_by_role("dialog").get_by_role("log")).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def violations(page: Page) -> list[Any]:
    """Return what axe finds."""
    found = await page.evaluate("axe.run()")
    assert found["passes"]
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]]


async def test_the_gateway_is_missed_and_what_changed_is_caught_up_when_it_is_back(board, visit):
    page = (await visit_live(board, visit)).page
    [run] = await board.rest("/flow_runs/filter", {"flow_runs": {"name": {"any_": ["running-0"]}}})
    port = await board.stop()
    await expect(page.locator(".connection")).to_have_text("Connection lost, reconnecting …")
    await page.get_by_role("searchbox", name="Flow").fill("ingest")
    problem = column(page, "Running").get_by_role("alert")
    await expect(problem).to_contain_text("does not answer")
    await board.start(port)
    await problem.get_by_role("button", name="Try again").click()
    await board.set_state(run["id"], "FAILED")
    await expect(page.locator(".connection")).to_have_text("Live")
    await expect(card(page, "Failed", "running-0")).to_be_visible()
    await expect(card(page, "Running", "running-0")).to_have_count(0)
    await expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.long
async def test_the_picture_for_readme(built, visit, tmp_path):
    program = Path(sys.executable).with_name("prefect-graphql")
    await anyio.run_process([program, "demo", "--upstream", f"{built.gateway.url}/api"])
    page = (await visit(built.url)).page
    await expect(page.locator(".connection")).to_have_text("Live")
    for title in COLUMNS:
        await expect(column(page, title).locator(".card").first).to_be_visible()
    picture = Path(PICTURES or tmp_path) / "runs-board.png"
    await page.screenshot(path=picture, animations="disabled")
    assert picture.stat().st_size > 50_000
