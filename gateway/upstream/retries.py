"""When a read is repeated: after which faults, after how long, and never beyond the deadline."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import stamina

from gateway.upstream.answers import Answer, Call
from gateway.upstream.transport import Lost, TransportFault

REPEATED = frozenset({429, 502, 503, 504})


On = type[Exception] | Callable[[Exception], bool | float]


class Repeating:
    """Repeats what fails, `attempts` times at most, by stamina: from the first failure on, as its machinery costs more than a call."""

    def __init__(self, attempts: int) -> None:
        self._caller = stamina.AsyncRetryingCaller(
            attempts=attempts, timeout=None, wait_initial=0.1, wait_jitter=0.2, wait_max=2.0
        )

    async def __call__(self, on: On, attempt: Callable[[Call], Awaitable[Answer]], call: Call) -> Answer:
        """Return what an attempt brings; raises what the last one raised, at once if `on` does not say to repeat it."""
        try:
            return await attempt(call)
        except Exception as fault:  # noqa: BLE001 - stamina raises it again
            return await self._caller(on, _continued(fault, attempt), call)


def _continued(fault: Exception, attempt: Callable[[Call], Awaitable[Answer]]) -> Callable[[Call], Awaitable[Answer]]:
    """Return the attempts whose first has failed already."""
    first = [fault]

    async def continued(call: Call) -> Answer:
        if first:
            raise first.pop()
        return await attempt(call)

    return continued


class Refused(Exception):
    """An answer that says: not now."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer


class Backoff:
    """Decides, for one read, whether to repeat it and when: stamina's `on`.

    `deadline` gives the event-loop time by which the last of those who wait must have the answer.
    """

    def __init__(self, deadline: Callable[[], float]) -> None:
        self._deadline = deadline
        self._lost = False

    def __call__(self, fault: Exception) -> bool | float:
        """Return False (give up), True (the usual backoff) or the seconds to wait."""
        if isinstance(fault, Refused):
            return self._after(fault.answer)
        if isinstance(fault, Lost) and not self._lost:
            # Most likely the server closed an idle connection just when we used it; a new one will do.
            self._lost = True
            return 0.0
        return isinstance(fault, TransportFault)

    def _after(self, answer: Answer) -> bool | float:
        seconds = retry_after(answer.headers.get("retry-after"))
        if seconds is None:
            return True
        return seconds if asyncio.get_running_loop().time() + seconds < self._deadline() else False


def retry_after(value: str | None) -> float | None:
    """Return the seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3: seconds or a date); None if it makes no sense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
