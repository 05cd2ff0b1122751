"""The demo's runs, planned from a seed alone: names, states, parameters, logs, and times relative to the filling."""

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, product
from typing import Any

from gateway.demo.catalogue import ADJECTIVES, ANIMALS, DEPLOYMENTS, FLOWS, Deployment, Flow
from gateway.demo.stories import (
    COMPLETED,
    FAILED,
    LAST_TASK,
    MESSAGES,
    NOT_BEGUN,
    STORIES,
    TASK_CACHED,
    TASK_COMPLETED,
    TASK_NOT_READY,
    TASK_RETRIED,
    Span,
    Story,
)

BY_NAME = {flow.name: flow for flow in FLOWS}
EXTRA_FAILURES = 2  # of each flow that is tagged "database", so that there is always something to ask about


@dataclass(frozen=True)
class State:
    """A state; `at` is its scheduled time where it has one. No route takes a state's own timestamp."""

    name: str
    message: str | None
    at: timedelta


@dataclass(frozen=True)
class Log:
    """A line of a run's log."""

    level: int
    message: str
    at: timedelta


@dataclass(frozen=True)
class TaskRun:
    """A task run; the one that stands for a subflow run takes its later states from it."""

    name: str
    task_key: str
    dynamic_key: str
    states: tuple[State, ...]
    logs: tuple[Log, ...] = ()
    tags: tuple[str, ...] = ()
    subflow: "FlowRun | None" = None


@dataclass(frozen=True)
class FlowRun:
    """A flow run with all that belongs to it; `key` makes it harmless to create it again."""

    key: str
    name: str
    flow: Flow
    deployment: Deployment | None
    parameters: dict[str, Any]
    tags: tuple[str, ...]
    states: tuple[State, ...]
    task_runs: tuple[TaskRun, ...]
    logs: tuple[Log, ...]

    def __iter__(self) -> Iterator["FlowRun"]:
        """Yield the run and the subflow runs below it."""
        yield self
        for task_run in self.task_runs:
            yield from task_run.subflow or ()


def plan(seed: int) -> tuple[FlowRun, ...]:
    """Plan the flow runs of a seed, the one that was to start first before the others; subflow runs are within."""
    runs = _Planner(seed).runs()
    return tuple(sorted(runs, key=lambda run: run.states[0].at))


