"""Answers are compressed for who asks, as RFC 9110 says: chosen by `Accept-Encoding`, sent over real sockets."""

import asyncio
import shutil
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import brotli
import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.encoding import CODINGS, IDENTITY, SMALL, Coding, Codings, Encoder, codings
from gateway.http.endpoint import GraphQLEndpoint
from gateway.settings import Settings
from tests.gateway import toy
from tests.gateway.http.conftest import serving

BROWSER = "gzip, deflate, br, zstd"

DECODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: zlib.decompress(content, wbits=31),
    "br": brotli.decompress,
    "zstd": zstandard.decompress,
    "identity": lambda content: content,
}


@pytest.mark.parametrize(
    ("accept", "small", "other"),
    [
        (None, "identity", "identity"),
        ("", "identity", "identity"),
        ("identity", "identity", "identity"),
        ("deflate", "identity", "identity"),
        ("gzip", "identity", "gzip"),
        ("GZIP", "identity", "gzip"),
        ("x-gzip", "identity", "gzip"),
        ("gzip, deflate", "identity", "gzip"),
        ("gzip, deflate, br", "identity", "br"),
        (BROWSER, "identity", "zstd"),
        ("*", "identity", "zstd"),
        ("br;q=0.9, gzip;q=0.8, *;q=0.1", "identity", "br"),
        ("zstd;q=0.5, gzip", "identity", "gzip"),
        ("zstd;q=0.5, br;q=0.5, gzip;q=0.4", "identity", "zstd"),
        ("zstd;q=0, br;q=0.0, gzip", "identity", "gzip"),
        ("zstd;q=0, *", "identity", "br"),
        ("gzip;q=0.001", "identity", "gzip"),
        ("gzip;q=0", "identity", "identity"),
        ("gzip;q=high", "identity", "identity"),
        ("gzip;q=nan", "identity", "identity"),
        ("identity, gzip;q=0.5", "identity", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "identity", "gzip"),
        ("identity;q=0.4, gzip;q=0.5", "identity", "gzip"),
        ("*;q=0.5, gzip;q=0.4", "identity", "zstd"),
        ("gzip, identity;q=0", "gzip", "gzip"),
        ("gzip, *;q=0", "gzip", "gzip"),
        ("*, identity;q=0", "zstd", "zstd"),
        ("*;q=0, identity", "identity", "identity"),
    ],
)
def test_the_client_chooses(accept: str | None, small: str, other: str) -> None:
    chosen = codings(accept, True)
    assert chosen is not None
    assert (chosen.small.name, chosen.other.name) == (small, other)


@pytest.mark.parametrize(
    ("accept", "other"),
    [
        (BROWSER, "br"),
        ("gzip, zstd", "gzip"),
        ("zstd", "zstd"),
        ("zstd, gzip;q=0.9", "zstd"),
        ("gzip, deflate", "gzip"),
    ],
)
def test_a_program_is_given_zstd_where_it_likes_it_best(accept: str, other: str) -> None:
    chosen = codings(accept, False)
    assert chosen is not None
    assert chosen.other.name == other


@pytest.mark.parametrize("accept", ["identity;q=0", "*;q=0", "deflate, identity;q=0", "deflate, *;q=0"])
def test_who_takes_nothing_of_ours(accept: str) -> None:
    assert codings(accept, True) is codings(accept, False) is None


@given(st.sampled_from(CODINGS), st.binary(max_size=3_000).flatmap(lambda part: st.integers(0, 50).map(part.__mul__)))
def test_every_coding_can_be_undone(coding: Any, content: bytes) -> None:
    assert DECODE[coding.name](coding.compress(content)) == content


async def test_an_answer_that_requests_share_is_compressed_once() -> None:
    encoder = Encoder()
    shared, other = b"shared " * 1_000, b"another" * 1_000
    first, second, third = [
        (await encoder.encode(content, Codings(CODINGS[0], CODINGS[0])))[1] for content in (shared, shared, other)
    ]
    assert first is second
    assert (zstandard.decompress(second), zstandard.decompress(third)) == (shared, other)


async def test_those_who_wait_for_one_answer_share_its_bytes_which_are_then_forgotten() -> None:
    compressed: list[bytes] = []

    def compress(content: bytes) -> bytes:
        compressed.append(content)
        return b"packed"

    counting = Coding("zstd", compress, IDENTITY.packer)
    encoder, content = Encoder(), b"secret" * 1_000
    answer = asyncio.get_running_loop().create_future()

    async def ask() -> bytes:
        return (await encoder.encode(await asyncio.shield(answer), Codings(counting, counting)))[1]

    asking = [asyncio.create_task(ask()) for _ in range(50)]
    await asyncio.sleep(0)
    answer.set_result(content)
    assert await asyncio.gather(*asking) == [b"packed"] * 50
    assert compressed == [content]
    await asyncio.sleep(0)
    await encoder.encode(content, Codings(counting, counting))
    assert compressed == [content, content]


