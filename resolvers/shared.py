"""Work that several fields wait for."""

import asyncio
from typing import TypeVar

T = TypeVar("T")


def shared(work: "asyncio.Future[T]") -> "asyncio.Future[T]":
    """Return what one field may await: when graphql-core cancels that field, the others still get the result.

    A failure is then theirs to report, and nobody's complaint where they were all cancelled.
    """
    work.add_done_callback(_seen)
    return asyncio.shield(work)


def _seen(work: "asyncio.Future[T]") -> None:
    if not work.cancelled():
        work.exception()
