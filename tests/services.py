"""Real servers that tests talk to, each a process of its own on a port that the system chose."""

import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import stamina

# What would change rows behind a test's back, hold SQLite's lock while a test writes, or talk to the internet.
DISTURBING = (
    "ANALYTICS_ENABLED",
    "SERVICES_SCHEDULER_ENABLED",
    "SERVICES_LATE_RUNS_ENABLED",
    "SERVICES_FOREMAN_ENABLED",
    "SERVICES_TRIGGERS_ENABLED",
    "SERVICES_CANCELLATION_CLEANUP_ENABLED",
    "SERVICES_PAUSE_EXPIRATIONS_ENABLED",
    "SERVICES_REPOSSESSOR_ENABLED",
    "SERVICES_CLEANUP_RECONCILER_ENABLED",
    "SERVICES_DB_VACUUM_ENABLED",
    "SERVICES_EVENT_LOGGER_ENABLED",
    "SERVICES_EVENT_PERSISTER_ENABLED",
    "SERVICES_TASK_RUN_RECORDER_ENABLED",
    "UI_ENABLED",
)


# What the settings of Prefect 3, 2 and of Orion begin with.
PREFIXES = ("SERVER", "API", "ORION")

FACTORY = "prefect.server.api.server:create_app"


class Busy(Exception):
    """Prefect on SQLite answers 503 where something else holds the lock; nothing was written."""


@stamina.retry(on=Busy, attempts=20, timeout=60)
async def patiently(send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Send a request to a real Prefect, again while it is busy."""
    response = await send()
    if response.status_code == 503:
        raise Busy
    return response


def start_prefect(
    home: Path,
    *,
    port: int = 0,
    python: str = sys.executable,
    factory: str = FACTORY,
    database: str | None = None,
    **settings: str,
) -> tuple[subprocess.Popen[bytes], str]:
    """Start the REST API of a real Prefect server as `run_prefect` does, on a port or a free one; return it and its URL."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {f"PREFECT_{prefix}_{name}": "false" for prefix in PREFIXES for name in DISTURBING}
    environment |= {f"PREFECT_SERVER_{name.upper()}": value for name, value in settings.items()}
    environment |= {
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": database or f"sqlite+aiosqlite:///{home / 'prefect.db'}",
    }
    # The port is listened to before the server starts, so it cannot be taken and nobody has to ask whether it is up.
    with socket.create_server(("127.0.0.1", port)) as listening:
        descriptor, port = listening.fileno(), listening.getsockname()[1]
        command = [python, "-m", "uvicorn", "--factory", factory]
        command += ["--fd", str(descriptor), "--log-level", "warning"]
        with (home / "server.log").open("a") as log:
            process = subprocess.Popen(
                command, cwd=home, env=environment, stdout=log, stderr=log, pass_fds=[descriptor]
            )
    return process, f"http://127.0.0.1:{port}/api"


@contextmanager
def run_prefect(
    home: Path, *, python: str = sys.executable, factory: str = FACTORY, database: str | None = None, **settings: str
) -> Generator[str]:
    """Run the REST API of a real Prefect server on a new SQLite file in `home`, or a database; yield its URL, `.../api`.

    `settings` are its own (`services_triggers_enabled="true"`), else what disturbs tests is off. `python` is the one that
    it is installed for, `factory` what makes its app.

    The first request waits until the server has started (some ten seconds): give it a long timeout.
    """
    process, url = start_prefect(home, python=python, factory=factory, database=database, **settings)
    try:
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:  # old ones wait for their clients
            process.kill()
            process.wait(timeout=30)
