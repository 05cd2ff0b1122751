"""The examples of a supergraph in `deploy/federation` fit the gateway and each other; a Hive Gateway runs them in ../gateway."""

import re
import shlex
from typing import Any

import yaml
from pydantic_core import PydanticUndefined

from gateway.settings import Settings
from tests.test_project import ROOT

FOLDER = ROOT / "deploy" / "federation"
COMMANDS = [
    shlex.split(line) for line in re.findall(r"^    (\w.*\S)$", (FOLDER / "README.md").read_text(), re.MULTILINE)
]


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def test_the_subgraph_is_where_the_gateway_serves_and_what_it_prints() -> None:
    port, host = (Settings.model_fields[name].default for name in ("port", "host"))
    assert PydanticUndefined not in (port, host)
    url = f"http://{host}:{port}/graphql"
    (subgraph,) = read("supergraph.yaml")["subgraphs"].values()
    assert subgraph["routing_url"] == url
    assert any(command[:2] == ["npx", "hive"] and url in command for command in COMMANDS)
    printed = {command[-1] for command in COMMANDS if command[:3] == ["prefect-graphql", "schema", "--federation"]}
    assert {subgraph["schema"]["file"].removeprefix("./")} == printed


def test_the_router_listens_where_it_is_asked_and_passes_credentials_on() -> None:
    config = read("router.yaml")
    asked = {command[1] for command in COMMANDS if command[0] == "curl"}
    assert f"http://{config['supergraph']['listen']}/" in asked
    assert config["headers"]["all"]["request"] == [{"propagate": {"named": "authorization"}}]
    assert config["include_subgraph_errors"]["all"] is True
    seconds = Settings.model_fields["deadline"].default
    assert int(config["traffic_shaping"]["all"]["timeout"].removesuffix("s")) > seconds


def test_each_file_is_used_by_a_command() -> None:
    words = {word for command in COMMANDS for word in command}
    assert {path.name for path in FOLDER.iterdir()} - {"README.md"} <= words
