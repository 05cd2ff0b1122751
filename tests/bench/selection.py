"""What a query selects, as data: from it follow its text for each gateway and, by plain Python, its right answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.bench.world import Row, World

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Relation:
    """Rows of a collection whose `theirs` is a row's `own`: one, or many."""

    collection: str
    own: str
    theirs: str
    many: bool


def _one(collection: str, key: str) -> Relation:
    return Relation(collection, key, "id", many=False)


def _many(collection: str, key: str) -> Relation:
    return Relation(collection, "id", key, many=True)


RELATIONS = {
    ("flow_runs", "flow"): _one("flows", "flow_id"),
    ("flow_runs", "deployment"): _one("deployments", "deployment_id"),
    ("flow_runs", "work_queue"): _one("work_queues", "work_queue_id"),
    ("flow_runs", "task_runs"): _many("task_runs", "flow_run_id"),
    ("flows", "flow_runs"): _many("flow_runs", "flow_id"),
    ("flows", "deployments"): _many("deployments", "flow_id"),
    ("deployments", "flow"): _one("flows", "flow_id"),
    ("task_runs", "flow_run"): _one("flow_runs", "flow_run_id"),
}
FORBIDDEN = "work_queues"
"""The collection that nobody may read: a relation to it is null, and an error."""


@dataclass(frozen=True)
class Level:
    """What is selected of rows: fields by their names in REST, relations with a level each; `first` where it is to many."""

    fields: tuple[str, ...]
    relations: Mapping[str, "Level"] = field(default_factory=dict)
    first: int | None = None


@dataclass(frozen=True)
class Answer:
    """An answer, the same for every gateway: names as in REST, connections as lists, errors as the paths below the rows."""

    rows: Any
    errors: frozenset[Path] = frozenset()


class Answers:
    """Works out right answers from the rows of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    @cached_property
    def _by(self) -> Mapping[tuple[str, str], Mapping[Any, list[Row]]]:
        keys = {(relation.collection, relation.theirs) for relation in RELATIONS.values()}
        return {(name, key): _grouped(self._world.get(name, []), key) for name, key in keys}

    def of(self, collection: str, level: Level, offset: int = 0) -> Answer:
        """Return the answer to a query of the first rows of a collection after an offset."""
        rows = self._world[collection][offset : offset + (level.first or 0)]
        selected = [self._select(collection, row, level) for row in rows]
        return Answer(selected, frozenset(_forbidden(collection, level, selected, ())))

    def _select(self, collection: str, row: Row, level: Level) -> Row:
        selected = {name: row[name] for name in level.fields}
        for name, below in level.relations.items():
            relation = RELATIONS[collection, name]
            found = self._by[relation.collection, relation.theirs].get(row[relation.own], [])
            rows = [self._select(relation.collection, each, below) for each in found[: below.first]]
            selected[name] = rows if relation.many else (rows[0] if rows else None)
        return selected


def _grouped(rows: list[Row], key: str) -> Mapping[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def _forbidden(collection: str, level: Level, rows: list[Row], path: Path) -> Iterator[Path]:
    for name in level.relations:
        if RELATIONS[collection, name].collection == FORBIDDEN:
            yield from ((*path, index, name) for index in range(len(rows)))
