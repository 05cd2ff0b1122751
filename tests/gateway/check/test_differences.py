"""Every kind of drift that is planted into an upstream's document is found, at its place."""

import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from gateway.check import Difference, Operations, differences, documented
from gateway.check.operations import Json
from schema import COLLECTIONS

Plant = Callable[[Json], Any]
Drift = Callable[[Plant], set[Difference]]


@pytest.fixture(scope="module")
def drift(embedded: Json, mirror: Operations) -> Drift:
    """A function that tells what differs once something is planted, and did not before."""
    before = set(differences(documented(embedded), mirror))

    def planted(plant: Plant) -> set[Difference]:
        document = deepcopy(embedded)
        plant(document)
        return set(differences(documented(document), mirror)) - before

    return planted


def properties(document: Json, component: str) -> Json:
    found: Json = document["components"]["schemas"][component]["properties"]
    return found


PLANTED: dict[str, tuple[Plant, tuple[str, str, str]]] = {
    "a route more": (
        lambda d: d["paths"].update({"/flows/merge": {"post": {"responses": {}}}}),
        ("not mirrored", "route", "POST /flows/merge"),
    ),
    "a route less": (lambda d: d["paths"].pop("/flows/count"), ("upstream lacks", "route", "POST /flows/count")),
    "a method less": (
        lambda d: d["paths"]["/flows/{id}"].pop("patch"),
        ("upstream lacks", "route", "PATCH /flows/{id}"),
    ),
    "a group of a filter less": (
        lambda d: properties(d, "FlowQuery").pop("work_pools"),
        ("upstream lacks", "body field", "FlowQuery.work_pools"),
    ),
    "a filter field more": (
        lambda d: properties(d, "FlowFilter").update(size={"type": "integer"}),
        ("not mirrored", "filter field", "FlowFilter.size"),
    ),
    "a filter field less": (
        lambda d: properties(d, "FlowFilter").pop("tags"),
        ("upstream lacks", "filter field", "FlowFilter.tags"),
    ),
    "an operator more": (
        lambda d: properties(d, "TimeFilter").update(near_={"type": "string"}),
        ("not mirrored", "operator", "TimeFilter.near_"),
    ),
    "an operator less": (
        lambda d: properties(d, "AnyIdExceptFilter").pop("not_any_"),
        ("upstream lacks", "operator", "AnyIdExceptFilter.not_any_"),
    ),
    "a sort value more": (
        lambda d: d["components"]["schemas"]["FlowSort"]["enum"].append("SIZE_ASC"),
        ("not mirrored", "sort value", "FlowSort: SIZE_ASC"),
    ),
    "a sort value less": (
        lambda d: d["components"]["schemas"]["FlowSort"]["enum"].remove("NAME_ASC"),
        ("upstream lacks", "sort value", "FlowSort: NAME_ASC"),
    ),
    "a response field more": (
        lambda d: properties(d, "Flow").update(size={"type": "integer"}),
        ("not mirrored", "response field", "Flow.size"),
    ),
    "a response field less": (
        lambda d: properties(d, "Flow").pop("labels"),
        ("upstream lacks", "response field", "Flow.labels"),
    ),
    "a response field of another type": (
        lambda d: properties(d, "Flow").update(name={"type": "integer"}),
        ("type differs", "response field", "Flow.name"),
    ),
    "a time that is text": (
        lambda d: properties(d, "FlowRun").update(start_time={"type": "array", "items": {"type": "string"}}),
        ("type differs", "response field", "FlowRun.start_time"),
    ),
    "a number for an integer": (
        lambda d: properties(d, "FlowRun").update(run_count={"type": "number"}),
        ("type differs", "response field", "FlowRun.run_count"),
    ),
    "text for a time": (
        lambda d: properties(d, "FlowRun").update(start_time={"type": "string"}),
        ("type differs", "response field", "FlowRun.start_time"),
    ),
    "text for an id": (
        lambda d: properties(d, "FlowRun").update(flow_id={"type": "string"}),
        ("type differs", "response field", "FlowRun.flow_id"),
    ),
    "an integer for a number": (
        lambda d: properties(d, "FlowRun").update(total_run_time={"type": "integer"}),
        ("type differs", "response field", "FlowRun.total_run_time"),
    ),
    "a list of numbers for one of texts": (
        lambda d: properties(d, "Flow").update(tags={"type": "array", "items": {"type": "integer"}}),
        ("type differs", "response field", "Flow.tags"),
    ),
    "null where there is always a value": (
        lambda d: properties(d, "Flow").update(name={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ("type differs", "response field", "Flow.name"),
    ),
    "a free object where keys are known": (
        lambda d: properties(d, "FlowRun").update(state={"type": "object"}),
        ("type differs", "response field", "FlowRun.state"),
    ),
    "a key of a body that must be there": (
        lambda d: d["components"]["schemas"]["FlowCreate"].update(required=["name", "tags"]),
        ("type differs", "body field", "FlowCreate.tags"),
    ),
    "a value of a body that is a number": (
        lambda d: properties(d, "FlowCreate").update(name={"type": "number"}),
        ("type differs", "body field", "FlowCreate.name"),
    ),
    "a list for one": (
        lambda d: properties(d, "FlowRun").update(
            state={"type": "array", "items": {"$ref": "#/components/schemas/State"}}
        ),
        ("type differs", "response field", "FlowRun.state"),
    ),
    "a key of a body more": (
        lambda d: properties(d, "FlowCreate").update(size={"type": "integer"}),
        ("not mirrored", "body field", "FlowCreate.size"),
    ),
    "a key of a body less": (
        lambda d: properties(d, "FlowCreate").pop("labels"),
        ("upstream lacks", "body field", "FlowCreate.labels"),
    ),
    "a query parameter more": (
        lambda d: d["paths"]["/observed-states"]["get"]["parameters"].append(
            {"name": "kind", "in": "query", "schema": {"type": "string"}}
        ),
        ("not mirrored", "query parameter", "GET /observed-states: kind"),
    ),
}


@pytest.mark.parametrize(("plant", "expected"), PLANTED.values(), ids=PLANTED)
def test_planted_drift_is_found(drift: Drift, plant: Plant, expected: tuple[str, str, str]) -> None:
    assert expected in {(each.problem, each.what, each.where) for each in drift(plant)}


def test_a_renamed_key_of_any_row_or_filter_is_found(drift: Drift) -> None:
    """Of every collection, its row's and its filter's keys: one of each is renamed, all at once."""
    choose = random.Random(7)  # noqa: S311  not for secrets
    renamed: set[str] = set()

    def rename(document: Json) -> None:
        models = {model.__name__ for each in COLLECTIONS for model in (each.row, each.filter) if model}
        for component in sorted(models & document["components"]["schemas"].keys()):
            keys = properties(document, component)
            key = choose.choice(list(keys))
            keys[f"{key}_renamed"] = keys.pop(key)
            renamed.add(f"{component}.{key}_renamed")

    found = {each.where for each in drift(rename)}
    assert len(renamed) > len(COLLECTIONS)
    assert renamed - found == set()


def test_a_document_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no OpenAPI document"):
        documented({"swagger": "2.0"})


def test_routes_of_workspaces_in_the_cloud_are_those_of_a_server() -> None:
    told = {"openapi": "3.1.0", "paths": {"/api/accounts/{a}/workspaces/{w}/flows/filter": {"post": {"responses": {}}}}}
    assert list(documented(told)) == ["POST /flows/filter"]
