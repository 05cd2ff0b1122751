"""The embedded server beside the real Prefect on SQLite: `python -m tests.bench.embedded`.

Both have the same data (filled in over REST), run on the same core and take turns. Only good answers count.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import stamina
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.bench.load import post, require_wrk
from tests.bench.processes import CACHE, ROOT, Unusable, refuse_taken, running
from tests.bench.stand import Cores
from tests.bench.usage import settle, usage
from tests.services import Busy

FILLED = CACHE / "embedded"
"""The databases, as they were filled once."""

SERVERS = ("embedded", "prefect")
RUNS = 50
FLOWS, FILLED_RUNS = 10, 400
STATES = ("COMPLETED", "COMPLETED", "FAILED", "RUNNING", "PENDING", "CRASHED")

console = Console(width=None if sys.stdout.isatty() else 130)


@dataclass(frozen=True)
class Work:
    """What is asked: `$n` in a body is another number each time, `$flow` and `$run` are ids, `$run` another each time."""

    name: str
    path: str
    body: dict[str, Any]
    connections: tuple[int, ...]
    status: int = 200


_STATES = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}}}
READS = (
    Work("50 flow runs", "/flow_runs/filter", {"limit": RUNS}, (1, 8)),
    Work("50 flow runs, other ones each time", "/flow_runs/filter", {"limit": RUNS, "offset": "$n"}, (1, 8)),
    Work(
        "50 flow runs of two states by time",
        "/flow_runs/filter",
        {"limit": RUNS, "sort": "START_TIME_DESC", **_STATES},
        (1, 8),
    ),
    Work("count flow runs of two states", "/flow_runs/count", _STATES, (1, 8)),
)
WRITES = (
    Work(
        "create a flow run",
        "/flow_runs/",
        {
            "flow_id": "$flow",
            "name": "run-$n",
            "tags": ["a", "b"],
            "parameters": {"x": 1},
            "state": {"type": "PENDING"},
        },
        (1, 8, 32),
        201,
    ),
    Work(
        "create a task run",
        "/task_runs/",
        {"flow_run_id": "$run", "task_key": "task", "dynamic_key": "$stamp-$n", "state": {"type": "PENDING"}},
        (1, 8, 32),
        201,
    ),
    Work(
        "set the state of a flow run",
        "/flow_runs/$run/set_state",
        {"state": {"type": "RUNNING", "message": "for the $n. time"}, "force": True},
        (1, 8, 32),
        201,
    ),
)


@dataclass(frozen=True)
class Sample:
    """One run: good answers, others, seconds of it and of processor time, milliseconds of latency."""

    server: str
    work: str
    connections: int
    round: int
    good: int
    bad: int
    seconds: float
    cpu: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Server:
    """A server that runs, and ids of its rows."""

    name: str
    url: str
    pid: int
    flow: str
    runs: list[str]


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of a run.")] = 4,
    port: Annotated[int, typer.Option(help="The first of the two ports that are used.")] = 9300,
    output: Annotated[Path, typer.Option(help="Where the results go.")] = CACHE / "embedded.json",
) -> None:
    """Compare the embedded server with a real Prefect."""
    try:
        require_wrk()
        samples = measure(rounds, seconds, port)
    except (Unusable, Busy) as problem:
        console.print(f"[bold red]Error:[/] {problem}", highlight=False)
        raise typer.Exit(1) from None
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps([asdict(sample) for sample in samples], indent=1) + "\n")
    console.print(table(samples))
    console.print(f"Results: {output}")


def measure(rounds: int, seconds: float, port: int) -> list[Sample]:
    """Start both, check them, and let them take turns: first all reads, for writes make the tables grow."""
    cells = [(work, connections) for works in (READS, WRITES) for work in works for connections in work.connections]
    total = rounds * len(cells) * len(SERVERS)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    samples = []
    with Progress(*columns, console=console) as progress, open_servers(port, progress) as servers:
        for work in (*READS, *WRITES):
            check(servers, work, 0)
        task = progress.add_task("", total=total)
        for work, connections in cells:
            for turn in range(rounds):
                for server in servers:
                    progress.update(task, description=f"{work.name}, {connections} connections, {server.name}")
                    samples.append(load(server, work, connections, turn, seconds))
                    progress.advance(task)
        for work in (*READS, *WRITES):
            check(servers, work, 1)
    return samples


@contextmanager
def open_servers(port: int, progress: Progress) -> Iterator[list[Server]]:
    """Run both servers on copies of the filled databases."""
    ports = dict(zip(SERVERS, (port, port + 1), strict=True))
    for each in ports.values():
        refuse_taken(each)
    fill_missing(ports, progress)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        servers, cores = [], Cores.of_machine().gateway
        for name in SERVERS:
            shutil.copy(FILLED / f"{name}.db", folder / f"{name}.db")
            url, pid = stack.enter_context(started(name, folder / f"{name}.db", ports[name], cores))
            servers.append(_known(name, url, pid))
        yield servers


def fill_missing(ports: dict[str, int], progress: Progress) -> None:
    """Fill the databases that are not there yet, and keep them."""
    for name in (name for name in SERVERS if not (FILLED / f"{name}.db").exists()):
        task = progress.add_task(f"filling {name}, once", total=None)
        FILLED.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            database = Path(folder, f"{name}.db")
            with started(name, database, ports[name], sorted(os.sched_getaffinity(0))) as (url, _pid):
                _fill(url)
            shutil.move(database, FILLED / database.name)
        progress.remove_task(task)


@contextmanager
def started(name: str, database: Path, port: int, cores: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Run one server over a database; yield its URL and the id of its process."""
    if name == "embedded":
        program = Path(sys.executable).with_name("prefect-graphql")
        command = [program, "serve-rest", "--database", f"sqlite:///{database}", "--port", port]
        environment = {}
    else:
        # As it comes, its services too; only without the analytics, which need the internet.
        command = [Path(sys.executable).with_name("prefect"), "server", "start", "--host", "127.0.0.1", "--port", port]
        environment = {
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}",
            "PREFECT_HOME": str(database.parent),
        }
    with running(name, [str(part) for part in command], port, cores, environment, cwd=ROOT) as pid:
        yield f"http://127.0.0.1:{port}/api", pid


