"""An action on its way: what set it off, the REST API that it acts through, and what it tells of its result."""

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from pydantic import BaseModel, ConfigDict, Field

from gateway.embedded.automations import templates
from gateway.embedded.automations.labelled import Labelled, labelled
from gateway.embedded.events import Event, Labels
from gateway.embedded.events.labels import ID, ROLE

Json = dict[str, Any]

READ = {
    "flow": "/flows/{}",
    "flow_run": "/flow_runs/{}",
    "task_run": "/task_runs/{}",
    "deployment": "/deployments/{}",
    "work_queue": "/work_queues/{}",
    "concurrency_limit": "/v2/concurrency_limits/{}",
}
"""Where the rows are read that templates know by these names; a work pool has no route by its id."""

STATE = {"type", "name", "message", "timestamp"}


class Failed(Exception):
    """An action could not be carried out; the message is the reason."""


class Firing(BaseModel):
    """That a trigger fired: with which labels, on which event (as JSON) and on which firings within."""

    id: str
    trigger_id: str
    triggered: datetime
    triggering_labels: dict[str, str] = Field(default_factory=dict)
    triggering_event: Json | None = None
    triggering_firings: list["Firing"] = Field(default_factory=list)

    def all(self) -> Iterator["Firing"]:
        """Walk over this firing and those within."""
        yield self
        for firing in self.triggering_firings:
            yield from firing.all()


def told(event: Event) -> Json:
    """Return an event as JSON."""
    times = {"occurred": event.occurred.isoformat(), "received": event.received.isoformat()}
    return {**vars(event), **times}


def id_of(resource_id: str, kind: str) -> str | None:
    """Return the UUID in a resource's id, `prefect.flow-run.<uuid>`, if it is of a kind."""
    found, _, id_ = resource_id.rpartition(".")
    try:
        return str(UUID(id_)) if found == f"prefect.{kind}" else None
    except ValueError:
        return None


@dataclass
class Acting:
    """One action of an automation that was set off; `event` is what it is about, as JSON.

    `details` and `related` are what the events of its result tell besides.
    """

    client: httpx.AsyncClient
    automation: Json
    firing: Firing
    event: Json | None
    invocation: str
    index: int
    details: Json = field(default_factory=dict)
    related: list[Labels] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What keeps the action from being done twice."""
        return f"automation {self.automation['id']}, action {self.index}, invocation {self.invocation}"

    def is_close(self, span: timedelta) -> bool:
        """Tell whether the event that it is about occurred not long before."""
        return (
            self.event is not None
            and abs(self.firing.triggered - datetime.fromisoformat(self.event["occurred"])) < span
        )

    def found(self, kind: str) -> str | None:
        """Return the id of the first resource of a kind that the event is about or related to."""
        resources = [self.event["resource"], *self.event["related"]] if self.event else []
        # Only the first counts, as in Prefect, even where its id is no UUID.
        first = next((each[ID] for each in resources if each[ID].rpartition(".")[0] == f"prefect.{kind}"), "")
        return id_of(first, kind)

    def about(self, kind: str, id_: str, role: str = "target", name: str | None = None) -> None:
        """Tell of a resource that the action is about."""
        named = {"prefect.resource.name": name} if name else {}
        self.related.append({ID: f"prefect.{kind}.{id_}", ROLE: role, **named})

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request to the REST API."""
        name = b64encode(self.automation["name"].encode()).decode()
        headers = {"Prefect-Automation-ID": self.automation["id"], "Prefect-Automation-Name": name}
        return await self.client.request(method, path, headers=headers, **({} if body is None else {"json": body}))

    async def order(self, kind: str, method: str, path: str, body: Any = None) -> Any:
        """Send a request that must succeed, for an action of a kind, and return its answer; raises Failed."""
        response = await self.ask(method, path, body)
        self.details["status_code"] = response.status_code
        if response.is_success:
            return response.json() if response.content else None
        raise Failed(_reason(kind, response))

    async def rendered(self, *given: str) -> list[str]:
        """Render templates; raises Failed."""
        context = await self.context(list(given))
        made = []
        for template in given:
            try:
                made.append(templates.render(template, context))
            except Exception as error:  # an expression may raise anything
                self.details["template_error"] = f"Failed to render template due to the following error: {error!r}"
                self.details["template_source"] = template
                msg = f"Template rendering failed: {error!r}"
                raise Failed(msg) from error
        return made

    async def context(self, given: list[str]) -> Json:
        """Return what templates may name."""
        firings = list(self.firing.all())
        named = templates.names(given)
        return {
            "automation": self.automation,
            "event": labelled(self.event),
            "labels": Labelled(self.firing.triggering_labels).labels,
            "firing": self.firing,
            "firings": firings,
            "events": [labelled(each.triggering_event) for each in firings if each.triggering_event],
            **{name: await self._read(name) for name in named & READ.keys()},
            **({"work_pool": await self.pool(self.found("work-pool"))} if "work_pool" in named else {}),
            **({"variables": await self.variables()} if "variables" in named else {}),
        }

    async def _read(self, name: str) -> Json | None:
        kind = name.replace("_", "-")
        response = await self.ask("GET", READ[name].format(found)) if (found := self.found(kind)) else None
        if response is None or not response.is_success:
            return None
        row: Json = response.json()
        return {**row, "state": self._state(found)} if name.endswith("_run") and self._state(found) else row

    def _state(self, id_: str | None) -> Json | None:
        """Return the state that the event tells of a run, which may have changed since."""
        resource: Mapping[str, str] = self.event["resource"] if self.event else {}
        state = {name: resource[label] for name in STATE if (label := f"prefect.state-{name}") in resource}
        return state if state.keys() == STATE and resource[ID].endswith(f".{id_}") else None

    async def pool(self, id_: str | None) -> Json | None:
        """Read a work pool by its id."""
        if id_ is None:
            return None
        response = await self.ask("POST", "/work_pools/filter", {"work_pools": {"id": {"any_": [id_]}}})
        return next(iter(response.json()), None) if response.is_success else None

    async def variables(self) -> Json:
        """Read the variables."""
        found: Json = {}
        while page := (await self.ask("POST", "/variables/filter", {"offset": len(found)})).json():
            found |= {row["name"]: row["value"] for row in page}
        return found


class ActionBase(BaseModel, ABC):
    """What an automation does, and how."""

    model_config = ConfigDict(ser_json_timedelta="float")

    type: str

    @abstractmethod
    async def act(self, acting: Acting) -> None:
        """Carry it out; raises Failed."""


def _reason(kind: str, response: httpx.Response) -> str:
    if response.status_code not in (409, 422):
        return f"Unexpected status from {kind!r} action: {response.status_code}"
    answer = response.json()
    detail = answer.get("detail") if isinstance(answer, dict) else None
    if response.status_code == 422 or detail:
        return f"Validation error occurred for {kind!r}" + (f" - {detail}" if detail else "")
    return f"Conflict (409) occurred for {kind!r} - {response.text!r}"
