"""What every transport to a remote server has in common, and what pyreqwest has of its own."""

import asyncio
import gzip
import socket
import ssl
import zlib
from collections.abc import Callable, Generator
from pathlib import Path

import brotli
import pytest
import trustme
import zstandard

from gateway.upstream import Transport, api_root, over_httpx, over_pyreqwest, remote, ways
from gateway.upstream.over_httpx import HttpxTransport
from gateway.upstream.over_pyreqwest import PyreqwestTransport
from gateway.upstream.transport import BrokenOff, Lost, Unsent
from tests.gateway.upstream.scripted import (
    Exchange,
    Step,
    answer,
    closing,
    hang,
    hang_in_body,
    hang_up,
    raw,
    refused_url,
    scripted,
)

Open = Callable[[str, float], Transport]

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def sending(data: bytes) -> Step:
    return lambda exchange: exchange.send(data)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


REQUESTS = {
    "a read": ("POST", "/flows/filter", b'{"limit":1}'),
    "nothing to say": ("POST", "/flow_runs/1/resume", None),
    "an empty body": ("PATCH", "/flows/1", b""),
    "a query string": ("GET", "/flows/name/a%2Fb%20c?x=%C3%A4&y=1,2", None),
    "a deletion": ("DELETE", "/flows/1", None),
}


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS.values(), ids=REQUESTS)
async def test_a_request_arrives_as_it_was_meant(transport: Open, method: str, path: str, body: bytes | None) -> None:
    async with scripted(answer([])) as server:
        opened = transport(server.url, 60)
        headers = {"accept": "application/json", "prefect-csrf-token": "a b"}
        assert (await opened.send(method, path, body, headers))[0] == 200
        await opened.aclose()
        [request] = server.requests
        assert (request.method, request.target, request.body) == (method, f"/api{path}", body or b"")
        length = {} if method in {"GET", "DELETE"} else {"content-length": str(len(body or b""))}
        fixed = {"user-agent": "prefect-graphql", "accept-encoding": "identity", "host": server.url[7:-4]}
        assert {name: value for name, value in request.headers.items() if name != "connection"} == (
            headers | fixed | length
        )


