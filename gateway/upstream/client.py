"""The client of the upstream for the life of the process, and its sessions, one per operation."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.settings import Settings
from gateway.upstream.answers import Answer, Call, decoded, failed, may_be_older, refusal, too_late
from gateway.upstream.credentials import CsrfTransport, service_authorization
from gateway.upstream.retries import REPEATED, Backoff, Refused, Repeating
from gateway.upstream.sharing import Flight, Flights
from gateway.upstream.transport import Transport, TransportFault, Unsent
from gateway.upstream.writes import Writes
from resolvers.errors import BadUserInput, UpstreamError
from resolvers.rest import Untold
from resolvers.shared import shared

_READY_TIMEOUT = 2.0
_VERSION_LASTS = 60.0

VERSION = "/admin/version"
"""Tells the server's version."""

Make = Callable[[Call], Awaitable[tuple[Answer, bool]]]
"""Gets the answer to a call, and says whether it is that of another's identical call."""


@dataclass(frozen=True)
class Readiness:
    """Whether the upstream answers; true when there is no reason against it."""

    reason: str | None

    def __bool__(self) -> bool:
        return self.reason is None


class Upstream:
    """All calls of this process to one REST API: bounded per collection, reads repeated after faults and shared in flight."""

    def __init__(self, transport: Transport, settings: Settings, writes: Writes | None = None) -> None:
        self.authorization = service_authorization(settings)
        self._transport = CsrfTransport(transport)
        self._bounds: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(settings.max_concurrency)
        )
        self._writes = writes or Writes()
        self._flights: Flights[Call, Answer] = Flights(self._writes)
        self._tables: list[Flights[Any, Any]] = [self._flights]
        self._repeating = Repeating(settings.retries + 1)
        self._version: tuple[str, float] | None = None

    def session(self, *, authorization: str | None, deadline: float, trace: bool = False) -> "Session":
        """Return the upstream for one operation of one caller; `deadline` is in event-loop time.

        Without an `authorization` (a whole header) of the caller the service credential is sent.
        """
        return Session(self, authorization or self.authorization, deadline, trace=trace)

    def flights(self) -> Flights[Any, Any]:
        """Return a new table of flights, for what is made of reads: it ends at writes and is cancelled as the reads' own."""
        self._tables.append(Flights(self._writes))
        return self._tables[-1]

    async def read(self, call: Call, deadline: float) -> tuple[Answer, bool]:
        """Return the answer, and whether it is that of another's identical call; raises a `TransportFault`."""
        return await self._flights.join(call, deadline, lambda flight: self._fetch(call, flight))

    async def write(self, call: Call) -> Answer:
        """Send once; only a request that never left is tried again. Raises a `TransportFault`."""
        with self.writing():
            return await self._repeating(Unsent, self._send, call)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around a write: no read that comes after its start or its end joins one from before."""
        self._writes.note()
        try:
            yield
        finally:
            self._writes.note()

    async def ready(self) -> Readiness:
        """Ask `GET /health`, once and briefly."""
        deadline = asyncio.get_running_loop().time() + _READY_TIMEOUT
        try:
            await self.session(authorization=None, deadline=deadline).once("GET", "/health")
        except UpstreamError as unready:
            return Readiness(unready.message)
        return Readiness(None)

    async def version(self, authorization: str | None, deadline: float) -> str | None:
        """Return the server's version, which is asked for when something went wrong, at most once a minute; None where it is not told."""
        now = asyncio.get_running_loop().time()
        if self._version is None or now >= self._version[1]:
            session = self.session(authorization=authorization, deadline=min(deadline, now + _READY_TIMEOUT))
            with suppress(UpstreamError):
                told = await session.once("GET", VERSION)
                self._version = (told, now + _VERSION_LASTS) if isinstance(told, str) else None
        return self._version[0] if self._version else None

    async def aclose(self) -> None:
        """Cancel what is in flight and close the connections."""
        for flights in reversed(self._tables):
            await flights.aclose()
        await self._transport.aclose()

    async def once(self, call: Call) -> Answer:
        """Send once, and share with nobody; raises a `TransportFault`."""
        return await self._send(call)

    async def _fetch(self, call: Call, flight: Flight[Answer]) -> Answer:
        try:
            return await self._repeating(Backoff(lambda: flight.deadline), self._attempt, call)
        except Refused as refused:
            return refused.answer

    async def _attempt(self, call: Call) -> Answer:
        answer = await self._send(call)
        if answer.status in REPEATED:
            raise Refused(answer)
        return answer

    async def _send(self, call: Call) -> Answer:
        headers = {"accept": "application/json"}
        if call.body is not None:
            headers["content-type"] = "application/json"
        if call.authorization is not None:
            headers["authorization"] = call.authorization
        # No X-PREFECT-API-VERSION: a server takes its absence for its own version and refuses what is older.
        bound = self._bounds[call.collection]
        if self._transport.ends_cancelled:
            async with bound:
                return Answer(*await self._transport.send(call.method, call.path, call.body, headers))
        await bound.acquire()
        # One that cannot be ended counts until it ends by itself.
        work = asyncio.create_task(self._transport.send(call.method, call.path, call.body, headers))
        work.add_done_callback(lambda _: bound.release())
        return Answer(*await shared(work))


