"""`_service`: the schema as a subgraph, and as clients see it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    NamedTypeNode,
    Node,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    build_schema,
    parse,
    validate_schema,
)

from gateway.execution.variables import children
from schema.build import build
from schema.printing import public_sdl, subgraph_sdl

SCHEMA = build()

Row = dict[str, Any]


def sdl() -> str:
    answer = SCHEMA.execute_sync("{ _service { sdl } }")
    assert answer.data
    text: str = answer.data["_service"]["sdl"]
    return text


def declared(text: str) -> dict[str, Any]:
    """Return the definitions of types by their names."""
    return {each.name.value: each for each in parse(text).definitions if hasattr(each, "name") and each.name}


def directives(node: Any) -> dict[str, Row]:
    return {
        applied.name.value: {argument.name.value: argument.value.value for argument in applied.arguments or ()}
        for applied in node.directives or ()
    }


def test_every_resource_has_a_key_that_is_resolvable_where_rest_reads_by_id() -> None:
    keys = {
        name: [{argument.name.value: argument.value.value for argument in each.arguments} for each in node.directives]
        for name, node in declared(sdl()).items()
        if isinstance(node, ObjectTypeDefinitionNode) and "key" in directives(node)
    }
    assert {name: each[0]["fields"] for name, each in keys.items()} == dict.fromkeys(keys, "id")
    assert {name: [key["fields"] for key in each[1:]] for name, each in keys.items() if each[1:]} == {
        "BlockType": ["slug"],
        "ConcurrencyLimit": ["tag"],
        "Deployment": ["name flow { name }"],
        "Flow": ["name"],
        "GlobalConcurrencyLimit": ["name"],
        "Variable": ["name"],
        "WorkPool": ["name"],
    }
    resolvable = {name for name, each in keys.items() if each[0]["resolvable"]}
    assert all(key["resolvable"] for name in resolvable for key in keys[name])
    assert keys.keys() - resolvable == {
        "ArtifactCollection",
        "DeploymentSchedule",
        "Event",
        "FlowRunInput",
        "Log",
        "Worker",
    }
    union = SCHEMA._schema.type_map["_Entity"]
    assert isinstance(union, GraphQLUnionType)
    assert {type_.name for type_ in union.types} == resolvable


def test_a_type_with_an_id_is_an_entity() -> None:
    # Their ids are those of other rows, or of what no route reads: who made a row, a part of a graph, a point of a chart.
    values = {
        "AutomationTrigger",
        "CreatedBy",
        "CsrfToken",
        "FlowRunPoint",
        "FlowRunSlotSummary",
        "OccupiedLimit",
        "UpdatedBy",
    }
    values |= {"FlowRunDependencies", "FlowRunDependency", "NewGlobalConcurrencyLimit"}
    values |= {"FlowRunGraphArtifact", "FlowRunGraphEdge", "FlowRunGraphNode", "FlowRunGraphState"}
    with_id = {
        name
        for name, type_ in SCHEMA._schema.type_map.items()
        if isinstance(type_, GraphQLObjectType) and "id" in type_.fields
    }
    types = declared(sdl())
    assert {name for name in with_id if "key" in directives(types[name])} == with_id - values


def test_the_subgraph_leaves_out_what_every_subgraph_has() -> None:
    whole, own = declared(SCHEMA.as_str()), declared(sdl())
    assert whole.keys() - own.keys() == {"_Any", "_Entity", "_Service", "defer", "stream"}
    names = {
        name: {field.name.value for field in types["Query"].fields}
        for name, types in {"whole": whole, "own": own}.items()
    }
    assert names["whole"] - names["own"] == {"node", "nodes", "health", "hello", "ready", "_entities", "_service"}
    for name in own.keys() - {"Query"}:
        assert own[name].to_dict() == whole[name].to_dict()


def test_directives_are_imported_and_scalars_specified() -> None:
    text = sdl()
    assert text.startswith(
        'schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: '
        '["@inaccessible", "@key", "@shareable", "@tag"])'
    )
    types = declared(text)
    used = {name for node in types.values() for name in directives(node)}
    assert used == {"inaccessible", "key", "shareable", "specifiedBy"}
    assert directives(types["PageInfo"]) == {"shareable": {}}
    scalars = [node for node in types.values() if isinstance(node, ScalarTypeDefinitionNode)]
    assert {node.name.value for node in scalars} == {"DateTime", "JSON"}
    for node in scalars:
        scalar = SCHEMA._schema.type_map[node.name.value]
        assert isinstance(scalar, GraphQLScalarType)
        assert directives(node)["specifiedBy"]["url"] == scalar.specified_by_url


def test_clients_see_no_federation_and_nothing_inaccessible() -> None:
    whole, public = build_schema(SCHEMA.as_str(), assume_valid=True), build_schema(public_sdl(SCHEMA))
    assert validate_schema(public) == []
    assert whole.type_map.keys() - public.type_map.keys() == {"_Any", "_Entity", "_Service", "CsrfToken"}
    assert whole.query_type
    assert public.query_type
    assert whole.query_type.fields.keys() - public.query_type.fields.keys() == {"_entities", "_service", "csrfToken"}
    assert {"node", "nodes", "uiFlowRunPoints"} <= public.query_type.fields.keys()
    found = re.findall(r" @(\w+)", re.sub(r'"""[\s\S]*?"""', "", public_sdl(SCHEMA)))
    assert set(found) == {"defer", "specifiedBy", "stream"}


def test_what_may_change_is_tagged() -> None:
    fields = {field.name.value: directives(field) for field in declared(sdl())["Query"].fields}
    assert {name for name, applied in fields.items() if "tag" in applied} == {
        "uiFlowRunPoints",
        "uiNextFlowRuns",
        "uiTaskRunBars",
        "uiTaskRunCounts",
        "validateValues",
    }


def below(node: Node) -> Iterator[Node]:
    yield node
    for child in children(node):
        yield from below(child)


@pytest.mark.parametrize("printed", [subgraph_sdl, public_sdl])
def test_no_type_is_left_that_nothing_leads_to(printed: Any) -> None:
    document: DocumentNode = parse(printed(SCHEMA))
    named = {node.name.value for node in below(document) if isinstance(node, NamedTypeNode)}
    defined = {each.name.value for each in document.definitions if isinstance(each, TypeDefinitionNode)}
    assert defined - named == ({"Query", "Mutation", "Subscription"} - named)
    scalars = {"ID", "String", "Int", "Float", "Boolean"}
    assert named - defined == scalars
