"""How each gateway is asked, and its answers made comparable: names, connections, arguments, the root field."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.bench.queries import Mutation, Operation
from tests.bench.selection import RELATIONS, Answer, Level, Path

Body = dict[str, Any]


def camel(name: str) -> str:
    """Return a name of REST as GraphQL writes it: `stateType`."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def snake(name: str) -> str:
    """Return a name of GraphQL as REST writes it: `state_type`."""
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


def unchanged(name: str) -> str:
    """Return the name."""
    return name


@dataclass(frozen=True)
class Dialect:
    """The shape of a gateway's schema.

    `root` writes a root field of: the collection, the number of rows, ", offset: $offset" or nothing.
    `mutation` is the document of the mutation.
    """

    root: Callable[[str, int, str], str]
    mutation: str
    case: Callable[[str], str] = camel
    first: str = ""
    """How the first rows of a relation are asked for: "(first: %d)"; empty where the schema cannot say it."""
    nodes: bool = False
    """Whether lists are connections with `nodes`."""

    def text(self, operation: Operation) -> str:
        """Write an operation's document."""
        if isinstance(operation, Mutation):
            return self.mutation
        varies = operation.pages > 1
        root = self.root(operation.collection, operation.first, ", offset: $offset" if varies else "")
        selection = self._selection(operation.collection, operation.level, many=True)
        return f"query {'($offset: Int) ' if varies else ''}{{ {root} {selection} }}"

    def body(self, operation: Operation, offset: int, run: str) -> Body:
        """Make a request's body; `run` is the id of the run that the mutation is about."""
        body: Body = {"query": self.text(operation)}
        if isinstance(operation, Mutation):
            body["variables"] = {"id": run}
        elif operation.pages > 1:
            body["variables"] = {"offset": offset}
        return body

    def _selection(self, collection: str, level: Level, *, many: bool) -> str:
        parts = [self.case(name) for name in level.fields]
        for name, below in level.relations.items():
            relation = RELATIONS[collection, name]
            arguments = self.first % below.first if relation.many and self.first else ""
            parts.append(
                f"{self.case(name)}{arguments} {self._selection(relation.collection, below, many=relation.many)}"
            )
        fields = " ".join(parts)
        return f"{{ nodes {{ {fields} }} }}" if many and self.nodes else f"{{ {fields} }}"


def comparable(answer: Any) -> Answer:
    """Make an answer of any gateway comparable."""
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
        return Answer(answer)
    [root] = answer["data"].values()
    return Answer(_plain(root), frozenset(_path(error) for error in answer.get("errors", ())))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"nodes"}:
        return _plain(value["nodes"])
    return {snake(name): _plain(each) for name, each in value.items()}


def _path(error: Any) -> Path:
    """Return an error's path below the root field."""
    path = error.get("path") or ()
    return tuple(snake(part) if isinstance(part, str) else part for part in path[1:] if part != "nodes")


def _gateway(collection: str, first: int, offset: str) -> str:
    return f"{camel(collection)}(first: {first}{offset})"


def _plain_list(collection: str, first: int, offset: str) -> str:
    return f"{camel(collection)}(limit: {first}{offset})"


def _rest_list(collection: str, first: int, offset: str) -> str:
    return f"{collection}(limit: {first}{offset})"


def _rest_filter(collection: str, first: int, offset: str) -> str:
    """Read by POST as Prefect does, or beyond one page of it by a GET, which Prefect does not have."""
    if first > 200:
        return _rest_list(collection, first, offset)
    return f"{collection}_filter(input: {{ limit: {first}{offset} }})"


_SET_STATE = "mutation ($id: {}!) {{ {}(id: $id, {}) {{ status state {{ type name }} }} }}"
GATEWAY = Dialect(
    _gateway, _SET_STATE.format("ID", "setFlowRunState", "input: { type: CANCELLED }"), first="(first: %d)", nodes=True
)
PLAIN = Dialect(_plain_list, _SET_STATE.format("ID", "setFlowRunState", 'type: "CANCELLED"'), first="(first: %d)")
TAILCALL = Dialect(_rest_list, _SET_STATE.format("ID", "setFlowRunState", 'type: "CANCELLED"'), case=unchanged)
HIVE = Dialect(
    _rest_filter,
    _SET_STATE.format("String", "set_flow_run_state", 'input: { state: { type: "CANCELLED" } }'),
    case=unchanged,
)
