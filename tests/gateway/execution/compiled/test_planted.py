"""The proof finds a defect that is planted in the compiled executor, of each kind that it is there to find."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, islice

import pytest

from gateway.execution.compiled import plan, plans, shapes, source, steps
from gateway.execution.compiled.failures import Failure
from tests.gateway.execution.compiled.alike import PATIENT, Case, Comparison, drawn_case
from tests.gateway.execution.compiled.faults import Faults

pytestmark = PATIENT

MOST_CASES = 500

Plant = Callable[[pytest.MonkeyPatch], None]


def older_rows_without_defaults(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(shapes, "_default", lambda *_: None)


def integers_of_any_size(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(shapes.SCALARS, "Int", int)


def nulls_where_json_must_be(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(source, "given", lambda value: value)


def errors_at_the_parents_place(patch: pytest.MonkeyPatch) -> None:
    right = plan.Outcome.failures

    def wrong(outcome: plan.Outcome) -> Iterator[Failure]:
        return (failure._replace(path=failure.path[:-1]) for failure in right(outcome))

    patch.setattr(plan.Outcome, "failures", wrong)


def errors_that_get_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(steps.Parent, "failures", lambda *_: iter(()))


def plans_for_any_condition(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plans, "variables_of", lambda *_: set())


PLANTS: list[tuple[Plant, Faults]] = [
    (older_rows_without_defaults, Faults(rows=0.4, key="total_run_time")),
    (integers_of_any_size, Faults(rows=0.4, key="run_count")),
    (nulls_where_json_must_be, Faults(rows=0.4, key="parameters")),
    (errors_at_the_parents_place, Faults(calls=0.3)),
    (errors_that_get_lost, Faults(calls=0.3)),
    (plans_for_any_condition, Faults()),
]
"""Defects, and the faults by which they are seen."""


@pytest.mark.parametrize(("plant", "faults"), PLANTS, ids=[plant.__name__ for plant, _ in PLANTS])
async def test_a_planted_defect_is_found(monkeypatch: pytest.MonkeyPatch, plant: Plant, faults: Faults) -> None:
    plant(monkeypatch)
    for case in islice(cases(faults), MOST_CASES):
        if await Comparison().difference(case):
            return
    pytest.fail(f"Not found in {MOST_CASES} cases")


def cases(faults: Faults) -> Iterator[Case]:
    """Draw cases whose documents can meet the faults: among all of the schema's fields few name a certain key."""
    return filter(None, (with_faults(drawn_case(seed), faults) for seed in count()))


def with_faults(case: Case, faults: Faults) -> Case | None:
    """Return a case with such faults in all of its situations; None where its document cannot meet them."""
    faults = replace(faults, mentioned=case.operation.text)
    if faults.key and not faults.names(faults.key):
        return None
    situations = [
        replace(situation, faults=replace(faults, seed=5 * case.seed + number))
        for number, situation in enumerate(case.situations)
    ]
    return replace(case, situations=tuple(situations))