def _told(body: Any) -> Any:
    return "not told: it holds secrets" if isinstance(body, Untold) else body


class Session:
    """The upstream for the length of one operation (`resolvers.rest.Rest`): one caller, one deadline.

    `calls` lists `{method, path, body, status, started, milliseconds, rows, shared}` of each call when a trace is asked for:
    `status` is None without an answer, `started` milliseconds since the operation began, `rows` the length of a list,
    `shared` true when another operation's call was used.
    What `read` and `answer` return may be shared with other operations: it is not to be changed.
    """

    def __init__(self, upstream: Upstream, authorization: str | None, deadline: float, *, trace: bool) -> None:
        self.calls: list[dict[str, Any]] = []
        self._upstream = upstream
        self._authorization = authorization
        self._deadline = deadline
        self._trace = trace
        self._began = time.perf_counter()
        self._waits: set[asyncio.Timeout] = set()

    async def read(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of a call that changes nothing; it may be repeated and shared."""
        call = self._call(method, path, body, writes=False)
        return decoded(call, await self._make(call, body, self._read))

    async def answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Return the good answer to a call that changes nothing, undecoded; it may be repeated and shared."""
        return await self._make(self._call(method, path, body, writes=False), body, self._read)

    def decoded(self, method: str, path: str, answer: Answer) -> Any:
        """Return the JSON of a good answer to a read."""
        return decoded(self._call(method, path, None, writes=False), answer)

    async def write(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of a call that changes something; it is made once."""
        call = self._call(method, path, body, writes=True)
        return decoded(call, await self._make(call, body, self._write))

    async def once(self, method: str, path: str) -> Any:
        """Return the JSON of a call that changes nothing, neither repeated nor shared."""
        call = self._call(method, path, None, writes=False)
        return decoded(call, await self._make(call, None, self._once))

    def close(self) -> None:
        """End the calls in flight, for which nobody waits any more, and make none from now on."""
        self._reschedule(asyncio.get_running_loop().time())

    def _reschedule(self, deadline: float) -> None:
        self._deadline = deadline
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(deadline)

    def _call(self, method: str, path: str, body: Any, *, writes: bool) -> Call:
        if ("." in path or "%" in path) and _leads_elsewhere(path):
            raise BadUserInput('A name cannot be "." or "..": it would change the address that is asked.')
        if not (self._authorization or "").isascii():
            raise BadUserInput("The Authorization header holds what no credential of the Prefect API does: not ASCII.")
        try:
            return Call(self._authorization, method, path, None if body is None else orjson.dumps(body), writes)
        except orjson.JSONEncodeError as unfit:
            raise BadUserInput(f"The input cannot be sent to the Prefect API as JSON: {unfit}.") from unfit

    async def _make(self, call: Call, body: Any, make: Make) -> Answer:
        answer = await self._traced(call, body, make) if self._trace else (await self._in_time(call, make))[0]
        if 200 <= answer.status < 300:
            return answer
        raise refusal(call, answer, await self._version(call, answer))

    async def _version(self, call: Call, answer: Answer) -> str | None:
        """Return the server's version where it may be why an answer is no success, else None."""
        if call.path == VERSION or not may_be_older(answer):
            return None
        return await self._upstream.version(self._authorization, self._deadline)

    async def _traced(self, call: Call, body: Any, make: Make) -> Answer:
        entry: dict[str, Any] = {"method": call.method, "path": call.path, "body": _told(body), "status": None}
        started = time.perf_counter()
        entry |= {
            "started": round((started - self._began) * 1000, 2),
            "milliseconds": None,
            "rows": None,
            "shared": False,
        }
        self.calls.append(entry)
        try:
            answer, entry["shared"] = await self._in_time(call, make)
            entry["status"] = answer.status
            entry["rows"] = answer.count
        finally:
            entry["milliseconds"] = round((time.perf_counter() - started) * 1000, 2)
        return answer

    async def _in_time(self, call: Call, make: Make) -> tuple[Answer, bool]:
        """Bound what a call may take, its queueing and repeating included, and tell its faults as errors."""
        if asyncio.get_running_loop().time() >= self._deadline:
            raise too_late(call)
        try:
            async with asyncio.timeout_at(self._deadline) as wait:
                self._waits.add(wait)
                try:
                    return await make(call)
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            raise too_late(call) from None
        except TransportFault as fault:
            raise failed(call, fault) from fault

    async def _read(self, call: Call) -> tuple[Answer, bool]:
        return await self._upstream.read(call, self._deadline)

    async def _write(self, call: Call) -> tuple[Answer, bool]:
        return await self._upstream.write(call), False

    async def _once(self, call: Call) -> tuple[Answer, bool]:
        return await self._upstream.once(call), False


def _leads_elsewhere(path: str) -> bool:
    """Tell whether a segment of the path is a step; a backslash is a slash to some clients."""
    segments = path.partition("?")[0].replace("\\", "/").split("/")
    return any(unquote(segment) in {".", ".."} for segment in segments)