class _Planner:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311  the same demo again is what is wanted
        self._numbers = count(1)
        names = [f"{adjective}-{animal}" for adjective, animal in product(ADJECTIVES.split(), ANIMALS.split())]
        self._random.shuffle(names)
        self._names = iter(names)

    def runs(self) -> list[FlowRun]:
        deck = [story for number, story in STORIES for _ in range(number)]
        self._random.shuffle(deck)
        dealt = [(FLOWS[number % len(FLOWS)], story) for number, story in enumerate(deck)]
        dealt += [(flow, FAILED) for flow in FLOWS if "database" in flow.tags for _ in range(EXTRA_FAILURES)]
        return [self._run(flow, story, self._between(story.span)) for flow, story in dealt]

    def _run(self, flow: Flow, story: Story, due: timedelta, *, subflow: bool = False) -> FlowRun:
        deployments = [deployment for deployment in DEPLOYMENTS if deployment.flow == flow.name]
        deployment = None if subflow or self._chance(0.2) or not deployments else self._random.choice(deployments)
        name = next(self._names)
        begun = story.last not in NOT_BEGUN
        task_runs = tuple(self._task_runs(flow, story.last, due)) if begun else ()
        return FlowRun(
            key=f"demo-{self._seed}-{next(self._numbers)}",
            name=name,
            flow=flow,
            deployment=deployment,
            parameters={"batch_size": self._random.choice((100, 500, 1000, 5000)), "full": self._chance(0.1)},
            tags=("subflow",) if subflow else deployment.tags if deployment else ("ad-hoc",),
            states=_states(story.path, due, MESSAGES, flow.failure),
            task_runs=task_runs,
            logs=tuple(self._flow_run_logs(flow, story.last, name, due, len(task_runs))) if begun else (),
        )

    def _task_runs(self, flow: Flow, last: str, due: timedelta) -> Iterator[TaskRun]:
        """Plan the task runs: those before the last completed, those after it were never ready."""
        keys = [*flow.tasks, *(flow.subflows if last == "Completed" else ())]
        begun = len(keys) if last == "Completed" else self._random.randint(1, len(keys))
        clock = due + timedelta(seconds=self._random.uniform(2, 15))
        for place, task in enumerate(keys, 1):
            if task in flow.subflows:
                yield self._subflow_task_run(BY_NAME[task], clock)
            elif place < begun or (place == begun and last not in LAST_TASK):
                yield self._task_run(flow, task, self._completed(), clock)
            elif place == begun:
                yield self._task_run(flow, task, LAST_TASK[last], clock)
            elif last in {"Failed", "TimedOut"}:
                yield self._task_run(flow, task, TASK_NOT_READY, clock)
            clock += timedelta(seconds=self._random.uniform(3, 240))

    def _completed(self) -> str:
        kinds = (TASK_COMPLETED, TASK_RETRIED, TASK_CACHED)
        return self._random.choices(kinds, (90, 6, 4))[0]

    def _task_run(self, flow: Flow, task: str, path: str, at: timedelta) -> TaskRun:
        messages = {
            "Failed": "Task run encountered an exception: {failure}",
            "AwaitingRetry": "Task run failed; it is repeated.",
        }
        return TaskRun(
            name=f"{task}-0",
            task_key=f"{flow.name}.{task}",
            dynamic_key="0",
            states=_states(path, at, messages, flow.failure),
            logs=tuple(self._task_run_logs(flow, path.rsplit(maxsplit=1)[-1], at)),
            tags=("io",) if task.startswith(("load", "fetch", "upload", "extract", "upsert", "store")) else (),
        )

    def _subflow_task_run(self, flow: Flow, at: timedelta) -> TaskRun:
        return TaskRun(
            name=f"{flow.name}-0",
            task_key=f"subflow.{flow.name}",
            dynamic_key="0",
            states=_states("Pending", at, {}, ""),
            subflow=self._run(flow, COMPLETED, at, subflow=True),
        )

    def _flow_run_logs(self, flow: Flow, last: str, name: str, due: timedelta, tasks: int) -> Iterator[Log]:
        yield Log(logging.INFO, f"Beginning flow run '{name}' for flow '{flow.name}'", due)
        yield Log(logging.DEBUG, f"{tasks} task runs were submitted", due + timedelta(seconds=1))
        end = due + timedelta(minutes=15)
        match last:
            case "Completed":
                yield Log(logging.INFO, "Finished in state Completed()", end)
            case "Failed" | "TimedOut" | "AwaitingRetry":
                yield Log(logging.ERROR, f"Encountered an exception during execution: {flow.failure}", end)
            case "Crashed":
                yield Log(logging.CRITICAL, "The process was killed: out of memory (exit code 137)", end)
            case "Cancelled" | "Cancelling":
                yield Log(logging.WARNING, "An operator asked to cancel the run", end)

    def _task_run_logs(self, flow: Flow, last: str, at: timedelta) -> Iterator[Log]:
        if last == "NotReady":
            return
        if self._chance(0.12):
            seconds = self._random.uniform(5, 60)
            yield Log(logging.WARNING, f"Slow answer: {seconds:.1f} s", at + timedelta(seconds=2))
        if last == "Failed":
            yield Log(logging.ERROR, f"Task run failed with exception: {flow.failure}", at + timedelta(seconds=3))
        elif last in {"Completed", "Cached"}:
            yield Log(logging.INFO, f"Finished in state {last}()", at + timedelta(seconds=3))

    def _between(self, span: Span) -> timedelta:
        return span.earliest + (span.latest - span.earliest) * self._random.random()

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability


def _states(path: str, due: timedelta, messages: dict[str, str], failure: str) -> tuple[State, ...]:
    """Make the states of a path; a run that waits for its retry waits until a little after the filling."""
    names = path.split()
    texts = [messages[name].format(failure=failure) if name in messages else None for name in names]
    times = [timedelta(minutes=10) if name == names[-1] == "AwaitingRetry" else due for name in names]
    return tuple(map(State, names, texts, times))
