"""What the workers of one gateway know of each other's writes, so that a client reads its own, whichever worker answers."""

import multiprocessing
from dataclasses import dataclass
from random import getrandbits
from typing import Protocol


class Number(Protocol):
    """A place for a number of 64 bits."""

    value: int


@dataclass
class _Own:
    value: int = 0


class Writes:
    """A number that the beginning and the end of every write changes, those of other workers included.

    Who reads may use what was asked of the upstream only while the number is still that of then: a client whose write
    went through one worker would else be answered by another with what was read before it.
    """

    def __init__(self, place: Number | None = None) -> None:
        self._place = _Own() if place is None else place

    @classmethod
    def of_workers(cls) -> "Writes":
        """Make the one that is passed to several processes as they are started."""
        return cls(multiprocessing.get_context("spawn").RawValue("Q"))

    @property
    def number(self) -> int:
        return self._place.value

    def note(self) -> None:
        """Tell all workers that a write begins or ends."""
        # Random, not counted: two workers that count at once could both come to a number that one of them had seen.
        # Storing it takes no lock, which a worker that is killed would keep.
        self._place.value = getrandbits(64)
