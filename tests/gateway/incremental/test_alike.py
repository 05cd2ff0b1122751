"""Answers in parts are those as a whole, by the same calls: random documents, directives at random places, faults.

`PREFECT_GRAPHQL_TEST_CASES` and `PREFECT_GRAPHQL_TEST_SEED` choose how many documents, from which seed on (`make fuzz`).
"""

from collections import Counter
from dataclasses import replace

from tests.gateway.execution.compiled.alike import PATIENT, Case
from tests.gateway.execution.compiled.reduction import reduced
from tests.gateway.execution.compiled.test_alike import CASES, SEED
from tests.gateway.incremental.alike import Difference, compare, drawn_parts

pytestmark = PATIENT


async def test_parts_make_the_whole_answer() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEED, SEED + CASES // 8):
        case = drawn_parts(seed)
        for situation in case.situations if case else ():
            assert case
            try:
                seen += await compare(case, situation)
            except Difference as difference:
                raise AssertionError(await _shown(replace(case, situations=(situation,)), difference)) from None
    # The proof is worth something where many come in parts, and some of them have errors.
    assert seen["in parts"] > seen.total() / 4
    assert seen["erring"] > seen.total() / 20


async def _shown(case: Case, difference: Difference) -> str:
    """Make a failing case small; tell what differs in it, and in which larger one it was seen."""

    async def fails(smaller: Case) -> bool:
        return bool(smaller.operation.text and await _difference(smaller))

    return f"{await _difference(await reduced(case, fails))}\n--- made smaller from\n{difference}"


async def _difference(case: Case) -> str:
    for situation in case.situations:
        try:
            await compare(case, situation)
        except Difference as difference:
            return str(difference)
    return ""