def _fill(url: str) -> None:
    """Create flows and their runs, one after the other: a Prefect on SQLite refuses writes that come at once."""
    flows = [_ask(url, "/flows/", {"name": f"flow-{number}", "tags": ["bench"]}, 201)["id"] for number in range(FLOWS)]
    for number in range(FILLED_RUNS):
        run = {
            "flow_id": flows[number % FLOWS],
            "name": f"first-{number}",
            "tags": ["a", f"tag-{number % 7}"],
            "parameters": {"table": "orders", "day": number, "options": {"full": False}},
            "state": {"type": STATES[number % len(STATES)], "message": "as it was found"},
        }
        _ask(url, "/flow_runs/", run, 201)


def _known(name: str, url: str, pid: int) -> Server:
    [flow] = _ask(url, "/flows/filter", {"limit": 1, "sort": "NAME_ASC"})
    runs = _ask(url, "/flow_runs/filter", {"limit": 200})
    return Server(name, url, pid, flow["id"], [run["id"] for run in runs])


def _ask(url: str, path: str, body: dict[str, Any], status: int = 200) -> Any:
    # A Prefect on SQLite is busy now and then.
    for attempt in stamina.retry_context(on=Busy, attempts=20, timeout=120):
        with attempt:
            answer = httpx.post(url + path, json=body, timeout=60, trust_env=False)
            if answer.status_code == 503:
                raise Busy(f"POST {url}{path} is answered by 503.")
    if answer.status_code != status:
        raise Unusable(f"POST {url}{path} is answered by {answer.status_code}: {answer.text[:300]}")
    return answer.json()


def check(servers: list[Server], work: Work, number: int) -> None:
    """Check that both answer alike, as far as ids and times allow: the same count, or rows with the same keys."""
    shapes = []
    for server in servers:
        path, body = _filled(server, work, number)
        answer = _ask(server.url, path, body, work.status)
        shapes.append(_shape(answer))
        if work.path.endswith("/filter") and len(answer) != RUNS:
            raise Unusable(f"{server.name} gives {len(answer)} rows where {RUNS} are asked for.")
    if shapes[0] != shapes[1]:
        raise Unusable(f"{work.name}: the servers do not answer alike: {shapes[0]} and {shapes[1]}")


def _shape(answer: Any) -> Any:
    if isinstance(answer, list):
        return _shape(answer[0]) if answer else None
    return sorted(answer) if isinstance(answer, dict) else type(answer).__name__


