"""The labels that describe a resource in an event."""

from collections.abc import Iterator

from pydantic_core import from_json

ID = "prefect.resource.id"
ROLE = "prefect.resource.role"
NAME = "prefect.resource.name"

Labels = dict[str, str]


def labels(kind: str, id_: str, name: str | None) -> Labels:
    """Describe a resource; its kind is as in `prefect.flow-run`."""
    named = {NAME: name} if name else {}
    return {ID: f"prefect.{kind}.{id_}", **named}


def related(kind: str, id_: str, name: str | None, *, role: str | None = None) -> Labels:
    """Describe a resource in its role, which is its kind unless another is given."""
    return {**labels(kind, id_, name), ROLE: role or kind}


def tags(*lists: str | None) -> Iterator[Labels]:
    """Describe the tags in some lists, each given as JSON."""
    for tag in sorted({tag for text in lists if text for tag in from_json(text)}):
        yield {ID: f"prefect.tag.{tag}", ROLE: "tag"}
