"""Parts of random documents are those of graphql-js, which the format comes from, and clients put them together.

graphql-js executes the same documents, each field with the answer that it has here: so where nulls spread, which
fragments and lists they end, and what of them is delivered is told by another executor.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path as File
from typing import Any

import pytest
from graphql import (
    DirectiveNode,
    FieldNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from gateway.execution.documents import Document, Documents
from tests.gateway.execution.compiled.alike import BUILT, PATIENT, Case, Situation
from tests.gateway.execution.compiled.test_alike import CASES, SEED
from tests.gateway.incremental.alike import Path, Told, drawn_parts, executing, in_parts, roomy, undirected
from tests.gateway.incremental.merged import Merged
from tests.gateway.incremental.test_clients import PACKAGES

pytestmark = PATIENT

GRAPHQL = "graphql@17.1.0"
SDL = File(__file__).parents[3] / "schema" / "schema.graphql"
KIND = "kind__"
ALONE = DirectiveNode(name=NameNode(value="experimental_disableErrorPropagation"), arguments=())


class EachByItself(Documents):
    """Documents whose operations leave each null where it is, whatever the schema says of it."""

    def _read(self, text: str) -> Document:
        document = super()._read(text)
        operations = tuple(
            OperationDefinitionNode(**{key: getattr(each, key) for key in each.keys} | {"directives": (ALONE,)})
            for each in document.operations
        )
        others = tuple(each for each in document.ast.definitions if each not in document.operations)
        ast = type(document.ast)(definitions=(*operations, *others))
        return replace(document, ast=ast, operations=operations)


async def answers(case: Case, situation: Situation) -> dict[str, Any]:
    """Return what each field answers, by its path as JSON."""

    class Kinds(Visitor):
        def leave_selection_set(self, node: SelectionSetNode, *_: object) -> SelectionSetNode:
            kind = FieldNode(alias=NameNode(value=KIND), name=NameNode(value="__typename"), arguments=(), directives=())
            return SelectionSetNode(selections=(*node.selections, kind))

    _, execution = executing(case, situation)
    execution.documents = EachByItself(BUILT, roomy(case))
    text = print_ast(visit(parse(undirected(case.operation.text)), Kinds()))
    answer = await execution.run(replace(situation.request(case.operation), query=text))
    errors = {tuple(each["path"]): each["message"] for each in answer.errors}
    return {
        json.dumps(path, separators=(",", ":")): told
        for path, told in _told(json.loads(answer.content())["data"], (), errors)
    }


def _told(value: Any, path: Path, errors: dict[Path, str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    if path and not isinstance(path[-1], int):
        items = {
            step: text for (*above, step), text in errors.items() if tuple(above) == path and isinstance(step, int)
        }
        yield path, {"value": _shallow(value), "items": items} | ({"error": errors[path]} if path in errors else {})
    if isinstance(value, dict) and KIND in value:
        for key, each in value.items():
            if key != KIND:
                yield from _told(each, (*path, key), errors)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _told(each, (*path, place), errors)


def _shallow(value: Any) -> Any:
    if isinstance(value, list):
        return [_shallow(each) for each in value]
    return {"kind": value[KIND]} if isinstance(value, dict) and KIND in value else value


async def node(script: str, modules: File, given: Any) -> list[Any]:
    """Run a script beside this one; return the lines that it prints of what it is given."""
    if not shutil.which("node"):
        pytest.skip("node is missing")
    environment = {**os.environ, "NODE_PATH": str(modules)}
    run = partial(subprocess.run, input=json.dumps(given), capture_output=True, text=True, check=False, env=environment)
    done = await asyncio.to_thread(run, ["node", File(__file__).with_name(script)])
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.rstrip("\n").split("\n")]


async def drawn() -> list[tuple[Case, Situation, Told]]:
    """Return the cases that are answered in parts."""
    cases = [case for seed in range(SEED, SEED + CASES // 8) if (case := drawn_parts(seed))]
    told = [(case, situation, await in_parts(case, situation)) for case in cases for situation in case.situations]
    return [each for each in told if each[2].parts]


async def test_parts_are_those_of_graphql_js(npm: Callable[..., File]) -> None:
    modules = npm(GRAPHQL)
    found = await drawn()
    asked = [
        {
            "text": case.operation.text,
            "variables": situation.variables,
            "operation": case.operation.name,
            "answers": await answers(case, situation),
        }
        for case, situation, _ in found
    ]
    given = {"sdl": SDL.read_text(), "cases": asked}
    for (_, _, told), each, parts in zip(found, asked, await node("reference.cjs", modules, given), strict=True):
        _same(told, parts, each)


async def test_clients_put_the_parts_together(npm: Callable[..., File]) -> None:
    modules = npm(*PACKAGES)
    found = await drawn()
    given = [{"text": case.operation.text, "parts": told.parts, "of2022": told.of_2022} for case, _, told in found]
    for (case, _, told), merged in zip(found, await node("mergers.cjs", modules, given), strict=True):
        for client, data in merged.items():
            assert _numbers(data) == _numbers(told.data), f"{client}\n{case.operation.text}\n{told}"


def _same(told: Told, parts: Any, case: dict[str, Any]) -> None:
    shown = f"{case['text']}\n{case['variables']}\n{json.dumps(told.parts)}\n{json.dumps(parts)}"
    merged = Merged(deepcopy(parts))
    if (merged.ended or told.ended) and _has_lists_in_items(merged, parts):
        return  # what ends such a list there, ends the item here
    assert _numbers(told.data) == _numbers(merged.data), shown
    assert Counter(told.ended) == Counter(merged.ended), shown
    assert _at_their_places(told.data, [path for path, _ in told.errors.elements()]) == _at_their_places(
        told.data, [tuple(each["path"]) for each in merged.errors]
    ), shown


def _has_lists_in_items(merged: Merged, parts: Any) -> bool:
    paths = [tuple(pending["path"]) for part in parts for pending in part.get("pending", ())]
    lists = {path for path in paths if isinstance(merged.at(path), list)}
    return any(path[:end] in lists for path in lists for end in range(len(path)))


def _numbers(value: Any) -> Any:
    """Return JSON with its numbers as JavaScript has them."""
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return value if isinstance(value, bool) or not isinstance(value, int) else float(value)


def _at_their_places(data: Any, errors: list[Path]) -> Counter[Path]:
    """Return where errors are whose null stands there; of those that spread either executor may tell others.

    Arguments are refused in other words by either.
    """

    def stands(path: Path) -> bool:
        found = data
        for step in path:
            if found is None or (isinstance(found, dict) and step not in found):
                return False
            if isinstance(found, list) and step >= len(found):
                return False
            found = found[step]
        return True

    return Counter(filter(stands, errors))
