"""A case: a random document with `@defer` and `@stream`, answered whole and in parts, and what must be the same."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from gateway.execution import Answer, Execution
from gateway.execution.request import as_json
from gateway.http.multipart import Pending
from gateway.settings import Settings
from tests.gateway.execution.compiled.alike import (
    MOST_ROWS,
    WORLDS,
    Case,
    Situation,
    batched,
    drawn_case,
    execution,
)
from tests.gateway.execution.compiled.faults import REFUSALS, Faults, drawn
from tests.gateway.execution.compiled.operations import Operation
from tests.gateway.execution.compiled.upstream import RandomUpstream, Request
from tests.gateway.execution.compiled.values import REQUIRED
from tests.gateway.incremental.directed import alone, directed, undirected
from tests.gateway.incremental.merged import Merged, Part

Path = tuple[str | int, ...]
Errors = Counter[tuple[Path, str]]
"""How often there is an error, by its path and what it says."""


class FaultsOfRoutes(Faults):
    """Faults of rows and of whole routes: the same whichever calls ask for the same."""

    def reply(self, request: Request, right: Callable[[], tuple[int, Any]]) -> tuple[int, bytes]:
        rng = random.Random(crc32(request.path.encode()) ^ self.seed)  # noqa: S311  test data
        if rng.random() < self.calls:
            return rng.choice(REFUSALS)
        status, answer = right()
        return status, self._written(answer)


def drawn_parts(seed: int) -> Case | None:
    """Make the case of a seed: one situation without faults, two with; None where its operation takes no directive."""
    rng = random.Random(seed)  # noqa: S311  test data
    case = drawn_case(seed)
    operation = alone(case.operation)
    operation = operation and directed(rng, operation)
    if operation is None:
        return None
    return replace(case, operation=operation, situations=tuple(_situations(rng, case, operation)))


def _situations(rng: random.Random, case: Case, operation: Operation) -> Iterator[Situation]:
    """Change the situations: without faults, with some of any kind, with some of one key that cannot be null."""
    some = drawn(rng, operation.text)
    any_ = FaultsOfRoutes(some.seed, calls=some.calls, rows=0.3, key=some.key, mentioned=some.mentioned)
    required = [key for key in REQUIRED if some.names(key)]
    nulls = FaultsOfRoutes(some.seed, rows=0.6, key=rng.choice(required)) if required else any_
    for situation, faults in zip(case.situations, (Faults(), any_, nulls), strict=False):
        yield replace(situation, faults=faults, trace=False)


@dataclass(frozen=True)
class Told:
    """An answer and the calls behind it; where it came in parts, these in both formats."""

    data: Any
    errors: Errors
    executed: bool
    calls: Counter[Request]
    parts: tuple[Part, ...] = ()
    of_2022: tuple[Part, ...] = ()
    ended: tuple[Path, ...] = ()
    """Where fragments and lists were ended by an error."""


async def whole(case: Case, situation: Situation, text: str) -> Told:
    """Ask for an answer as a whole."""
    upstream, execution_ = executing(case, situation)
    answer = await execution_.run(replace(situation.request(case.operation), query=text))
    shown = json.loads(answer.content())
    return Told(shown.get("data"), _errors(answer.errors), answer.executed, Counter(upstream.calls))


async def in_parts(case: Case, situation: Situation) -> Told:
    """Ask for an answer in parts; both formats must tell the same."""
    upstream, execution_ = executing(case, situation)
    answer = await execution_.run_in_parts(situation.request(case.operation))
    if isinstance(answer, Answer):
        shown = json.loads(answer.content())
        return Told(shown.get("data"), _errors(answer.errors), answer.executed, Counter(upstream.calls))
    pending = Pending(answer.starts)
    try:
        now = [json.loads(as_json(part)) async for part in answer]
    finally:
        await answer.aclose()
    old = [part for each in deepcopy(now) if (part := pending.of_2022(each))]
    merged, of_old = Merged(deepcopy(now)), Merged(deepcopy(old))
    assert merged.data == of_old.data
    assert _errors(merged.errors) == _errors(of_old.errors)
    formats = (tuple(now), tuple(old))
    return Told(merged.data, _errors(merged.errors), True, Counter(upstream.calls), *formats, tuple(merged.ended))


def executing(case: Case, situation: Situation) -> tuple[RandomUpstream, Execution]:
    """Make an upstream, and an execution over it with room for what is added to a document."""
    upstream = RandomUpstream(case.seed % WORLDS, situation.faults)
    return upstream, execution(upstream, roomy(case), compiled=False)


def roomy(case: Case) -> Settings:
    """Return the settings of a case with room for what is added to its document."""
    limits = ("max_tokens", "max_directives", "max_fields", "max_root_fields", "max_aliases")
    return case.settings.model_copy(update=dict.fromkeys(limits, 100_000))


def _errors(errors: Iterable[dict[str, Any]]) -> Errors:
    return Counter((tuple(each.get("path", ())), f"{each['message']} {each['extensions']}") for each in errors)


class Difference(Exception):
    """What differs."""


async def compare(case: Case, situation: Situation) -> Counter[str]:
    """Compare an answer in parts with the same as a whole; tell what kind of answer it was. Raises Difference."""
    plain = await whole(case, situation, undirected(case.operation.text))
    ignoring = await whole(case, situation, case.operation.text)
    found = await in_parts(case, situation)
    try:
        _the_whole(plain, ignoring, found)
        _same(plain, found)
        _no_more_calls(case, plain, found)
    except Difference as difference:
        raise Difference(f"{difference}\n{_shown(case, situation, plain, found)}") from None
    kinds = ["in parts" if found.parts else "as a whole"]
    kinds += ["erring"] if plain.errors else []
    kinds += ["ended"] if found.ended else []
    return Counter(kinds)


def _the_whole(plain: Told, ignoring: Told, found: Told) -> None:
    if (ignoring.data, ignoring.errors) != (plain.data, plain.errors):
        raise Difference("The directives are not ignored")
    if not found.parts and (found.data, found.executed) != (plain.data, plain.executed):
        raise Difference("It came as a whole, and is another")


def _same(plain: Told, found: Told) -> None:
    """Compare data and errors.

    A null that may not be ends the fragments, or the streamed list, whose fields it would null: they are missing, and
    what was delivered stays. So where a null spread in the whole answer the parts may have more, errors of their own too.
    """
    nulls = {null for path, _ in plain.errors if (null := _null_above(plain.data, path)) is not None}
    missing = set()
    for path, given in _apart(plain.data, found.data, ()):
        if given and path not in nulls:
            raise Difference(f"It is null without an error: {path}")
        if not given and not any(_under(path, end) for end in found.ended):
            raise Difference(f"It is missing: {path}")
        missing |= set() if given else {path}
    if _beside(plain.errors, nulls | missing) != _beside(found.errors, nulls | missing):
        raise Difference("The errors differ")
    for path in nulls:
        if not any(_under(other, path) for other, _ in found.errors):
            raise Difference(f"The error of a null is missing: {path}")


def _apart(plain: Any, found: Any, path: Path) -> Iterator[tuple[Path, bool]]:
    """Find where only the parts have something but null, and where only the whole answer has. Raises Difference for all else."""
    if plain is None and found is not None:
        yield path, True
    elif isinstance(plain, dict) and isinstance(found, dict) and plain.keys() >= found.keys():
        for key, value in plain.items():
            if key in found:
                yield from _apart(value, found[key], (*path, key))
            else:
                yield (*path, key), False
    elif isinstance(plain, list) and isinstance(found, list) and len(plain) >= len(found):
        for place, value in enumerate(found):
            yield from _apart(plain[place], value, (*path, place))
        for place in range(len(found), len(plain)):
            yield (*path, place), False
    elif plain != found:
        raise Difference(f"The data differ: {path}, {plain}, {found}"[:2_000])


def _under(path: Path, above: Path) -> bool:
    return path[: len(above)] == above


def _null_above(data: Any, path: Path) -> Path | None:
    """Return where the null of an error is, if that is above the field with the error."""
    for depth, step in enumerate(path):
        if data is None:
            return path[:depth]
        data = data[step]
    return None


def _beside(errors: Errors, nulls: set[Path]) -> Errors:
    return Counter(
        {error: number for error, number in errors.items() if not any(_under(error[0], null) for null in nulls)}
    )


def _no_more_calls(case: Case, plain: Told, found: Told) -> None:
    """Compare the calls: each is made once.

    What is deferred may ask once more what the first part has asked for other rows, and rows that are deferred do not
    tell a total that is not: it is counted.
    """
    for call, number in found.calls.items():
        if number > max(1, plain.calls[call]):
            raise Difference(f"A call was repeated: {call}")
    if plain.errors or case.page < MOST_ROWS:  # an error ends what the parts go on with
        return
    most, made = _by_path(plain.calls), _by_path(found.calls)
    if more := {path for path, number in made.items() if number > 2 * most[path] and "count" not in path}:
        raise Difference(f"There are more calls: {more}")
    if {path for path in most if path not in made}:
        raise Difference("There are calls missing")
    asked, due = batched(found.calls), batched(plain.calls)
    if any(due.get(kind, set()) - items for kind, items in asked.items()):
        raise Difference("Other rows were asked for")


def _by_path(calls: Counter[Request]) -> Counter[str]:
    return Counter(call.path for call in calls.elements())


def _shown(case: Case, situation: Situation, plain: Told, found: Told) -> str:
    return "\n".join(
        [
            f"seed {case.seed}, page size {case.page}, {situation.faults}",
            f"--- document\n{case.operation.text}\n--- variables\n{json.dumps(situation.variables)}",
            f"--- as a whole\n{json.dumps(plain.data)[:6_000]}\n{plain.errors}",
            f"--- in parts\n{json.dumps(found.data)[:6_000]}\n{found.errors}",
            *(json.dumps(part)[:2_000] for part in found.parts),
            "--- calls of the whole only",
            *map(str, (plain.calls - found.calls).elements()),
            "--- calls of the parts only",
            *map(str, (found.calls - plain.calls).elements()),
        ]
    )
