"""What differs between two answers, a line each, and the reasons that there are for it."""

import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from tests.gateway.embedded.alike.cases import Case
from tests.gateway.embedded.alike.reasons import REASONS
from tests.gateway.embedded.alike.twins import Answer

ABSENT = "<absent>"


def differences(case: Case, expected: Answer, actual: Answer) -> list[str]:
    """Tell what differs: `POST /flows/filter 200: .0.name: "alpha" | "beta"`."""
    if expected[0] != actual[0]:
        return [f"{case.route} {expected[0]} | {actual[0]}: {_text(expected[1])} | {_text(actual[1])}"]
    left, right = (_ordered(answer[1], case) for answer in (expected, actual))
    return [f"{case.route} {expected[0]}: {line}" for line in _leaves(left, right, "")]


def reason(difference: str) -> str | None:
    """Return the reason for a difference, if there is one."""
    return next((why for pattern, why in REASONS if re.search(pattern, difference, re.DOTALL)), None)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)[:300]


def _leaves(left: Any, right: Any, where: str) -> Iterator[str]:
    if (left == right and type(left) is type(right)) or _passes(left, right, where):
        return
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted({*left, *right}):
            yield from _leaves(left.get(key, ABSENT), right.get(key, ABSENT), f"{where}.{key}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for one, other in zip(left, right, strict=True):
            yield from _leaves(one, other, f"{where}[]")
    elif left != right:
        yield f"{where}: {_text(left)} | {_text(right)}"


def _passes(left: Any, right: Any, where: str) -> bool:
    """Tell whether two numbers are the same but for the time between the requests."""
    timed = where == "" or where.endswith((".lateness", ".duration"))
    return timed and type(left) is float is type(right) and abs(left - right) < 60


def _ordered(answer: Any, case: Case) -> Any:
    """Order what has no order: the errors of a body, and rows that are equal by the sort."""
    if isinstance(answer, dict):
        lists = {key: answer[key] for key in ("exception_detail", "deleted") if isinstance(answer.get(key), list)}
        ordered = {key: sorted(items, key=_text) for key, items in lists.items()}
        if isinstance(answer.get("results"), list):
            ordered["results"] = _untied(answer["results"], case)
        return {**answer, **ordered}
    return _untied(answer, case) if isinstance(answer, list) else answer


def _untied(rows: list[Any], case: Case) -> list[Any]:
    body = case.body
    sort = body.get("sort") if isinstance(body, dict) else None
    column = DEFAULT.get(case.route.split("/")[1]) if sort is None else re.sub("_(ASC|DESC)$", "", str(sort)).lower()
    if column is None or case.route.endswith(UNORDERED):
        return sorted(rows, key=_text)
    keyed = [row.get(column) if isinstance(row, dict) else row for row in rows]
    pairs = list(zip(keyed, rows, strict=True))
    return [
        row
        for _, tied in groupby(pairs, lambda pair: _text(pair[0]))
        for row in sorted((row for _, row in tied), key=_named)
    ]


def _named(row: Any) -> tuple[str, str]:
    """Order rows by what their ids are called, and not by what passes with time."""
    id_ = str(row.get("id", "")) if isinstance(row, dict) else ""
    return id_ if id_.startswith("$") else "", _text(row)


# What is sorted by where no sort is given; else by nothing that can be told.
UNORDERED = ("/bulk_delete", "/bulk_set_state", "/work_queue_check")
DEFAULT = {
    "flows": "name",
    "deployments": "name",
    "flow_runs": "id",
    "task_runs": "id",
    "logs": "timestamp",
    "variables": "name",
}
