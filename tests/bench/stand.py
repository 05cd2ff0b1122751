"""The test stand: the fake upstream and the gateways, running; what they are asked, and whether they answer right."""

import asyncio
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.bench.dialects import comparable
from tests.bench.peers import Gateway, Place
from tests.bench.processes import CACHE, Unusable, running
from tests.bench.queries import Mutation, Operation, first_run
from tests.bench.selection import Answer, Answers
from tests.bench.world import make_world, write_world

SERVER = Path(__file__).parent / "upstream" / "server.js"
AT_ONCE = 32
"""Requests at once when answers are checked: gateways batch across requests, and may mix them up."""


@dataclass(frozen=True)
class Cores:
    """Which cores a gateway has, which one of two workers, and which the upstream and the load."""

    gateway: Sequence[int]
    pair: Sequence[int]
    load: Sequence[int]

    @classmethod
    def of_machine(cls) -> "Cores":
        """Give the first core to a gateway, or the first two, and those after them to the rest; the last where there are two."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise Unusable("Two cores are needed: one for the gateway, one for the upstream and the load.")
        return cls(cores[:1], cores[:2], cores[2:] or cores[1:])


@dataclass
class Stand:
    """What runs."""

    answers: Answers
    run: str
    """The id of the run that the mutation is about."""
    cores: Cores
    upstream: str
    ports: dict[str, int] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)

    def url(self, gateway: Gateway, operation: Operation) -> str:
        """Return the address that an operation is posted to."""
        return f"http://127.0.0.1:{self.ports[gateway.name]}{gateway.path(operation)}"

    def calls(self) -> int:
        """Return how many calls the upstream had."""
        return int(httpx.get(f"{self.upstream}/stats", trust_env=False).json()["calls"])

    def check(self, gateway: Gateway, operation: Operation) -> str | None:
        """Ask many times at once; say what is wrong with the answers, None where all are right."""
        before = self.calls()
        problem = asyncio.run(self._check(gateway, operation))
        made = self.calls() - before
        if problem is None and isinstance(operation, Mutation) and made < AT_ONCE:
            return f"{AT_ONCE} mutations made {made} calls: writes are lost"
        return problem

    async def _check(self, gateway: Gateway, operation: Operation) -> str | None:
        offsets = list(itertools.islice(itertools.cycle(operation.offsets), AT_ONCE if operation.first < 1_000 else 2))
        async with httpx.AsyncClient(trust_env=False, timeout=60, limits=httpx.Limits(max_connections=None)) as http:
            asked = (self.ask(http, gateway, operation, offset) for offset in offsets)
            answers = await asyncio.gather(*asked, return_exceptions=True)
        for offset, answer in zip(offsets, answers, strict=True):
            problem = difference(answer, operation.expected(self.answers, offset))
            if problem:
                return problem
        return None

    async def ask(self, http: httpx.AsyncClient, gateway: Gateway, operation: Operation, offset: int) -> Answer:
        """Return one answer, comparable."""
        body = gateway.dialect.body(operation, offset, self.run)
        response = await http.post(self.url(gateway, operation), json=body)
        return comparable(response.json())


def difference(answer: Answer | BaseException, expected: Answer) -> str | None:
    """Say in a line how an answer differs from the right one."""
    if isinstance(answer, BaseException):
        return f"{type(answer).__name__}: {answer}"
    if answer.errors != expected.errors:
        missing, extra = expected.errors - answer.errors, answer.errors - expected.errors
        return f"errors differ: {len(missing)} missing, {len(extra)} unexpected"
    if answer.rows == expected.rows:
        return None
    if not isinstance(answer.rows, list) or len(answer.rows) != len(expected.rows):
        return f"another answer: {str(answer.rows)[:300]}"
    index, (found, right) = next(
        (index, pair) for index, pair in enumerate(zip(answer.rows, expected.rows, strict=True)) if pair[0] != pair[1]
    )
    return f"row {index} is {str(found)[:300]}, not {str(right)[:300]}"


@contextmanager
def open_stand(gateways: Iterable[Gateway], port: int, cores: Cores) -> Iterator[Stand]:
    """Run the upstream on `port` and the gateways on the ports after it, as far as they are installed."""
    world = make_world()
    data = CACHE / "world.json"
    write_world(world, data)
    with ExitStack() as stack:
        stack.enter_context(running("upstream", ["node", SERVER, data, str(port)], port, cores.load))
        stand = Stand(Answers(world), first_run(world), cores, f"http://127.0.0.1:{port}")
        for number, gateway in enumerate(gateways, port + 1):
            place = Place(number, f"{stand.upstream}/api")
            command = gateway.command(place)
            if command is None:
                continue
            own = cores.pair if gateway.spread else cores.gateway
            environment = {"UPSTREAM": place.upstream, "TAILCALL_TRACKER": "false", "TAILCALL_LOG_LEVEL": "error"}
            pid = stack.enter_context(running(gateway.name, command, number, own, environment, gateway.cwd))
            stand.ports[gateway.name], stand.pids[gateway.name] = number, pid
        yield stand
