"""Requests that schemathesis makes of Prefect's OpenAPI document, of every route: both servers answer alike, or there is a reason.

`PREFECT_GRAPHQL_TEST_EXAMPLES` and `PREFECT_GRAPHQL_TEST_SEED` say how many valid requests a route gets, and which; half
as many are invalid. `make alike` writes the differences to `deploy/readme/differences.md`.

Every request meets the same rows under the same ids: reads come first, and after a write both servers get them back.
"""

import os
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from tests.conftest import ROOT
from tests.gateway.embedded.alike.cases import Case, make, routes
from tests.gateway.embedded.alike.differences import differences, reason
from tests.gateway.embedded.alike.document import Narrow
from tests.gateway.embedded.alike.reasons import REASONS
from tests.gateway.embedded.alike.twins import Answer, Twins, kinds, run_twins

WRITTEN = "PREFECT_GRAPHQL_TEST_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("PREFECT_GRAPHQL_TEST_EXAMPLES", "3"))
SEED = int(os.environ.get("PREFECT_GRAPHQL_TEST_SEED", "0"))
MANY = 10
"""Examples from which on every reason must have been needed."""

REPORT = ROOT / "deploy" / "readme" / "differences.md"
AT_LEAST = 600

NOT_ASKED = {
    "GET /flow_runs/{id}/logs/download": "A stream of CSV, not JSON.",
    "POST /block_types/install_system_block_types": "Each server installs the types that come with it.",
    "GET /collections/views/{view}": "Prefect reads it from the internet.",
    "GET /csrf-token": "A random token, and an error where it is off.",
}


@pytest.fixture(scope="module")
async def twins(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Twins]:
    async with run_twins(tmp_path_factory.mktemp("twins")) as both:
        yield both


async def test_generated_requests_are_answered_alike(twins: Twins, capsys: pytest.CaptureFixture[str]) -> None:
    document = (await twins.prefect.client.get("/openapi.json")).json()
    asked = [route for route in routes(document) if route not in NOT_ASKED]
    cases = make(
        Narrow(kinds(twins.names)).document(document), asked, valid=EXAMPLES, invalid=max(1, EXAMPLES // 2), seed=SEED
    )
    assert {case.route for case in cases} == set(asked)
    assert len(cases) >= AT_LEAST
    found: dict[str, set[str]] = defaultdict(set)
    unexplained: list[str] = []
    for case in cases:
        expected, actual = await twins.ask(case)
        for line in differences(case, expected, actual):
            if why := reason(line):
                found[why].add(case.route)
            else:
                unexplained.append(f"{line}\n    {case}")
        if _wrote(case, expected, actual):
            twins.restore()
    with capsys.disabled():
        print(f"\n{len(cases)} generated requests: {len(unexplained)} differences without a reason")
    if WRITTEN:
        REPORT.write_text(_report(found, len(cases)))
    assert unexplained == [], "\n".join(unexplained)
    if EXAMPLES >= MANY:
        assert {why for _, why in REASONS} - set(found) == set(), "reasons that no longer apply"
    told = REPORT.read_text()
    assert [why for _, why in REASONS if why not in told] == []


def _wrote(case: Case, expected: Answer, actual: Answer) -> bool:
    return not case.reads and (min(expected[0], actual[0]) < 400 or expected != actual)


def _report(found: dict[str, set[str]], asked: int) -> str:
    lines = [
        f"{asked} requests that schemathesis made of the OpenAPI document of Prefect 3.9.1 were sent to Prefect and to the",
        "embedded server, filled with the same rows. What was answered differently, and why (`make alike` writes this):",
        "",
        "| Reason | Routes |",
        "|---|---|",
    ]
    for why in sorted({why for _, why in REASONS}):
        listed = ", ".join(f"`{route}`" for route in sorted(found.get(why, ()))) or "met by other requests"
        lines.append(f"| {why} | {listed} |")
    lines += ["", "Not asked:", ""]
    lines += [f"- `{route}`: {why}" for route, why in NOT_ASKED.items()]
    return "\n".join(lines) + "\n"
