"""Pages of other sites, against a REST API that needs no credentials of the caller."""

import httpx
import pytest
from starlette.responses import PlainTextResponse

from gateway.http.origin import SameOrigin


def client(*, open_to_all: bool) -> httpx.AsyncClient:
    app = SameOrigin(PlainTextResponse("passed"), lambda: open_to_all)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway:4300")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_page_of_another_site_is_refused(method: str) -> None:
    async with client(open_to_all=True) as http:
        answer = await http.request(method, "/flows/filter", headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert "other sites" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://gateway:4300"},
        {"origin": "https://public.example", "x-forwarded-host": "public.example"},
        {"origin": "https://elsewhere.example", "authorization": "Bearer own"},
    ],
)
async def test_programs_own_pages_and_callers_with_credentials_pass(headers: dict[str, str]) -> None:
    async with client(open_to_all=True) as http:
        answer = await http.post("/flows/filter", headers=headers)
    assert (answer.status_code, answer.text) == (200, "passed")


async def test_where_callers_need_credentials_the_upstream_decides() -> None:
    async with client(open_to_all=False) as http:
        answer = await http.post("/flows/filter", headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 200
