"""Requests made of an OpenAPI document by schemathesis: valid ones and such as are not, the same for the same seed."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.core import NotSet

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
READS = re.compile(
    r"GET .*|POST .*/(filter|count|paginate|history|lateness|validate|next-runs|count-\S+|counts|count-by/\S+"
    r"|concurrency_status)"
)


@dataclass(frozen=True)
class Case:
    """One request of a route, `POST /flows/filter`."""

    route: str
    path: str
    content: bytes | None

    @property
    def reads(self) -> bool:
        return READS.fullmatch(self.route) is not None

    @property
    def body(self) -> Any:
        """The body as a value, None where it is no JSON."""
        try:
            return json.loads(self.content or b"null")
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.route.partition(' ')[0]} {self.path} {(self.content or b'').decode(errors='backslashreplace')}"


def routes(document: Json) -> list[str]:
    """List the routes of a document."""
    return [
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in METHODS if method in item
    ]


def make(document: Json, asked: list[str], *, valid: int, invalid: int, seed: int) -> list[Case]:
    """Make so many cases of each route at most, reads first: fewer where there are not so many."""
    api = schemathesis.openapi.from_dict(document)
    made: dict[Case, None] = {}
    for route in asked:
        method, path = route.split()
        operation = api[path][method]
        for mode, count in ((GenerationMode.POSITIVE, valid), (GenerationMode.NEGATIVE, invalid)):
            made |= dict.fromkeys(_some(list(_drawn(operation, route, mode, count + 2, seed)), count, seed))
    return sorted(made, key=lambda case: not case.reads)


def _some(cases: list[Case], count: int, seed: int) -> list[Case]:
    different = list(dict.fromkeys(cases))
    return random.Random(seed).sample(different, min(count, len(different)))  # noqa: S311 (test data)


def _drawn(operation: Any, route: str, mode: GenerationMode, count: int, seed: int) -> Iterator[Case]:
    drawn: list[Any] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def draw(case: Any) -> None:
        drawn.append(case)

    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters or operation.query):
        return
    draw()
    for case in drawn:
        yield _case(case, route)


def _case(case: Any, route: str) -> Case:
    path = route.split()[1]
    for name, value in (case.path_parameters or {}).items():
        path = path.replace(f"{{{name}}}", quote(_unquoted(value), safe=""))
    query = urlencode({name: _text(value) for name, value in (case.query or {}).items()}, doseq=True)
    body = case.body
    content = None if isinstance(body, NotSet) else body if isinstance(body, bytes) else json.dumps(body).encode()
    return Case(route, f"{path}?{query}" if query else path, content)


def _unquoted(value: Any) -> str:
    # Invalid ones are quoted by schemathesis already.
    return unquote(str(value))


def _text(value: Any) -> Any:
    return "true" if value is True else "false" if value is False else value
