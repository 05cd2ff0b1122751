"""Labels as templates see them: `event.resource.labels.prefect.resource.id`, `event.resource_in_role.flow.name`."""

from collections.abc import Mapping
from typing import Any

from gateway.embedded.events.labels import ID, NAME, ROLE


class Label:
    """A label, and those whose names begin with its name and a dot, as attributes."""

    def __init__(self, labels: Mapping[str, str], value: str = "") -> None:
        """Hold labels by what is left of their names."""
        self._labels, self._value = dict(labels), value

    def __str__(self) -> str:
        return self._value

    def __getitem__(self, name: str) -> str:
        return self._labels[name]

    def __getattr__(self, name: str) -> "Label":
        within = {rest: value for label, value in self._labels.items() if (rest := _after(name, label))}
        if name.startswith("_") or not (within or name in self._labels):
            raise AttributeError(name)
        return Label(within, self._labels.get(name, ""))


def _after(name: str, label: str) -> str:
    head, _, rest = label.partition(".")
    return rest if head == name else ""


class Labelled(dict[str, str]):
    """A resource: its labels, and what they say by shorter names."""

    @property
    def id(self) -> str | None:
        return self.get(ID)

    @property
    def name(self) -> str | None:
        return self.get(NAME)

    @property
    def role(self) -> str | None:
        return self.get(ROLE)

    @property
    def labels(self) -> Label:
        return Label(self)


def labelled(event: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return an event for templates."""
    if event is None:
        return None
    related = [Labelled(each) for each in event["related"]]
    roles = {each[ROLE]: [other for other in related if other[ROLE] == each[ROLE]] for each in related}
    return {
        **event,
        "resource": Labelled(event["resource"]),
        "related": related,
        "resource_in_role": {role: each[0] for role, each in roles.items()},
        "resources_in_role": roles,
    }
