"""After which faults a read is repeated, and after how long."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateway.upstream.answers import Answer
from gateway.upstream.retries import Backoff, Refused, retry_after
from gateway.upstream.transport import BrokenOff, Lost, Unsent


def refused(**headers: str) -> Refused:
    return Refused(Answer(429, {name.replace("_", "-"): value for name, value in headers.items()}, b""))


async def test_the_upstream_says_when_but_not_beyond_the_deadline() -> None:
    now = asyncio.get_running_loop().time()
    backoff = Backoff(lambda: now + 20)
    assert backoff(refused(retry_after="7")) == 7.0
    assert backoff(refused(retry_after="30")) is False
    assert backoff(refused(retry_after="soon")) is True
    assert backoff(refused()) is True


async def test_a_lost_connection_is_tried_again_at_once_the_first_time() -> None:
    backoff = Backoff(lambda: asyncio.get_running_loop().time() + 20)
    verdicts = [backoff(fault) for fault in (Lost(), Lost(), Unsent(), BrokenOff(), ValueError())]
    assert [(type(verdict), verdict) for verdict in verdicts] == [
        (float, 0.0),
        (bool, True),
        (bool, True),
        (bool, True),
        (bool, False),
    ]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("nan", None),
        ("inf", None),
        ("x", None),
        (None, None),
    ],
)
def test_what_retry_after_means(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_retry_after_may_be_a_date() -> None:
    seconds = retry_after(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    assert seconds is not None
    assert 3500 < seconds <= 3600
