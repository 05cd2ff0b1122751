"""Operations across two subgraphs, through a real `@apollo/gateway`: each REST call is counted."""

from tests.gateway.federation.graph import Router


async def test_fifty_entities_are_one_call(router: Router) -> None:
    data = await router.data("{ incidents { nodes { id flowRun { name tags } } } }")
    assert [row["flowRun"]["name"] for row in data["incidents"]["nodes"]] == [f"run {at}" for at in range(50)]
    assert router.asked.calls == ["POST /flow_runs/filter"]


async def test_types_are_a_call_each_whatever_their_keys(router: Router) -> None:
    data = await router.data(
        "{ incidents { nodes { flowRun { tags } flow { id } deployment { id paused } workPool { id type } } } }"
    )
    rows = data["incidents"]["nodes"]
    assert {row["flow"]["id"] for row in rows} == {router.world.flow}
    assert {row["deployment"]["paused"] for row in rows} == {False}
    assert {row["workPool"]["type"] for row in rows} == {"process"}
    assert sorted(router.asked.calls) == [
        "POST /deployments/filter",
        "POST /flow_runs/filter",
        "POST /flows/filter",
        "POST /work_pools/filter",
    ]


async def test_the_callers_credentials_reach_prefect(router: Router) -> None:
    await router.data("{ incidents { nodes { flowRun { tags } } } }")
    assert router.asked.callers == {"Bearer me"}


async def test_the_other_side_requires_and_provides_fields_of_ours(router: Router) -> None:
    data = await router.data(
        "{ flowRuns(sort: NAME_ASC, first: 1) { nodes { headline incidents { copy { name } } } } }"
    )
    assert data["flowRuns"]["nodes"] == [{"headline": "run 0: Pending", "incidents": [{"copy": {"name": "a copy"}}]}]
    assert router.asked.calls == ["POST /flow_runs/filter"]


async def test_rows_of_ours_have_fields_of_the_other_side(router: Router) -> None:
    data = await router.data("{ flows { nodes { owner } } }")
    assert data["flows"]["nodes"] == [{"owner": "owner of flow"}]


async def test_a_row_that_is_not_there_is_null(router: Router) -> None:
    data = await router.data(
        '{ incident(id: "incident of none") { flowRun { tags } flow { tags } deployment { tags } } }'
    )
    assert data["incident"] == {"flowRun": None, "flow": None, "deployment": None}
    assert sorted(router.asked.calls) == ["POST /flow_runs/filter", "POST /flows/filter"]
