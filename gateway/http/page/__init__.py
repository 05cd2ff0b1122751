"""GraphiQL for a browser at `/graphql`, from our own files: the page, its example queries, its assets."""

import json
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send

from gateway.http.page.offline import BUILT, CompressedFiles, page_headers

EXAMPLES = Path(__file__).parent / "examples"

HEADERS = {**page_headers({"worker-src": "'self'", "font-src": "'self' data:"}), "vary": "accept"}


def examples(now: datetime) -> list[dict[str, str]]:
    """Read the example queries as GraphiQL's tabs: `query`, and `variables` where a JSON file of the same name lies beside.

    `$now` and `$week_ago` in the variables become times. GraphiQL names a tab after its operation.
    """
    times = {"now": now, "week_ago": now - timedelta(days=7)}
    texts = {name: time.isoformat(timespec="seconds") for name, time in times.items()}
    return [_tab(path, texts) for path in sorted(EXAMPLES.glob("*.graphql"))]


def _tab(path: Path, times: dict[str, str]) -> dict[str, str]:
    tab = {"query": path.read_text("utf-8")}
    variables = path.with_suffix(".json")
    if variables.exists():
        tab["variables"] = Template(variables.read_text("utf-8")).substitute(times)
    return tab


class Page:
    """The ASGI app that answers a browser's `GET` with GraphiQL, under any path and behind any prefix.

    The page posts to its own address, and loads its files from `assets/` below it: `page_assets()` is mounted there.
    """

    def __init__(self) -> None:
        self._html = (BUILT / "graphiql" / "index.html").read_text("utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await HTMLResponse(self._render(scope["path"]), headers=HEADERS)(scope, receive, send)

    def _render(self, path: str) -> str:
        # Relative to the last segment: a proxy may have taken away a prefix of which we know nothing.
        segment = path.rpartition("/")[2]
        assets = f"./{escape(segment)}/assets/" if segment else "./assets/"
        # "<" is escaped because the data lies in a script element.
        tabs = json.dumps(examples(datetime.now(UTC))).replace("<", "\\u003c")
        return self._html.replace("./assets/", assets).replace("[]</script>", f"{tabs}</script>")


def page_assets() -> CompressedFiles:
    """Make the ASGI app for the page's scripts, styles and fonts: their names are hashed, so a browser keeps them for good."""
    return CompressedFiles(BUILT / "graphiql" / "assets", cache="public, max-age=31536000, immutable")
