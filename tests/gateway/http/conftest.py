"""Pages in a real browser: an app served on a free port, and Chromium without a way out."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.async_api import Browser, Page, Route, async_playwright
from starlette.types import ASGIApp

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve the app with uvicorn on a free port of 127.0.0.1; gives its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none", lifespan="off"))
    sockets = [server.config.bind_socket()]
    sockets[0].listen()
    task = asyncio.create_task(server.serve(sockets))
    try:
        # A request that comes before the server is ready waits in the socket.
        yield "http://{}:{}".format(*sockets[0].getsockname())
    finally:
        server.should_exit = True
        await task


@pytest.fixture(scope="session")
def serve() -> Callable[[ASGIApp], AbstractAsyncContextManager[str]]:
    return serving


@dataclass
class Visit:
    """A page in the browser, and what must not happen there."""

    page: Page
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def keep_inside(self, route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            await route.continue_()
        else:
            self.outside.append(route.request.url)
            await route.abort()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium (apt install chromium)")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield chromium
        await chromium.close()


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Callable[[str], Awaitable[Visit]]]:
    """Opens a URL in a fresh browser profile; requests to other hosts fail and are recorded, as are console errors."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)

    async def open_page(url: str) -> Visit:
        visit = Visit(await context.new_page())
        await context.route("**/*", visit.keep_inside)
        visit.page.on("console", lambda message: message.type == "error" and visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        await visit.page.goto(url)
        return visit

    yield open_page
    await context.close()
