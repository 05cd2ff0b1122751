"""Compares two sides of one API: what the one has, the other lacks or has as another type."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.check.operations import Operation, Operations, Shape

NOT_MIRRORED = "not mirrored"
LACKING = "upstream lacks"
DIFFERENT = "type differs"

BODY, ANSWER = "body", "answer"

ANYTHING = frozenset({"any"})

Key = tuple[str, str, str, str]
"""What would be missed, the name of the object, its key, body or answer."""


@dataclass(frozen=True)
class Difference:
    """One difference: `what` (a route, a filter field, ...) at `where` is `problem`; for types, what each side says."""

    problem: str
    what: str
    where: str
    upstream: str = ""
    mirror: str = ""


def differences(
    upstream: Operations,
    mirror: Operations,
    unmirrored: Collection[str] = (),
    accepted: Collection[str] = (),
) -> list[Difference]:
    """Compare an upstream's operations with those that mirror them.

    `unmirrored` are routes left out on purpose, `accepted` the keys whose type may differ.
    """
    comparison = _Comparison()
    pairs = [(theirs, ours) for key, theirs in upstream.items() if (ours := mirror.get(key)) and ours.sent]
    compared = [found for theirs, ours in pairs for found in comparison.operation(theirs, ours)]
    strange = [each for each in compared if each.problem != DIFFERENT or each.where not in accepted]
    return [*_routes(upstream, mirror, unmirrored), *strange, *comparison.lacking()]


def _routes(upstream: Operations, mirror: Operations, unmirrored: Collection[str]) -> Iterator[Difference]:
    for key, theirs in upstream.items():
        if key not in mirror and str(theirs) not in unmirrored:
            yield Difference(NOT_MIRRORED, "route", str(theirs))
    for key, ours in mirror.items():
        if key not in upstream and ours.sent:
            yield Difference(LACKING, "route", str(ours))


@dataclass
class _Comparison:
    """Compares shapes; a pair of components is compared once, however many routes have it."""

    seen: set[tuple[str, str | None, str]] = field(default_factory=set)
    found: set[Key] = field(default_factory=set)
    missed: dict[Key, Difference] = field(default_factory=dict)

    def lacking(self) -> Iterator[Difference]:
        """Yield the keys of an object that none of its counterparts has."""
        return (missed for key, missed in self.missed.items() if key not in self.found)

    def operation(self, theirs: Operation, ours: Operation) -> Iterator[Difference]:
        yield from self._keys(theirs.query, ours.query, str(theirs), str(theirs), "query parameter")
        if theirs.body and ours.body:
            yield from self.shapes(theirs.body, ours.body, str(theirs), BODY)
        elif theirs.body:
            yield Difference(NOT_MIRRORED, "body", str(theirs))
        elif ours.body:
            yield Difference(LACKING, "body", str(theirs))
        # FastAPI writes an empty schema where the type of an answer is not declared.
        if theirs.answer and ours.answer and theirs.answer.raw:
            yield from self.shapes(_unwrapped(theirs.answer, ours.answer), ours.answer, str(theirs), ANSWER)

    def shapes(self, theirs: Shape, ours: Shape, where: str, part: str, what: str = "") -> Iterator[Difference]:
        what = what or part
        if theirs.name:
            if (theirs.name, ours.name, part) in self.seen:
                return
            self.seen.add((theirs.name, ours.name, part))
        if not theirs.kinds or not ours.kinds:
            return
        if unlike(theirs.kinds, ours.kinds):
            yield Difference(DIFFERENT, what, where, _told(theirs), _told(ours))
            return
        # A component is told by its own name: many routes have it.
        place = theirs.name if theirs.name and not theirs.name.startswith("Body_") and "|" not in theirs.name else where
        yield from _values(theirs, ours, place, part, what)
        if theirs.items and ours.items:
            yield from self.shapes(theirs.items, ours.items, where, part, what)
        if part == BODY:
            yield from _optional(theirs, ours, place)
        yield from self._keys(theirs.fields, ours.fields, ours.name or place, place, part)

    def _keys(
        self, theirs: Mapping[str, Shape], ours: Mapping[str, Shape], mirror: str, place: str, part: str
    ) -> Iterator[Difference]:
        """Compare what two objects have, `place` naming theirs and `mirror` ours."""
        for key in {**theirs, **ours}:
            where, what = _at(place, key), _what(place, key, part)
            if key in theirs and key in ours:
                if part == ANSWER and theirs[key].nullable and not ours[key].nullable:
                    yield Difference(DIFFERENT, what, where, "nullable", "never null")
                self.found |= {(LACKING, mirror, key, part), (NOT_MIRRORED, place, key, part)}
                yield from self.shapes(theirs[key], ours[key], where, part, what)
            elif key in theirs:
                self.missed[NOT_MIRRORED, place, key, part] = Difference(NOT_MIRRORED, what, where)
            elif not ours[key].added:
                self.missed[LACKING, mirror, key, part] = Difference(LACKING, what, where)


def unlike(theirs: frozenset[str], ours: frozenset[str]) -> bool:
    """Tell whether two sides have other kinds of values; what may be anything is that on both sides."""
    return (theirs & ANYTHING or theirs) != (ours & ANYTHING or ours)


def _optional(theirs: Shape, ours: Shape, place: str) -> Iterator[Difference]:
    """Yield the keys of a body that the upstream requires, and that we may leave out."""
    for key in sorted(theirs.required & ours.fields.keys() - ours.required):
        yield Difference(DIFFERENT, _what(place, key, BODY), _at(place, key), "required", "optional")


def _at(place: str, key: str) -> str:
    return f"{place}: {key}" if " " in place else f"{place}.{key}"


def _values(theirs: Shape, ours: Shape, place: str, part: str, what: str) -> Iterator[Difference]:
    if not theirs.values or not ours.values:
        return
    kind = "sort value" if place.endswith("Sort") else f"value of a {what}" if part == BODY else "value"
    for problem, values in ((NOT_MIRRORED, theirs.values - ours.values), (LACKING, ours.values - theirs.values)):
        for value in sorted(values):
            yield Difference(problem, kind, f"{place}: {value}")


def _unwrapped(theirs: Shape, ours: Shape) -> Shape:
    """Return the list within an object of one key, where the mirror has the list itself."""
    if "array" in ours.kinds and len(theirs.fields) == 1:
        (inner,) = theirs.fields.values()
        return inner
    return theirs


def _what(place: str, key: str, part: str) -> str:
    if part == ANSWER:
        return "response field"
    if part != BODY:
        return part
    if "Filter" not in place:
        return "body field"
    return "operator" if key.endswith("_") else "filter field"


def _told(shape: Shape) -> str:
    kinds = "|".join(sorted(shape.kinds)) or "null"
    return f"{kinds} of {_told(shape.items)}" if shape.items else kinds
