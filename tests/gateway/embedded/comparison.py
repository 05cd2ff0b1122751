"""Requests written down as text, sent to two servers, and their answers made comparable: ids and times aside."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.services import patiently

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
REFERENCE = re.compile(r"\$(\w+)((?:\.\w+)*)")
RANDOM_NAME = re.compile(r"[a-z]+-[a-z]+")

# Seconds that pass while the servers work.
DURATIONS = {"total_run_time", "estimated_run_time", "estimated_start_time_delta", "delay_seconds", "sum_estimated_run_time",
             "sum_estimated_lateness", "time_in_current_state"}  # fmt: skip
# Lists that Prefect keeps as sets.
SETS = {"after", "expect", "for_each", "pause_keys", "capabilities"}


@dataclass(frozen=True)
class Request:
    """One request; the answer is kept under `name`, if it has one."""

    line: int
    method: str
    path: str
    body: str
    name: str | None

    def __str__(self) -> str:
        return f"line {self.line}: {self.method} {self.path} {self.body}"

    @property
    def unordered(self) -> bool:
        """Whether the answer's order is that of ids, which each server makes for itself."""
        sort = re.search(r'"sort": ?"(\w+)"', self.body)
        return self.path.endswith(("/filter", "/paginate", "/bulk_delete", "/bulk_set_state")) and (
            sort is None or sort[1] == "ID_DESC"
        )


def parse(text: str) -> Iterator[Request]:
    """Read requests, one a line: `name = METHOD /path {body}`; lines that begin with white space continue the one before."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith((" ", "\t")):
            first, begun = lines.pop()
            lines.append((first, f"{begun} {line.strip()}"))
        elif line and not line.startswith("#"):
            lines.append((number, line))
    for number, line in lines:
        match = re.fullmatch(r"(?:(\w+) = )?([A-Z]+) (\S+)(?: (.*))?", line)
        assert match, f"line {number} is no request: {line}"
        yield Request(number, match[2], match[3], match[4] or "", match[1])


@dataclass
class Talk:
    """A conversation with one server: what it answered, and the ids by which it knows things."""

    client: httpx.AsyncClient
    kept: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    async def send(self, request: Request) -> tuple[int, Any]:
        """Send a request; return the status and the comparable body."""
        body = self._fill(request.body)
        content = {"content": body, "headers": {"content-type": "application/json"}} if body else {}
        path = self._fill(request.path)
        response = await patiently(lambda: self.client.request(request.method, path, **content))  # type: ignore[arg-type]  # two keywords
        answer = response.json() if response.content else None
        if request.name:
            self.kept[request.name] = answer
            if "id" in answer:
                self.names.setdefault(answer["id"], f"${request.name}")
        return response.status_code, self._comparable(answer, unordered=request.unordered)

    def _fill(self, text: str) -> str:
        """Put in what earlier answers said: `$run` is an id, `$run.state_id` a field."""

        def value(match: re.Match[str]) -> str:
            found = self.kept[match[1]]
            for key in match[2].split(".")[1:] or ["id"]:
                found = found[key]
            return str(found)

        return REFERENCE.sub(value, text)

    def _comparable(self, answer: Any, *, unordered: bool) -> Any:
        if unordered:
            for items in self._lists(answer):
                items.sort(key=lambda item: json.dumps(self._masked(item, unknown="<id>"), sort_keys=True))
        return self._masked(answer)

    @staticmethod
    def _lists(answer: Any) -> list[list[Any]]:
        if isinstance(answer, list):
            return [answer]
        keys = ("results", "deleted")
        return [answer[key] for key in keys if key in answer] if isinstance(answer, dict) else []

    def _masked(self, value: Any, key: str = "", unknown: str | None = None) -> Any:
        if isinstance(value, dict):
            return {self._named(name, unknown): self._masked(item, name, unknown) for name, item in value.items()}
        if isinstance(value, list):
            items = [self._masked(item, key, unknown) for item in value]
            return sorted(items) if key in SETS else items
        if key == "next_page" and value:
            return "<address>"
        if isinstance(value, str):
            text = TIME.sub(lambda match: "<now>" if _is_recent(match[0]) else match[0], self._named(value, unknown))
            return "<random>" if key == "name" and RANDOM_NAME.fullmatch(text) and text not in self.kept else text
        return "<seconds>" if key in DURATIONS and value else value

    def _named(self, text: str, unknown: str | None) -> str:
        return UUID.sub(lambda match: self._name(match[0], unknown), text)

    def _name(self, id_: str, unknown: str | None) -> str:
        """Name an id alike for both servers: by the answer that told it, else by when it was first seen."""
        if id_ in self.names or unknown is None:
            return self.names.setdefault(id_, f"<id {len(self.names)}>")
        return unknown


def _is_recent(text: str) -> bool:
    return abs(datetime.now(UTC) - datetime.fromisoformat(text)) < timedelta(hours=12)
