"""Both executors answer alike: random valid operations over random rows, with faults and without.

`PREFECT_GRAPHQL_TEST_CASES` and `PREFECT_GRAPHQL_TEST_SEED` choose how many operations, from which seed on (`make fuzz`).
"""

import os

from strawberry.extensions import SchemaExtension

from schema.build import build
from tests.gateway.execution.compiled.alike import PATIENT, Case, Comparison, drawn_case
from tests.gateway.execution.compiled.reduction import reduced

pytestmark = PATIENT

CASES = int(os.environ.get("PREFECT_GRAPHQL_TEST_CASES", "160"))
SEED = int(os.environ.get("PREFECT_GRAPHQL_TEST_SEED", "0"))
MOST_SHOWN = 3


async def test_answers_and_calls_are_the_same() -> None:
    comparison = Comparison()
    shown: list[str] = []
    for seed in range(SEED, SEED + CASES):
        if await comparison.difference(drawn_case(seed)):
            shown.append(await _shown(drawn_case(seed)))
            if len(shown) == MOST_SHOWN:
                break
    assert not shown, "\n\n".join(shown)
    assert "INTERNAL" not in comparison.seen
    # The proof is worth something where most operations are answered, and those of a faulty upstream often are not.
    assert comparison.seen["right"] > comparison.runs / 2
    assert comparison.seen["erring"] > comparison.runs / 10
    assert comparison.seen["refused"] < comparison.runs / 10
    assert comparison.racy <= comparison.runs / 50
    counts = comparison.counts
    assert counts["compiled"] + counts["replayed"] > counts.total() / 2
    assert counts["compiled"] > counts["replayed"]


async def test_the_same_by_schema_execute() -> None:
    """With an extension of Strawberry's, operations go through its `schema.execute`."""
    comparison = Comparison(build([SchemaExtension]))
    for seed in range(SEED, SEED + CASES // 8):
        difference = await comparison.difference(drawn_case(seed))
        assert difference is None, str(difference)
    assert comparison.counts["compiled"] > comparison.counts["replayed"] > 0


async def _shown(case: Case) -> str:
    """Make a failing case small; tell what differs in it, and in which larger one it was seen."""

    async def fails(smaller: Case) -> bool:
        return await Comparison().difference(smaller) is not None

    smaller = await reduced(case, fails)
    return f"{await Comparison().difference(smaller)}\n--- made smaller from\n{await Comparison().difference(case)}"
