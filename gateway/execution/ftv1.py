"""Traces for Apollo's routers, ftv1: the tree of an answer's fields as a protobuf message, in base64.

The message is `Trace` of https://www.npmjs.com/package/@apollo/usage-reporting-protobuf. Of it a dozen fields of two wire
types are written, which is less than what a protobuf library and generated code would add. The tree is read off the
answer, so that it is the same whichever executor made it. A field that reads has the time of its read, which is one for
all rows of a level; all else is there as soon as what it stands in, and takes no time.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues, get_argument_values

from gateway.execution.documents import Document
from gateway.execution.request import Answer
from gateway.execution.times import Keys, Times

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """Where a field is in the answer, and when it was read, or there with what it stands in; from the operation's start."""

    path: Path = ()
    keys: Keys = ()
    start: int = 0
    end: int = 0

    def field(self, key: str, times: Times) -> "Place":
        """Return the place of a field in here."""
        keys = (*self.keys, key)
        return Place((*self.path, key), keys, *times.spans.get(keys, (self.end, self.end)))


@dataclass
class Traced:
    """One operation that was executed, in `duration` nanoseconds."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    times: Times
    duration: int
    data: Any = None
    errors: Sequence[Mapping[str, Any]] = ()
    _details: dict[str, FragmentDetails] = field(init=False)
    _failed: dict[Path, list[Mapping[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the errors by where they are."""
        self._details = {name: FragmentDetails(each) for name, each in self.fragments.items()}
        for error in self.errors:
            self._failed.setdefault(self._place(error.get("path") or ()), []).append(error)

    def text(self) -> str:
        """Return the trace as it stands in `extensions.ftv1`."""
        start = self.times.start
        message = _part(4, _time(start)) + _part(3, _time(start + self.duration))
        message += _number(11, self.duration) + _part(14, self._root())
        return base64.b64encode(message).decode()

    def _place(self, path: Sequence[str | int]) -> Path:
        """Return the longest part of a path that leads to something in the answer."""
        value, place = self.data, 0
        for key in path:
            holds = (
                isinstance(key, int) and key < len(value)
                if isinstance(value, list)
                else isinstance(value, dict) and key in value
            )
            if not holds:
                break
            value, place = value[key], place + 1
        return tuple(path[:place])

    def _root(self) -> bytes:
        kind = self.schema.get_root_type(self.operation.operation)
        content = b"".join(self._errors(()))
        if kind is None or not isinstance(self.data, dict):
            return content
        fields = collect_fields(self.schema, self._details, self.variables, kind, self.operation).grouped_field_set
        return content + b"".join(self._children(kind, fields, self.data, Place()))

    def _children(
        self, kind: GraphQLObjectType, fields: Mapping[str, list[FieldDetails]], made: Any, place: "Place"
    ) -> Iterator[bytes]:
        for key, details in fields.items():
            declared = kind.fields.get(details[0].node.name.value)
            if declared is None or key not in made:  # __typename is traced by nobody
                continue
            node, at = details[0].node, place.field(key, self.times)
            content = _text(1, key) + _text(3, str(declared.type)) + _text(13, kind.name)
            if key != node.name.value:
                content += _text(14, node.name.value)
            content += _number(8, at.start) + _number(9, at.end) + b"".join(self._errors(at.path))
            inner = get_named_type(declared.type)
            if not is_leaf_type(inner):
                types = self._entities(node, declared) if is_abstract_type(inner) else None
                content += b"".join(self._within(inner, details, made[key], at, types))
            yield _part(12, content)

    def _within(
        self, kind: Any, details: list[FieldDetails], value: Any, place: "Place", types: Sequence[str] | None
    ) -> Iterator[bytes]:
        """Write what is in an object, or in a list of them, whose items may have types that are known."""
        if isinstance(value, list):
            for index, item in enumerate(value):
                at = replace(place, path=(*place.path, index))
                named = types[index : index + 1] if types else None
                inner = [*self._errors(at.path), *self._within(kind, details, item, at, named)]
                yield _part(12, _number(2, index, always=True) + b"".join(inner))
        elif isinstance(value, dict):
            name = value.get("__typename") or (types[0] if types else kind.name)
            found = self.schema.get_type(name)
            if isinstance(found, GraphQLObjectType):
                fields = collect_subfields(
                    self.schema, self._details, self.variables, self.operation, found, details
                ).grouped_field_set
                yield from self._children(found, fields, value, place)

    def _entities(self, node: FieldNode, declared: Any) -> list[str] | None:
        """Return the types that the representations of entities name."""
        given = get_argument_values(declared, node, self.variables).get("representations")
        return [str(each.get("__typename")) if isinstance(each, dict) else "" for each in given] if given else None

    def _errors(self, path: Path) -> Iterator[bytes]:
        """Write the errors at a path; their texts, which may tell of data, are not for whom traces are kept by."""
        for error in self._failed.get(path, ()):
            places = [_number(1, place["line"]) + _number(2, place["column"]) for place in error.get("locations") or ()]
            shown = {"message": "<masked>", "extensions": {"code": error.get("extensions", {}).get("code")}}
            content = _text(1, "<masked>") + b"".join(_part(2, place) for place in places)
            yield _part(11, content + _text(4, json.dumps(shown)))


def traced(
    answer: Answer,
    schema: GraphQLSchema,
    document: Document,
    operation: OperationDefinitionNode,
    variables: VariableValues,
    times: Times,
) -> Answer:
    """Add the trace of an operation to its answer."""
    duration = times.passed()
    trace = Traced(
        schema,
        operation,
        document.fragments,
        variables,
        times,
        duration,
        json.loads(answer.content()).get("data"),
        answer.errors,
    )
    return replace(answer, extensions={**answer.extensions, "ftv1": trace.text()})


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def _number(tag: int, value: int, *, always: bool = False) -> bytes:
    return _varint(tag << 3) + _varint(value) if value or always else b""


def _part(tag: int, content: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(content)) + content


def _text(tag: int, text: str) -> bytes:
    return _part(tag, text.encode())


def _time(nanoseconds: int) -> bytes:
    return _number(1, nanoseconds // 10**9) + _number(2, nanoseconds % 10**9)
