"""The same queries of every collection against real older servers, and the README's table of what works where.

`make test-old` installs the servers and runs this; it is no part of `make test`.
"""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from resolvers.names import graphql_name
from schema import COLLECTIONS
from tests.conftest import ROOT
from tests.gateway.embedded.comparison import Talk, parse
from tests.gateway.stack import Gateway, open_gateway, uuid
from tests.old.asked import Asked, connections, filters, rows
from tests.services import run_prefect

FACTORIES = {
    "2.8.7": "prefect.orion.api.server:create_app",
    "2.20.27": "prefect.server.api.server:create_app",
    "3.0.0": "prefect.server.api.server:create_app",
}

# Events and automations of Prefect 2 are an experiment to be turned on.
OFF = "are not enabled"

TABLE = ROOT / "deploy" / "readme" / "older-servers.md"
SEED = (Path(__file__).parent / "seed.http").read_text()


@dataclass
class Found:
    """What one server answered for a collection."""

    lacking: bool = False
    refused: set[str] = field(default_factory=set)
    """Words of filters that it does not know, each told as an error."""
    ignored: set[str] = field(default_factory=set)
    """Groups of a composite filter that it does not know, and does not heed."""

    def __str__(self) -> str:
        if self.lacking:
            return "no"
        notes = [f"without {_listed(self.refused)}"] if self.refused else []
        notes += [f"**heeds no** {_listed(self.ignored)}"] if self.ignored else []
        return "; ".join(["yes", *notes])


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


FOUND: dict[str, dict[str, Found]] = defaultdict(dict)


@dataclass(frozen=True)
class Server:
    """An older server with a row of everything that it has."""

    version: str
    known: dict[str, str]
    gateway: Gateway


@pytest.fixture(scope="module", params=FACTORIES)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """The version and the URL of a server, each in turn."""
    version: str = request.param
    python = ROOT / ".cache" / "old" / version / "bin" / "python"
    if not python.exists():
        pytest.fail(f"Prefect {version} is not installed: run make test-old")
    with run_prefect(tmp_path_factory.mktemp(version), python=str(python), factory=FACTORIES[version]) as url:
        yield version, url


@pytest.fixture(scope="module")
async def server(running: tuple[str, str]) -> AsyncIterator[Server]:
    """A server, filled, and a gateway before it."""
    version, url = running
    async with httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as client:
        assert (await client.get("/admin/version")).json() == version
        talk = Talk(client)
        for request in parse(SEED):
            try:
                await talk.send(request)
            except (KeyError, TypeError, ValueError):
                continue  # it refers to what this server lacks, or is answered by what is no row
    ids = {name: kept["id"] for name, kept in talk.kept.items() if isinstance(kept, dict) and "id" in kept}
    run, task = ids["run"], ids["task"]
    known = {"flowRunId": f'"{run}"', "taskRunId": f'"{task}"', "workPoolName": '"pool"'}
    async with open_gateway(upstream=url) as gateway:
        yield Server(version, known, gateway)


@pytest.mark.parametrize("name", connections())
async def test_a_collection_works_or_is_lacking_in_one_clear_error(server: Server, name: str) -> None:
    connection = connections()[name]
    found = FOUND[name][server.version] = Found()
    answered = await server.gateway.ask(rows(name, connection, server.known).query)
    if errors := answered.get("errors"):
        assert clear(errors, server.version), errors
        found.lacking = True
        return
    assert answered["data"][name] is not None
    for asked in filters(name, connection, server.known):
        await _try(server.gateway, server.version, asked, found, rows_there=bool(answered["data"][name]["nodes"]))


async def _try(gateway: Gateway, version: str, asked: Asked, found: Found, *, rows_there: bool) -> None:
    answered = await gateway.ask(asked.query)
    if errors := answered.get("errors"):
        [message] = {error["message"] for error in errors}
        assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}, errors
        assert message.endswith(f"The server's version is {version}."), message
        named = {graphql_name(word) for word in re.findall(r"\w+", message)}
        assert asked.group in named or named & {*asked.words}, (message, asked)
        found.refused.add(asked.group or ".".join(asked.words))
    elif asked.group and rows_there and answered["data"][asked.field]["nodes"]:
        found.ignored.add(asked.group)


def clear(errors: list[dict[str, Any]], version: str) -> bool:
    """Tell whether errors say one thing: that the server of a version has no such route, or that it is turned off."""
    lacking = rf"The Prefect API has no (GET|POST) /\S+: the server's version is {re.escape(version)}\."
    return all(re.fullmatch(lacking, each["message"]) or OFF in each["message"] for each in errors)


def _told(errors: list[dict[str, Any]], version: str) -> bool:
    """Tell whether errors are about a filter that the server does not know: rows are read by `id.any` in it."""
    return all(
        error["extensions"]["code"] == "BAD_USER_INPUT" and error["message"].endswith(f"version is {version}.")
        for error in errors
    )


async def test_keys_that_an_older_server_lacks_are_defaults_or_null(server: Server) -> None:
    runs = "flowRuns { nodes { name createdBy { id } flow { name } state { type } } }"
    data = await server.gateway.data(f"{{ flows {{ nodes {{ name tags labels }} }} {runs} }}")
    assert {"name": "old", "tags": ["a"]}.items() <= data["flows"]["nodes"][0].items()
    [run] = data["flowRuns"]["nodes"]
    assert run == {"name": "first", "createdBy": None, "flow": {"name": "old"}, "state": {"type": "COMPLETED"}}


async def test_a_row_that_is_not_there_is_null_and_a_route_that_is_not_there_an_error(server: Server) -> None:
    for collection in (each for each in COLLECTIONS if each.item):
        name = graphql_name(collection.one)
        answered = await server.gateway.ask(f'{{ {name}(id: "{uuid(9)}") {{ __typename }} }}')
        assert answered["data"][name] is None
        errors = answered.get("errors", [])
        assert clear(errors, server.version) or _told(errors, server.version), answered
    assert await server.gateway.data(f'{{ node(id: "{uuid(9)}") {{ id }} }}') == {"node": None}


def test_the_table_is_written() -> None:
    assert all(FOUND[name].keys() == FACTORIES.keys() for name in connections())
    lines = ["| | " + " | ".join(FACTORIES) + " |", "|---|" + "---|" * len(FACTORIES)]
    lines += [
        f"| `{name}` | {' | '.join(str(found[version]) for version in FACTORIES)} |" for name, found in FOUND.items()
    ]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(lines) + "\n")
