"""What filters mean, a second time: over rows in Python, with the three truth values of SQL."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from tests.gateway.embedded.population import Row, World

Truth = bool | None
Filter = dict[str, Any]
Groups = dict[str, Filter]


def select_rows(world: World, collection: str, groups: dict[str, Filter | None]) -> list[Row]:
    """Return the rows of a collection that a body's groups select, in the order of the world."""
    given = {group: filter_ for group, filter_ in groups.items() if filter_ is not None}
    return [row for row in world[collection] if _selected(world, collection, row, given)]


def _selected(world: World, collection: str, row: Row, groups: Groups) -> bool:
    own = groups.get(collection) or (groups.get("work_pool_queues") if collection == "work_queues" else None)
    return (own is None or holds(world, collection, row, own) is True) and _related(world, collection, row, groups)


def _related(world: World, collection: str, row: Row, groups: Groups) -> bool:
    """Join as Prefect does: every group of a body on one path means the same rows along it."""
    given = set(groups) - {collection}

    def some(name: str, key: str, value: Any, keep: set[str]) -> bool:
        rest = {group: groups[group] for group in keep & given}
        others = (other for other in world[name] if value is not None and other[key] == value)
        return not rest or any(_selected(world, name, other, rest) for other in others)

    if collection == "flows":
        return some("deployments", "flow_id", row["id"], {"deployments", "work_pools"}) and some(
            "flow_runs", "flow_id", row["id"], {"flow_runs", "task_runs"}
        )
    if collection == "flow_runs":
        return (
            some("flows", "id", row["flow_id"], {"flows"})
            and some("deployments", "id", row["deployment_id"], {"deployments"})
            and some("work_queues", "id", row["work_queue_id"], {"work_pools", "work_pool_queues"})
            and some("task_runs", "flow_run_id", row["id"], {"task_runs"})
        )
    if collection == "task_runs":
        return some("flow_runs", "id", row["flow_run_id"], {"flow_runs", "flows", "deployments"})
    if collection == "deployments":
        return (
            some("flows", "id", row["flow_id"], {"flows"})
            and some("flow_runs", "deployment_id", row["id"], {"flow_runs", "task_runs"})
            and some("work_queues", "id", row["work_queue_id"], {"work_pools", "work_pool_queues"})
        )
    if collection == "work_queues":
        return some("work_pools", "id", row["work_pool_id"], {"work_pools"})
    return True


def holds(world: World, collection: str, row: Row, filter_: Filter) -> Truth:
    """Tell whether a filter holds for a row."""
    parts: list[Truth] = []
    for field, leaf in filter_.items():
        if field == "operator" or leaf is None or (collection, field) == ("deployments", "concurrency_limit"):
            continue
        if (collection, field) == ("logs", "text"):
            parts += search(f"{row['message']} {row['name']}", leaf["query"])
        elif field == "state":
            named = [
                _leaf(row[f"state_{name}"], words)
                for name, words in leaf.items()
                if name != "operator" and words and any_given(words)
            ]
            parts.append(combine(named, leaf))
        else:
            parts.append(_field(world, collection, row, field, leaf))
    return combine(parts, filter_)


def combine(parts: Iterable[Truth], filter_: Filter) -> Truth:
    parts = list(parts)
    if not parts:
        return True
    decisive = filter_.get("operator") == "or_"
    return decisive if decisive in parts else (None if None in parts else not decisive)


def any_given(words: Filter) -> bool:
    return any(
        value is not None and not (word in {"not_any_", "all_", "like_"} and not value) for word, value in words.items()
    )


