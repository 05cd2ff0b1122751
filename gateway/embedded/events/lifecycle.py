"""What others hear of a row that was made, changed or deleted (`prefect.flow.created`), in the shape that Prefect gives it."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from gateway.embedded.events.journal import Event
from gateway.embedded.events.labels import Labels, labels

Change = Literal["created", "updated", "deleted"]


def lifecycle(
    kind: str, change: Change, row: Mapping[str, Any], *told: str, name: str = "name", related: Iterable[Labels] = ()
) -> Event:
    """Return the event; `told` are the keys of the row that its payload tells, `name` is the key that names the resource."""
    resource = labels(kind, row["id"], row[name])
    payload = {key: row[key] for key in told}
    return Event(event=f"prefect.{kind}.{change}", resource=resource, related=list(related), payload=payload)