def upstream(size: int) -> toy.Upstream:
    """An upstream of one flow whose `extra` makes the answer to `{ flow { extra } }` this many bytes long."""
    made = toy.upstream()
    frame = len(b'{"data":{"flow":{"extra":""}}}')
    text = " ".join(f"run-{number}" for number in range(size // 4))
    made.rows["/flows/one"] = [{"id": "1", "name": "one", "extra": text[: size - frame]}]
    return made


@pytest.fixture(scope="module", params=[SMALL, 90_000, 3_000_000])
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
async def url(size: int) -> AsyncIterator[str]:
    async with serving(GraphQLEndpoint(toy.execution(upstream(size)), Settings())) as base:
        yield f"{base}/graphql"


async def send(url: str, method: str = "POST", **headers: str) -> tuple[httpx.Response, bytes]:
    """Ask for the long answer; return the response and its bytes as they came."""
    query = {"query": "{ flow { extra } }"}
    asked: dict[str, Any] = {"json": query} if method == "POST" else {"params": query}
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        client.stream(method, url, headers=headers, **asked) as got,
    ):
        return got, b"".join([chunk async for chunk in got.aiter_raw()])


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        (BROWSER, "br"),
        ("gzip, deflate", "gzip"),
    ],
)
async def test_a_long_answer_is_compressed(url: str, size: int, accept: str, coding: str) -> None:
    plain, whole = await send(url, accept_encoding="identity")
    packed, content = await send(url, accept_encoding=accept)
    assert len(whole) == size
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == coding
    assert packed.headers["content-length"] == str(len(content))
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert {response.headers["vary"] for response in (plain, packed)} == {"accept, accept-encoding, sec-fetch-mode"}
    assert len(content) < size / 2
    assert DECODE[coding](content) == whole


@pytest.mark.parametrize("accept", ["gzip", "br", "zstd", "identity"])
async def test_head_tells_the_length_of_the_get(url: str, accept: str) -> None:
    get, content = await send(url, "GET", accept_encoding=accept)
    head, nothing = await send(url, "HEAD", accept_encoding=accept)
    assert nothing == b""
    assert get.headers["content-length"] == str(len(content))
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}


async def test_httpx_decodes_what_it_asks_for(url: str, size: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(url, json={"query": "{ flow { extra } }"})
    assert response.headers["content-encoding"] in {"zstd", "br", "gzip"}
    assert len(response.content) == size


@pytest.mark.parametrize(
    "asked",
    [("--json", '{"query": "{ flow { extra } }"}'), ("--get", "--data-urlencode", "query={ flow { extra } }")],
    ids=["post", "get"],
)
async def test_curl_decodes_what_it_asks_for(url: str, size: int, asked: tuple[str, ...]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl (apt install curl)")
    command = ("curl", "--silent", "--compressed", "--dump-header", "/dev/stderr", *asked, url)
    curl = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    content, headers = await curl.communicate()
    assert b"content-encoding: " in headers
    assert len(content) == size


async def small(accept: str, body: str = '{"query": "{ echo }"}') -> httpx.Response:
    app = GraphQLEndpoint(toy.execution(toy.upstream()), Settings())
    headers = {"accept-encoding": accept, "content-type": "application/json"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return await client.post("/graphql", content=body, headers=headers)


async def test_a_short_answer_goes_as_it_is() -> None:
    response = await small(BROWSER)
    assert "content-encoding" not in response.headers
    assert response.headers["content-length"] == str(len(b'{"data":{"echo":""}}'))


async def test_a_short_answer_to_who_refuses_identity() -> None:
    response = await small("gzip, identity;q=0")
    assert response.headers["content-encoding"] == "gzip"
    assert response.json() == {"data": {"echo": ""}}


async def test_a_refusal_goes_as_it_is() -> None:
    response = await small("gzip, identity;q=0", "[]")
    assert response.status_code == 400
    assert "content-encoding" not in response.headers


async def test_who_takes_nothing_of_ours_is_told_before_anything_is_done() -> None:
    mutation = '{"query": "mutation { createFlow(input: {name: \\"ab\\"}) { id } }"}'
    response = await small("deflate, identity;q=0", mutation)
    assert response.status_code == 406
    assert "zstd, br, gzip or identity" in response.json()["errors"][0]["message"]