def _field(world: World, collection: str, row: Row, field: str, leaf: Filter) -> Truth:  # noqa: PLR0911 (one case a field)
    match collection, field:
        case "flows", "deployment":
            return _leaf(None if all(other["flow_id"] != row["id"] for other in world["deployments"]) else "some", leaf)
        case "flow_runs", "start_time":
            shown = {word: value for word, value in leaf.items() if word != "is_null_"}
            start = row["start_time"] or row["expected_start_time"]
            return combine([_leaf(start, shown), _leaf(row["start_time"], {"is_null_": leaf.get("is_null_")})], {})
        case "flow_runs", "parent_flow_run_id":
            parent = next(
                (task["flow_run_id"] for task in world["task_runs"] if task["id"] == row["parent_task_run_id"]), None
            )
            return bool(_leaf(parent, leaf)) if leaf.get("any_") is not None else True
        case "flow_runs", "created_by":
            creator = row["created_by"] or {}
            words = [
                _leaf(creator.get("id"), {"any_": leaf.get("id_")}) if leaf.get("id_") is not None else None,
                _leaf(creator.get("type"), {"any_": leaf.get("type_")}) if leaf.get("type_") is not None else None,
                _leaf(row["created_by"], {"is_null_": leaf.get("is_null_")})
                if leaf.get("is_null_") is not None
                else None,
            ]
            given = [leaf.get(word) is not None for word in ("id_", "type_", "is_null_")]
            return combine([word for word, used in zip(words, given, strict=True) if used], leaf)
        case "task_runs", "flow_run_id":
            is_null, ids = leaf.get("is_null_", False), leaf.get("any_")
            if is_null or (is_null is False and ids is None):
                return (row["flow_run_id"] is None) is is_null
            return True if ids is None else _leaf(row["flow_run_id"], {"any_": ids})
        case "task_runs", "subflow_runs":
            exists = any(other["parent_task_run_id"] == row["id"] for other in world["flow_runs"])
            return True if leaf.get("exists_") is None else exists is leaf["exists_"]
        case "deployments", "flow_or_deployment_name":
            flow = next(other for other in world["flows"] if other["id"] == row["flow_id"])
            return combine([_leaf(row["name"], leaf), _leaf(flow["name"], leaf)], {"operator": "or_"})
        case _:
            return _leaf(row[field], leaf)


def _leaf(value: Any, leaf: Filter) -> Truth:
    words = {word: given for word, given in leaf.items() if word != "operator" and any_given({word: given})}
    return combine([WORDS[word](value, given) for word, given in words.items()], leaf)


def _known(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Truth]:
    return lambda value, given: None if value is None else compare(value, given)


def _any(value: Any, given: list[Any]) -> Truth:
    if isinstance(value, list):
        return bool(set(value) & set(given))
    return None if value is None and given else value in given


def like(value: str, pattern: str) -> bool:
    """Match as LIKE does: `%` and `_` are wildcards, and the case of a to z is ignored."""
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL | re.ASCII) is not None


WORDS: dict[str, Callable[[Any, Any], Truth]] = {
    "any_": _any,
    "not_any_": _known(lambda value, given: value not in given),
    "all_": lambda value, given: set(given) <= set(value),
    "like_": _known(lambda value, given: like(value, f"%{given}%")),
    "startswith_": _known(lambda value, given: not given or any(like(value, f"{prefix}%") for prefix in given)),
    "is_null_": lambda value, given: (not value if isinstance(value, list) else value is None) is given,
    "before_": _known(lambda value, given: value <= datetime.fromisoformat(given)),
    "after_": _known(lambda value, given: value >= datetime.fromisoformat(given)),
    "ge_": _known(lambda value, given: value >= given),
    "le_": _known(lambda value, given: value <= given),
    "eq_": _known(lambda value, given: value is given),
}


def search(text: str, query: str) -> list[Truth]:
    """Read a query of plain words and closed phrases, as the tests write them."""
    found: dict[str, list[bool]] = {"": [], "-": [], "+": []}
    for sign, phrase, word in re.findall(r'([-!+]?)(?:"([^"]*)"|([^\s"]+))', query):
        found[sign.replace("!", "-")].append((phrase or word).lower() in text.lower())
    conditions: list[Truth] = []
    if found[""]:
        conditions.append(any(found[""]))
    if found["-"]:
        conditions.append(not any(found["-"]))
    if found["+"]:
        conditions.append(all(found["+"]))
    return conditions
