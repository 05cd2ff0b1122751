"""A compiled operation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel

from gateway.execution.compiled.connections import Made
from gateway.execution.compiled.failures import Failure
from gateway.execution.compiled.roots import Root
from gateway.execution.compiled.rows import Answers, LevelLoader, StructRows
from gateway.execution.compiled.shapes import Decoders
from gateway.execution.compiled.steps import Run, together
from gateway.execution.times import Times
from resolvers.context import Context


@dataclass(frozen=True)
class Plan:
    """What an operation reads and how its answer is made; for one set of values of its @skip and @include variables."""

    roots: list[Root]
    made: Made
    decoders: Mapping[type[BaseModel], Decoders]
    text: str = field(repr=False)
    """The plan to read, its generated functions included."""

    async def run(self, context: Context, variables: Any, times: Times | None = None) -> "Outcome":
        """Execute over `context.rest`, which gives undecoded answers; raises Irregular where graphql-core must do it."""
        run = Run(context.beside.get(id(self)) or self._context(context), variables, times)
        asked = [root.asked(run) for root in self.roots]
        work = [root.value(run, each) for root, each in zip(self.roots, asked, strict=True)]
        return Outcome(self, run, self.made(*await together(work)))

    def _context(self, context: Context) -> Context:
        rows = StructRows(cast("Answers", context.rest), self.decoders)
        made = context.beside[id(self)] = Context(rows, context.page, context.max_first, LevelLoader)
        return made


@dataclass(frozen=True)
class Outcome:
    """The data of an answer, a Struct, and the reads that failed on the way."""

    plan: Plan
    run: Run
    data: Any

    def failures(self) -> Iterator[Failure]:
        """Find where reads failed."""
        failures = self.run.failures
        if failures:
            for name, root in zip(self.data.__struct_fields__, self.plan.roots, strict=True):
                yield from root.failures(failures, getattr(self.data, name), (root.key,))
