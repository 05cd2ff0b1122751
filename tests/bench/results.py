"""What was measured, as a file, and the figures that are made of it: medians, and medians of ratios within a round."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

Sample = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """The medians of a gateway on an operation."""

    rate: float
    """Requests a second."""
    cpu: float
    """Milliseconds of processor time a request."""
    p50: float
    p99: float
    memory: float
    """MiB."""
    calls: float
    """Upstream calls a request."""
    busiest: float
    failed: int
    """Requests that failed, of all rounds."""


def rate(sample: Sample) -> float:
    """Return the requests a second of a run."""
    return float(sample["requests"] / sample["seconds"])


def cpu(sample: Sample) -> float:
    """Return the milliseconds of processor time a request of a run."""
    return float(1000 * sample["cpu"] / max(sample["requests"], 1))


@dataclass(frozen=True)
class Results:
    """The results file: when and where, the samples, what was wrong, the times of new documents."""

    about: dict[str, Any]
    samples: list[Sample]
    wrong: dict[str, str]
    documents: dict[str, list[float]]

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read a file."""
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        """Write the file, a line for each sample."""
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = ",\n".join(f"  {json.dumps(sample)}" for sample in self.samples)
        path.write_text(
            f'{{"about": {json.dumps(self.about)},\n"samples": [\n{samples}\n],\n'
            f'"wrong": {json.dumps(self.wrong)},\n"documents": {json.dumps(self.documents)}}}\n'
        )

    def of(self, gateway: str, operation: str) -> list[Sample]:
        """Return the runs of a gateway on an operation."""
        return [each for each in self.samples if (each["gateway"], each["operation"]) == (gateway, operation)]

    def gateways(self, operation: str) -> list[str]:
        """Name the gateways that were asked an operation, in their order."""
        return list(dict.fromkeys(each["gateway"] for each in self.samples if each["operation"] == operation))

    def asked(self, gateway: str) -> bool:
        """Tell whether a gateway was asked anything."""
        return any(each["gateway"] == gateway for each in self.samples)

    def figures(self, gateway: str, operation: str) -> Figures | None:
        """Return the medians, None where nothing was measured."""
        runs = self.of(gateway, operation)
        if not runs:
            return None
        return Figures(
            rate=median(map(rate, runs)),
            cpu=median(map(cpu, runs)),
            p50=median(run["p50"] for run in runs),
            p99=median(run["p99"] for run in runs),
            memory=median(run["memory"] for run in runs) / 2**20,
            calls=median(run["calls"] / max(run["requests"], 1) for run in runs),
            busiest=median(run["busiest"] for run in runs),
            failed=sum(run["failed"] for run in runs),
        )

    def ratio(self, one: tuple[str, str], other: tuple[str, str], figure: Callable[[Sample], float]) -> float | None:
        """Return the median over the rounds of one (gateway, operation)'s figure over another's."""
        ratios = list(self._ratios(one, other, figure))
        return median(ratios) if ratios else None

    def _ratios(
        self, one: tuple[str, str], other: tuple[str, str], figure: Callable[[Sample], float]
    ) -> Iterator[float]:
        others = {sample["round"]: sample for sample in self.of(*other) if sample["requests"]}
        for sample in self.of(*one):
            if sample["requests"] and sample["round"] in others and (below := figure(others[sample["round"]])):
                yield figure(sample) / below

    def document_ratio(self) -> float | None:
        """Return how many times as long as graphql-core's parse, validate and execute a new document takes."""
        if not self.documents:
            return None
        return median(self.documents["ours"]) / median(self.documents["graphql_core"])

    def faster(self, gateway: str, operation: str, ours: str) -> tuple[float | None, float | None]:
        """Return how many times ours beats a gateway: by requests a second, by processor time."""
        one, other = (ours, operation), (gateway, operation)
        return self.ratio(one, other, rate), self.ratio(other, one, cpu)

    def two_workers(self, one: str, two: str) -> tuple[float, float] | None:
        """Return how many times two workers serve as many requests as one: seen, and what free cores would give.

        The second is worked out of the processor time a request and of how evenly the workers share it, since on a
        machine of two cores the load takes its part of them.
        """
        seen = self.ratio((two, "e"), (one, "e"), rate)
        cost = self.ratio((one, "e"), (two, "e"), cpu)
        figures = self.figures(two, "e")
        if seen is None or cost is None or figures is None:
            return None
        return seen, cost / figures.busiest
