"""Load by wrk: many connections that send the same document as fast as answers come."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.processes import Unusable, pinned

TIMEOUT = 60


@dataclass(frozen=True)
class Load:
    """What wrk saw: answers, seconds, milliseconds of latency, requests that failed."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int


def require_wrk() -> str:
    """Return the program, or raise Unusable."""
    found = shutil.which("wrk")
    if found is None or shutil.which("taskset") is None:
        raise Unusable("wrk and taskset are needed: apt install wrk util-linux")
    return found


def script(body: dict[str, Any], variable: str, values: range) -> str:
    """Write wrk's script, in Lua: the body is posted, its `variable` another of the values in each request."""
    lines = ['wrk.method = "POST"', 'wrk.headers["content-type"] = "application/json"']
    text = json.dumps(body)
    if len(values) > 1:
        head, _, tail = json.dumps({**body, "variables": {variable: "@"}}).partition('"@"')
        lines += [
            f"local turn, step, turns = 0, {values.step}, {len(values)}",
            "request = function()",
            "  turn = (turn + 1) % turns",
            f"  return wrk.format(nil, nil, nil, [==[{head}]==] .. turn * step .. [==[{tail}]==])",
            "end",
        ]
    else:
        lines.append(f"wrk.body = [==[{text}]==]")
    return "\n".join([*lines, _DONE])


def post(url: str, script_text: str, folder: Path, *, connections: int, seconds: float, cores: Sequence[int]) -> Load:
    """Send requests for some seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "load.lua"
    path.write_text(script_text)
    command: list[str | Path] = [
        require_wrk(),
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        f"--timeout={TIMEOUT}s",
        "-s",
        path,
        url,
    ]
    done = subprocess.run(pinned(command, cores), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unusable(f"wrk failed: {done.stderr.strip()}")
    return read(done.stdout)


def read(output: str) -> Load:
    """Read what the script printed last."""
    told = json.loads(output.strip().splitlines()[-1])
    return Load(told["requests"], told["duration"] / 1e6, told["p50"] / 1e3, told["p99"] / 1e3, told["failed"])


_DONE = """
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"requests": %d, "duration": %d, "p50": %d, "p99": %d, "failed": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
"""
