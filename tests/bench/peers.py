"""The gateways that are compared: ours, and what one would use instead; each with how it starts and what it can do."""

import importlib.util
import os
import shutil
import string
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench import dialects, install
from tests.bench.dialects import Dialect
from tests.bench.processes import CACHE, Unusable
from tests.bench.queries import Operation

APPS = Path(__file__).parent / "apps"
BIN = Path(sys.executable).parent
OURS = "prefect-graphql"
Command = list[str | Path]


@dataclass(frozen=True)
class Place:
    """Where a gateway runs: its port, and the URL of the upstream's API."""

    port: int
    upstream: str


@dataclass(frozen=True)
class Gateway:
    """A gateway: `command` writes its configuration and returns how it is started, or None where it is not installed."""

    name: str
    title: str
    dialect: Dialect
    command: Callable[[Place], Command | None]
    operations: str
    """The queries that it is asked: those that it can answer."""
    how: str = install.HOW
    path: Callable[[Operation], str] = lambda _: "/graphql"
    cwd: Path = CACHE
    spread: bool = False
    """Whether it runs on two cores."""


def _gateway(_place: Place, *options: str) -> Command:
    return [BIN / "prefect-graphql", "serve", "--upstream", _place.upstream, "--port", str(_place.port), *options]


def _raised(place: Place) -> Command:
    return _gateway(place, "--max-first", "10000")


def _two(place: Place) -> Command:
    return _gateway(place, "--workers", "2")


def _python(app: str) -> Callable[[Place], Command | None]:
    needs = {"naive": "fastapi", "floor": "aiohttp"}[app]

    def command(place: Place) -> Command | None:
        if importlib.util.find_spec(needs) is None:
            return None
        serve: Command = ["-m", "uvicorn", f"{app}:app", "--app-dir", APPS, "--no-access-log", "--loop", "uvloop"]
        return [BIN / "python", *serve, "--http", "httptools", "--port", str(place.port)]

    return command


_BATCHED = '@http(url: "$UPSTREAM/%s", query: [{ key: "id", value: "{{.value.%s}}" }], batchKey: ["id"])'
_BY_ID = '@http(url: "$UPSTREAM/%s/{{.value.%s}}")'


def _tailcall(relation: str) -> Callable[[Place], Command | None]:
    def command(place: Place) -> Command | None:
        program = install.tailcall()
        if program is None:
            return None
        flow, deployment = relation % ("flows", "flow_id"), relation % ("deployments", "deployment_id")
        text = string.Template((APPS / "tailcall.graphql").read_text()).safe_substitute(
            FLOW=flow, DEPLOYMENT=deployment, REQUIRED="" if relation == _BATCHED else "!"
        )
        path = CACHE / f"tailcall-{place.port}.graphql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(string.Template(text).safe_substitute(PORT=place.port, UPSTREAM=place.upstream))
        return [*program, "start", path]

    return command


def _hive(place: Place) -> Command | None:
    program, compose = install.node("hive-gateway"), install.node("mesh-compose")
    if program is None or compose is None or shutil.which("node") is None:
        return None
    for name in ("mesh.config.ts", "gateway.config.ts"):
        shutil.copy(APPS / name, install.NPM)
    document = subprocess.run([sys.executable, APPS / "openapi.py"], capture_output=True, check=True).stdout
    (install.NPM / "openapi.json").write_bytes(document)
    environment = {**os.environ, "UPSTREAM": place.upstream}
    command = [*compose, "-o", "supergraph.graphql"]
    done = subprocess.run(command, cwd=install.NPM, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unusable(f"mesh-compose failed: {done.stderr.strip()}")
    return [
        *program,
        "supergraph",
        "supergraph.graphql",
        "--host",
        "127.0.0.1",
        "--port",
        str(place.port),
        "--fork",
        "1",
    ]


def _floor_path(operation: Operation) -> str:
    return f"/{'fields' if operation.name[0] == 'd' else 'runs'}?limit={operation.first}"


GATEWAYS = {
    gateway.name: gateway
    for gateway in (
        Gateway(OURS, OURS, dialects.GATEWAY, _gateway, "abcdefg"),
        Gateway("tailcall", "Tailcall 1.6.14 (Rust)", dialects.TAILCALL, _tailcall(_BATCHED), "abcdef"),
        Gateway("tailcall-by-id", "Tailcall, on Prefect's own GETs", dialects.TAILCALL, _tailcall(_BY_ID), "ae"),
        Gateway("hive", "Hive Gateway 2.15.1 (Node, JIT)", dialects.HIVE, _hive, "acdef", cwd=install.NPM),
        Gateway("naive", "naive Strawberry", dialects.PLAIN, _python("naive"), "acdefg"),
        Gateway("floor", "Python by hand, no GraphQL", dialects.PLAIN, _python("floor"), "acde", path=_floor_path),
    )
}
"""What is compared, ours first."""
RAISED = Gateway("raised", f"{OURS} --max-first 10000", dialects.GATEWAY, _raised, "")
ONE_WORKER = Gateway("1 worker", f"{OURS} --workers 1", dialects.GATEWAY, _gateway, "", spread=True)
TWO_WORKERS = Gateway("2 workers", f"{OURS} --workers 2", dialects.GATEWAY, _two, "", spread=True)
