"""A PostgreSQL server of the tests' own, in a folder that is deleted with it."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import asyncpg

USER = "postgres"


class Postgres:
    """A server on a port of 127.0.0.1 that makes databases."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = count(1)

    async def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        connection = await asyncpg.connect(host="127.0.0.1", port=self.port, user=USER, database="postgres")
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"


def find_programs() -> Path | None:
    """Find the folder of initdb and pg_ctl, on the path or where Debian keeps them."""
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def run_postgres(programs: Path) -> Generator[Postgres]:
    """Run a server for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder, socket.socket() as probe:
        data = Path(folder, "data")
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
        _run(
            programs / "initdb",
            "--pgdata",
            data,
            "--username",
            USER,
            "--auth",
            "trust",
            "--no-sync",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
        )
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        _run(
            programs / "pg_ctl", "start", "--pgdata", data, "--log", Path(folder, "log"), "--wait", "--options", options
        )
        try:
            yield Postgres(port)
        finally:
            _run(programs / "pg_ctl", "stop", "--pgdata", data, "--mode", "immediate", "--wait")


def _run(*command: str | Path) -> None:
    # PostgreSQL refuses to run as root.
    as_user = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"] if os.geteuid() == 0 else []
    subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")
