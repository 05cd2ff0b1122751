"""The subgraph composes with others, by each of the composers in use."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from graphql import GraphQLSchema, build_ast_schema, parse

from schema.build import build
from tests.test_project import ROOT

FOLDER = Path(__file__).parent / "subgraph"
INCIDENTS = (FOLDER / "incidents.graphql").read_text()
ALARMS = (FOLDER / "alarms.graphql").read_text()
GRAPHQL = "graphql@16.15.0"
ROVER = yaml.safe_load((ROOT / "deploy" / "federation" / "supergraph.yaml").read_text())["federation_version"].strip(
    "="
)

Compose = Callable[..., dict[str, Any]]


@pytest.fixture(
    params=["@apollo/composition@2.14.4", "@theguild/federation-composition@0.27.0", "@wundergraph/composition@0.55.0"]
)
def compose(request: pytest.FixtureRequest, npm: Callable[..., Path]) -> Compose:
    """A function that composes named subgraphs."""
    modules = npm(GRAPHQL, request.param)
    if not shutil.which("node"):
        pytest.skip("node is missing")

    def run(**subgraphs: str) -> dict[str, Any]:
        done = subprocess.run(
            ["node", FOLDER / "compose.cjs", request.param.rpartition("@")[0]],
            input=json.dumps([{"name": name, "sdl": sdl} for name, sdl in subgraphs.items()]),
            env={**os.environ, "NODE_PATH": str(modules)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        composed: dict[str, Any] = json.loads(done.stdout)
        return composed

    return run


@pytest.fixture(scope="module")
def sdl() -> str:
    """What the subgraph tells composers."""
    answer = build().execute_sync("{ _service { sdl } }")
    assert answer.data
    text: str = answer.data["_service"]["sdl"]
    return text


def fields(schema: GraphQLSchema, name: str) -> dict[str, str]:
    """Return the types of a type's fields."""
    type_: Any = schema.type_map[name]
    return {field: str(found.type) for field, found in type_.fields.items()}


def test_it_composes_alone(compose: Compose, sdl: str) -> None:
    assert compose(prefect=sdl)["errors"] == []


@pytest.mark.parametrize("compose", [f"@apollo/composition@{ROVER}"], indirect=True)
def test_it_composes_by_the_version_that_rover_is_told(compose: Compose, sdl: str) -> None:
    assert compose(prefect=sdl, incidents=INCIDENTS, alarms=ALARMS)["errors"] == []


def test_it_composes_with_others(compose: Compose, sdl: str) -> None:
    composed = compose(prefect=sdl, incidents=INCIDENTS, alarms=ALARMS)
    assert composed["errors"] == []
    supergraph = build_ast_schema(parse(composed["sdl"]), assume_valid_sdl=True)
    assert fields(supergraph, "Incident")["flowRun"] == "FlowRun"
    joined = fields(supergraph, "FlowRun")
    assert joined["incidents"] == "[Incident!]!"
    assert joined["flow"] == "Flow"
    assert joined["alarm"] == "String"
    assert fields(supergraph, "Mutation").keys() >= {"createAlarm", "createFlow", "setFlowRunState"}
    assert fields(supergraph, "Subscription").keys() >= {"alarm", "flowRunUpdated"}
    assert '@tag(name: "internal")' in composed["sdl"]
    query: Any = supergraph.query_type
    assert "inaccessible" in {each.name.value for each in query.fields["csrfToken"].ast_node.directives}
    roots = fields(supergraph, "Query")
    assert {"node", "nodes", "incidents", "flowRun", "flowRuns", "deployments"} <= roots.keys()
    assert not {"_entities", "_service"} & roots.keys()


def test_generic_names_stay_whole(compose: Compose, sdl: str) -> None:
    composed = compose(prefect=sdl, incidents=INCIDENTS, alarms=ALARMS)["sdl"]
    supergraph = build_ast_schema(parse(composed), assume_valid_sdl=True)
    own = build()._schema
    others = (INCIDENTS, ALARMS.replace("extend type", "type"))
    for schema in (own, *(build_ast_schema(parse(other), assume_valid_sdl=True) for other in others)):
        for name, type_ in schema.type_map.items():
            if name.startswith(("_", "link__")) or name == "Query":
                continue
            for part in ("fields", "values"):
                declared = getattr(type_, part, {}).keys()
                assert declared <= getattr(supergraph.type_map[name], part, {}).keys(), name


def test_the_whole_schema_would_not_compose(compose: Compose) -> None:
    errors = compose(prefect=build().as_str(), incidents=INCIDENTS)["errors"]
    assert any("node" in error for error in errors)


def test_a_newer_version_would_not_compose_everywhere(
    compose: Compose, request: pytest.FixtureRequest, sdl: str
) -> None:
    errors = compose(prefect=sdl.replace("federation/v2.0", "federation/v2.11"))["errors"]
    refused = "theguild" in request.node.name
    assert bool(errors) == refused
