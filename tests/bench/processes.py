"""Servers that are measured: each a process of its own, pinned to cores, on a port that was free."""

import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench"
PATIENCE = 60
"""Seconds until a server must listen."""


class Unusable(Exception):
    """A server cannot be started, or a port is taken."""


def refuse_taken(port: int) -> None:
    """Raise Unusable where something listens already: a stranger would be measured."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Unusable(
            f"Port {port} is taken, so that something else would be measured: give another --port."
        ) from None


def listening(port: int) -> bool:
    """Tell whether something accepts connections."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def clean_environment() -> dict[str, str]:
    """Return the environment without what configures Prefect or the gateway: defaults are measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


def pinned(command: Sequence[str | Path], cores: Sequence[int]) -> list[str]:
    """Make a command run on some cores only."""
    return ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    port: int,
    cores: Sequence[int],
    environment: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[int]:
    """Run a server for as long as the block lasts; yield its pid once it listens on `port`."""
    refuse_taken(port)
    log = CACHE / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            pinned(command, cores),
            cwd=cwd,
            env={**clean_environment(), **(environment or {})},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(name, process, port, log)
        yield process.pid
    finally:
        _end(process)


def _wait(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not listening(port):
        if process.poll() is not None:
            raise Unusable(f"{name} ended at once ({log}): {log.read_text()[-500:].strip()}")
        if time.monotonic() > deadline:
            raise Unusable(f"{name} does not listen on port {port} after {PATIENCE} s ({log}).")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it started: they are a process group of their own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
