"""What a server's processes used: processor time and memory, from the system's own account."""

import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """Seconds of processor time, user and system, of each process; bytes of resident memory of all together."""

    cpu: dict[int, float]
    memory: int

    def since(self, before: "Usage") -> list[float]:
        """Return the seconds that each process used since."""
        return [seconds - before.cpu.get(pid, 0.0) for pid, seconds in self.cpu.items()]


def usage(pid: int) -> Usage:
    """Ask for the tree of processes below `pid`."""
    process = psutil.Process(pid)
    cpu, memory = {}, 0
    for each in (process, *process.children(recursive=True)):
        try:
            with each.oneshot():
                times = each.cpu_times()
                cpu[each.pid] = times.user + times.system
                memory += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return Usage(cpu, memory)


def settle(pid: int, patience: float = 30) -> None:
    """Wait until a server has ended what it still worked on: the next one to be measured shares its core."""
    deadline = time.monotonic() + patience
    before = usage(pid)
    while time.monotonic() < deadline:
        time.sleep(0.2)
        now = usage(pid)
        if sum(now.since(before)) < 0.05:
            return
        before = now