ANSWERS: dict[str, tuple[Step, bytes]] = {
    "gzip": (answer(gzip.compress(b"[1]"), headers={"content-encoding": "gzip"}), b"[1]"),
    "deflate": (answer(zlib.compress(b"[1]"), headers={"content-encoding": "deflate"}), b"[1]"),
    "brotli": (answer(brotli.compress(b"[1]"), headers={"content-encoding": "br"}), b"[1]"),
    "zstandard": (answer(zstandard.compress(b"[1]"), headers={"content-encoding": "zstd"}), b"[1]"),
    "an early hint": (sending(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + raw("200 OK", b"[1]")), b"[1]"),
    "chunks": (
        sending(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            b"1\r\n[\r\n2\r\n1]\r\n0\r\n\r\n"
        ),
        b"[1]",
    ),
    "to the end of the connection": (
        closing(sending(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[1]")),
        b"[1]",
    ),
    "headers beyond ASCII": (
        sending(raw("200 OK", b"[1]").replace(b"\r\n\r\n", b"\r\nx-a: p\xe4\r\nretry-after: \xe4\r\n\r\n")),
        b"[1]",
    ),
}


@pytest.mark.parametrize(("step", "body"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_is_understood(transport: Open, step: Step, body: bytes) -> None:
    async with scripted(step) as server:
        opened = transport(server.url, 60)
        status, headers, received = await opened.send("GET", "/flows/1", None, {})
        await opened.aclose()
        assert (status, headers.get("content-type"), received) == (200, "application/json", body)
        assert type(received) is bytes


FAULTS = {
    "nobody there": (None, Unsent),
    "half of the headers": (closing(sending(b"HTTP/1.1 200 OK\r\ncontent-le")), Lost),
    "a broken chunk": (sending(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n["), BrokenOff),
    "half a chunk": (
        closing(sending(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[{}")),
        BrokenOff,
    ),
}


@pytest.mark.parametrize(("step", "fault"), FAULTS.values(), ids=FAULTS)
async def test_faults_are_told_apart(transport: Open, step: Step | None, fault: type[Exception]) -> None:
    async with scripted(step or hang) as server:
        opened = transport(server.url if step else refused_url(), 60)
        with pytest.raises(fault) as failure:
            await opened.send("POST", "/flows/filter", b"{}", {})
        assert type(failure.value) is fault
        await opened.aclose()


async def test_what_was_sent_over_a_kept_connection_is_not_sent_again(transport: Open) -> None:
    async with scripted(answer([]), hang_up, answer([])) as server:
        opened = transport(server.url, 60)
        await opened.send("POST", "/flows/", b"{}", {})
        with pytest.raises(Lost):
            await opened.send("POST", "/flows/", b"{}", {})
        await opened.aclose()
        assert (len(server.requests), server.connections) == (2, 1)


async def test_a_connection_that_was_idle_too_long_is_not_used(
    transport: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (over_httpx, over_pyreqwest):
        monkeypatch.setattr(module, "IDLE", 0.1)
    async with scripted(answer([])) as server:
        opened = transport(server.url, 60)
        for _ in range(2):
            await opened.send("GET", "/flows/1", None, {})
            await asyncio.sleep(0.3)
        await opened.aclose()
        assert server.connections == 2


async def test_a_transport_is_made_before_there_is_a_loop(transport: Open) -> None:
    async def served() -> int:
        async with scripted(answer([])) as server:
            opened.append(transport(server.url, 60))
            return await asyncio.to_thread(asyncio.run, asked())

    async def asked() -> int:
        status, _, _ = await opened[0].send("GET", "/flows/1", None, {})
        await opened[0].aclose()
        return status

    opened: list[Transport] = []
    assert await served() == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
async def test_an_address_of_ipv6(transport: Open) -> None:
    async with scripted(answer([]), host="::1") as server:
        opened = transport(api_root(server.url), 60)
        assert (await opened.send("GET", "/flows/1", None, {}))[0] == 200
        await opened.aclose()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[trustme.CA]:
    """An authority that the environment names as the only one."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    over_httpx.tls.cache_clear()
    yield made
    over_httpx.tls.cache_clear()


def certified(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_certificate_of_an_authority_of_the_environment(transport: Open, authority: trustme.CA) -> None:
    async with scripted(answer([]), tls=certified(authority)) as server:
        opened = transport(server.url, 60)
        assert (await opened.send("GET", "/flows/1", None, {}))[0] == 200
        await opened.aclose()
        assert server.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("wrong", ["authority", "name"])
async def test_a_certificate_that_proves_nothing(transport: Open, authority: trustme.CA, wrong: str) -> None:
    context = certified(trustme.CA()) if wrong == "authority" else certified(authority, "other.test")
    async with scripted(answer([]), tls=context) as server:
        opened = transport(server.url, 60)
        with pytest.raises(Unsent):
            await opened.send("GET", "/flows/1", None, {})
        await opened.aclose()
        assert server.requests == []


@pytest.mark.parametrize(("name", "scheme"), [("HTTP_PROXY", "http://"), ("http_proxy", ""), ("ALL_PROXY", "http://")])
async def test_a_proxy_of_the_environment(
    transport: Open, monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    async with scripted(answer([])) as proxy:
        monkeypatch.setenv(name, scheme + proxy.url.removeprefix("http://").removesuffix("/api"))
        opened = transport("http://prefect.test/api", 60)
        assert (await opened.send("GET", "/flows/1", None, {}))[0] == 200
        await opened.aclose()
        assert [request.target for request in proxy.requests] == ["http://prefect.test/api/flows/1"]


@pytest.mark.parametrize("exempt", ["127.0.0.1", "*"])
async def test_what_needs_no_proxy(transport: Open, monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    async with scripted(answer([])) as server:
        monkeypatch.setenv("HTTP_PROXY", refused_url().removesuffix("/api"))
        monkeypatch.setenv("NO_PROXY", exempt)
        opened = transport(server.url, 60)
        assert (await opened.send("GET", "/flows/1", None, {}))[0] == 200
        await opened.aclose()


async def test_a_proxy_that_is_down(transport: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", refused_url().removesuffix("/api"))
    opened = transport("http://prefect.test/api", 60)
    with pytest.raises(Unsent):
        await opened.send("POST", "/flows/", b"{}", {})
    await opened.aclose()


async def test_a_proxy_that_opens_no_tunnel(transport: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(answer({}, "407 Proxy Authentication Required")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.removesuffix("/api"))
        opened = transport("https://prefect.test/api", 60)
        with pytest.raises(Unsent):
            await opened.send("POST", "/flows/", b"{}", {})
        await opened.aclose()
        assert [request.method for request in proxy.requests] == ["CONNECT"]


@pytest.mark.parametrize(("step", "fault"), [(hang, Lost), (hang_in_body, BrokenOff)])
async def test_pyreqwest_gives_up_a_call_in_the_end(step: Step, fault: type[Exception]) -> None:
    gone = asyncio.Event()

    async def watched(exchange: Exchange) -> None:
        await step(exchange)
        gone.set()

    async with scripted(watched) as server:
        opened = PyreqwestTransport(server.url, 0.2)
        with pytest.raises(fault) as failure:
            await opened.send("POST", "/flows/", b"{}", {})
        assert type(failure.value) is fault
        await gone.wait()
        await opened.aclose()


async def test_httpx_is_the_way_where_there_is_no_pyreqwest(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = remote("http://127.0.0.1:4200/api")
    assert isinstance(opened, PyreqwestTransport)
    await opened.aclose()
    monkeypatch.setattr(ways, "PyreqwestTransport", None)
    opened = remote("http://127.0.0.1:4200/api")
    assert isinstance(opened, HttpxTransport)
    await opened.aclose()


async def test_httpx_is_the_way_where_pyreqwest_finds_no_authorities(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    over_httpx.tls()
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    opened = remote("http://127.0.0.1:4200/api")
    assert isinstance(opened, HttpxTransport)
    assert "No CA certificates" in caplog.text
    await opened.aclose()