def _filled(server: Server, work: Work, number: int) -> tuple[str, dict[str, Any]]:
    text = json.dumps(work.body)
    for name, value in {"$flow": server.flow, "$run": server.runs[0], "$stamp": "check", '"$n"': str(number)}.items():
        text = text.replace(name, value)
    text = text.replace("$n", str(number))
    return work.path.replace("$run", server.runs[0]), json.loads(text)


def load(server: Server, work: Work, connections: int, turn: int, seconds: float) -> Sample:
    """Send requests for some seconds."""
    cores = Cores.of_machine().load
    settle(server.pid)
    before = usage(server.pid)
    script = _script(server, work, f"{turn}-{connections}")
    seen = post(server.url + work.path, script, CACHE, connections=connections, seconds=seconds, cores=cores)
    cpu = sum(usage(server.pid).since(before))
    return Sample(
        server.name, work.name, connections, turn, seen.requests, seen.failed, seen.seconds, cpu, seen.p50, seen.p99
    )


def _script(server: Server, work: Work, stamp: str) -> str:
    """Write wrk's script: each request has the next number and the next run."""
    body = json.dumps(work.body).replace("$flow", server.flow).replace("$stamp", stamp)
    return _LUA % {
        "path": f"/api{work.path}",
        "body": body,
        "runs": ", ".join(f'"{run}"' for run in server.runs),
        "turns": len(server.runs) if work in READS else 2**31,
        "status": work.status,
    }


_LUA = """
local runs, n = {%(runs)s}, 0
local path, body = [==[%(path)s]==], [==[%(body)s]==]
-- A thread of wrk counts by itself.
good, bad = 0, 0
response = function(status)
  if status == %(status)d then good = good + 1 else bad = bad + 1 end
end
local threads = {}
setup = function(thread) table.insert(threads, thread) end
local varied = path:find("$", 1, true) or body:find("$", 1, true)
local headers = {["content-type"] = "application/json"}
local fixed = nil
request = function()
  if not varied then
    fixed = fixed or wrk.format("POST", path, headers, body)
    return fixed
  end
  n = (n + 1) %% %(turns)d
  local run = runs[n %% #runs + 1]
  local text = body:gsub('"%%$n"', n):gsub("%%$n", n):gsub("%%$run", run)
  return wrk.format("POST", (path:gsub("%%$run", run)), headers, text)
end
done = function(summary, latency, requests)
  local good, failed = 0, 0
  for _, thread in ipairs(threads) do
    good, failed = good + thread:get("good"), failed + thread:get("bad")
  end
  io.write(string.format('{"requests": %%d, "duration": %%d, "p50": %%d, "p99": %%d, "failed": %%d}\\n',
    good, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
"""


def table(samples: list[Sample]) -> Table:
    """Make the table: medians over the rounds, ratios as medians of each round's."""
    grid = Table(title="The embedded server beside Prefect 3.9.1, SQLite, the same data", title_justify="left")
    heads = ("connections", "embedded/s", "p50 ms", "Prefect/s", "p50 ms", "failed", "times", "times by CPU")
    grid.add_column("")
    for head in heads:
        grid.add_column(head, justify="right")
    for work, connections in dict.fromkeys((sample.work, sample.connections) for sample in samples):
        of = {
            name: [s for s in samples if (s.server, s.work, s.connections) == (name, work, connections)]
            for name in SERVERS
        }
        grid.add_row(work, str(connections), *_cells(of["embedded"], of["prefect"]))
    return grid


def _cells(ours: list[Sample], theirs: list[Sample]) -> list[str]:
    pairs = list(zip(ours, theirs, strict=True))
    return [
        f"{statistics.median(map(_rate, ours)):,.0f}",
        f"{statistics.median(s.p50 for s in ours):.2f}",
        f"{statistics.median(map(_rate, theirs)):,.1f}",
        f"{statistics.median(s.p50 for s in theirs):.1f}",
        f"{sum(s.bad for s in theirs)}" if not any(s.bad for s in ours) else f"{sum(s.bad for s in ours)}!",
        _times([_rate(a) / _rate(b) for a, b in pairs if b.good]),
        _times([(b.cpu / b.good) / (a.cpu / a.good) for a, b in pairs if a.good and b.good and a.cpu]),
    ]


def _rate(sample: Sample) -> float:
    return sample.good / sample.seconds


def _times(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.1f}" if ratios else "all failed"


if __name__ == "__main__":
    typer.run(main)
