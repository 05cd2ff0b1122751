"""Routes and the shapes of what they take and answer, read from JSON Schema of whichever side."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from schema.types import ADDED

Json = dict[str, Any]

FORMATS = frozenset({"uuid", "date-time"})


@dataclass(frozen=True)
class Shape:
    """A JSON schema within a document: null left out, alternatives taken together."""

    raw: Json
    document: Json

    @cached_property
    def name(self) -> str | None:
        """The component's name, or those of the alternatives."""
        named = [part["$ref"].rsplit("/", 1)[-1] for part in self._choices(self.raw) if "$ref" in part]
        return " | ".join(named) or None

    @cached_property
    def kinds(self) -> frozenset[str]:
        """What a value may be: string, uuid, date-time, integer, number, boolean, array, fields, object or any."""
        return frozenset(kind for part in self._parts for kind in _kinds(part))

    @cached_property
    def fields(self) -> dict[str, "Shape"]:
        """The keys of an object; one that several alternatives have may be as in any of them."""
        found: dict[str, list[Json]] = {}
        for part in self._parts:
            for name, inner in part.get("properties", {}).items():
                found.setdefault(name, []).append(inner)
        return {
            name: Shape(inner[0] if len(inner) == 1 else {"anyOf": inner}, self.document)
            for name, inner in found.items()
        }

    @cached_property
    def items(self) -> "Shape | None":
        """The elements of a list; of pairs `[id, object]` the objects."""
        found = next((part["items"] for part in self._parts if part.get("items")), None)
        if found is None:
            return None
        last = found.get("prefixItems", [found])[-1]
        return Shape(last if "$ref" in last else found, self.document)

    @cached_property
    def values(self) -> frozenset[str]:
        """The values of an enum or a constant; none where any value goes."""
        return frozenset(str(value) for part in self._parts for value in part.get("enum") or _constant(part))

    @cached_property
    def required(self) -> frozenset[str]:
        """The keys that an object must have, of alternatives those that each must have."""
        alternatives = [frozenset(part.get("required", ())) for part in self._parts]
        return frozenset.intersection(*alternatives) if alternatives else frozenset()

    @cached_property
    def nullable(self) -> bool:
        """Whether it may be null."""
        return any(_takes_null(part) for part in self._resolved(self.raw))

    @property
    def added(self) -> bool:
        """Whether it is the gateway's own, which the upstream may lack."""
        return ADDED.items() <= self.raw.items()

    @cached_property
    def _parts(self) -> list[Json]:
        return [part for part in self._resolved(self.raw) if part.get("type") != "null"]

    def _choices(self, raw: Json) -> Iterator[Json]:
        inner = [each for word in ("anyOf", "oneOf", "allOf") for each in raw.get(word, ())]
        if not inner:
            yield raw
        for each in inner:
            yield from self._choices(each)

    def _resolved(self, raw: Json) -> Iterator[Json]:
        for part in self._choices(raw):
            if "$ref" in part:
                yield from self._resolved(self._at(part["$ref"]))
            else:
                yield part

    def _at(self, reference: str) -> Json:
        found: Any = self.document
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]
        return dict(found)


def _constant(part: Json) -> list[Any]:
    return [part["const"]] if "const" in part else []


def _takes_null(part: Json) -> bool:
    kind = part.get("type")
    return kind == "null" or "null" in (kind or ()) if kind else set(_kinds(part)) == {"any"}


def _kinds(part: Json) -> Iterator[str]:
    kind = part.get("type", "string" if "enum" in part or "const" in part else "any")
    for each in kind if isinstance(kind, list) else [kind]:
        if each == "string":
            yield part["format"] if part.get("format") in FORMATS else each
        elif each == "object":
            yield "fields" if part.get("properties") else each
        else:
            yield each


@dataclass(frozen=True)
class Operation:
    """One method of one route; a part that is None is not compared."""

    method: str
    path: str
    query: Mapping[str, Shape] = field(default_factory=dict)
    body: Shape | None = None
    answer: Shape | None = None
    sent: bool = True
    """Whether it is used; else it is only known to need no mirror."""

    @property
    def key(self) -> str:
        """The route without the names of its parameters, by which two sides are matched."""
        return f"{self.method} {re.sub(r'{[^}]*}', '{}', self.path)}"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


Operations = dict[str, Operation]
"""Operations by their keys."""


def by_key(operations: Iterator[Operation]) -> Operations:
    """Index operations; of two with one key, the one that says more of the answer counts."""
    found: Operations = {}
    for each in operations:
        known = found.get(each.key)
        if known is None or not known.sent or (known.answer is None and each.answer is not None):
            found[each.key] = each
    return found
