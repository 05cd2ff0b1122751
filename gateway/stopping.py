"""What is done as soon as a signal ends the process, before its server waits for clients that would never leave."""

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def on_signals(stop: Callable[[], None]) -> Generator[None]:
    """Call `stop` in the running event loop when a signal ends the process, beside what the server does then."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(stop)
        before = handlers[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    ours = [number for number, before in handlers.items() if callable(before)]
    for number in ours:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, handlers[number])
