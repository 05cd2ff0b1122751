"""Several processes that serve one port: each listens by itself, so that the kernel spreads the connections over them."""

import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

Address = tuple[Any, ...]


class Port:
    """A port that is kept here without listening; passed to another process, it is a socket that listens on the port.

    Where processes share one socket, the first to wake takes what comes at once: often 32 connections of 32.
    """

    def __init__(self, family: int, address: Address) -> None:
        self._family = family
        self._address = address
        self._kept = _socket(family, address)

    def __reduce__(self) -> tuple[Callable[..., socket.socket], tuple[int, Address]]:
        return _socket, (self._family, self._address)


def serve_by_workers(config: uvicorn.Config, listening: socket.socket, tell: Callable[[], None]) -> bool:
    """Serve by `config.workers` processes until a signal ends it; `tell` is called once all are there.

    A process that dies is started again. Where one can't start, all are ended; returns whether they could.
    `listening` is closed.
    """
    workers = _Workers(config, _shared(listening), tell)
    workers.run()
    return all(process.exitcode != STARTUP_FAILURE for process in workers.processes)


class _Workers(Multiprocess):
    """uvicorn's processes, which say when all of them serve."""

    def __init__(self, config: uvicorn.Config, sockets: list[Any], tell: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._tell = tell

    def init_processes(self) -> None:
        super().init_processes()
        while not self.signal_queue and all(process.process.is_alive() for process in self.processes):
            if all(process.is_ready(timeout=1) for process in self.processes):
                self._tell()
                return
            time.sleep(0.1)


def _shared(listening: socket.socket) -> list[Any]:
    """Return what each process listens with. Only Linux spreads connections over several sockets of one port."""
    if sys.platform != "linux":
        return [listening]
    family, address = listening.family, listening.getsockname()
    listening.close()
    return [Port(family, address)]


def _socket(family: int, address: Address) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(address)
    return made
