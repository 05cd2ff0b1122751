"""Safe by default: every attack is refused, with its reason, before the upstream hears of it."""

import httpx
import pytest

from gateway.http.endpoint import GraphQLEndpoint
from gateway.settings import Settings
from tests.gateway import toy
from tests.gateway.http.attacks import ATTACKS, MIB, Attack


async def post(upstream: toy.Upstream, accept: str, content: bytes) -> httpx.Response:
    app = GraphQLEndpoint(toy.execution(upstream), Settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return await client.post(
            "/graphql", content=content, headers={"content-type": "application/json", "accept": accept}
        )


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_refused(attack: Attack) -> None:
    assert len(attack.body) <= MIB or attack.status == 413
    upstream = toy.upstream()
    response = await post(upstream, "application/graphql-response+json", attack.body)
    [error, *_] = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (attack.status, attack.code)
    assert attack.words in error["message"]
    assert "data" not in response.json()
    assert upstream.calls == []


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_no_answer_is_larger_than_it_needs_to_be(attack: Attack) -> None:
    assert len((await post(toy.upstream(), "*/*", attack.body)).content) < 50_000


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("depth", 200),
        ("rows", 200),
        ("a huge any", 200),
        ("10,000 levels of selections", 400),
        ("10,000 levels of a list", 400),
        ("a list literal that parses", 400),
        ("JSON that parses", 400),
    ],
)
async def test_plain_json_answers_200_to_what_is_well_formed(name: str, status: int) -> None:
    [attack] = [attack for attack in ATTACKS if attack.name == name]
    assert (await post(toy.upstream(), "application/json", attack.body)).status_code == status
