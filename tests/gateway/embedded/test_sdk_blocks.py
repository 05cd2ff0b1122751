"""Prefect's own library saves its blocks in the embedded server and finds them again, secrets and nested ones included."""

import asyncio
import socket
from pathlib import Path

import pytest
import uvicorn

from gateway.serving import rest_app
from gateway.settings import Settings
from tests.gateway.embedded.test_sdk_concurrency import run
from tests.gateway.stack import Quiet

pytestmark = pytest.mark.long

PROGRAM = Path(__file__).with_name("sdk_blocks.py")


async def test_the_library_saves_and_loads_blocks(tmp_path: Path) -> None:
    app = rest_app(Settings(database_url=f"sqlite:///{tmp_path / 'embedded.db'}"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Quiet(uvicorn.Config(app, log_config=None, lifespan="on"))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            seen = await run(f"http://127.0.0.1:{listening.getsockname()[1]}/api", tmp_path, PROGRAM)
        finally:
            server.should_exit = True
            await serving
    assert seen == {
        "secret": "second",
        "object": {"user": "u", "password": "p"},
        "files": "/data",
        "outer": ["inner", "n", 2],
        "anonymous": "unsaved",
    }
