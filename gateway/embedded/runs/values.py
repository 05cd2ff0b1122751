"""What a run has that its client need not give: a name, its parents' labels, a complete policy."""

from collections.abc import Mapping
from typing import Any

import coolname
from pydantic import BaseModel

Values = dict[str, Any]


def run_name(given: str | None = None) -> str:
    """Return the name that was given, or make one of an adjective and an animal."""
    return given or coolname.generate_slug(2)


def policy(given: BaseModel) -> Values:
    """Write a policy in full; the fields that Prefect deprecated stand in for those that replaced them."""
    values = given.model_dump(mode="json")
    values["retries"] = values["retries"] or values["max_retries"] or values["retries"]
    values["retry_delay"] = values["retry_delay"] or values["retry_delay_seconds"] or values["retry_delay"]
    if "pause_keys" in values:
        if values["retry_delay"] is not None:
            values["retry_delay"] = int(values["retry_delay"])
        values["pause_keys"] = list(dict.fromkeys(values["pause_keys"] or ()))
    return values


def labels(parent: Mapping[str, Any] | None, system: Mapping[str, Any], given: Mapping[str, Any] | None) -> Values:
    """Merge labels: the parent's, then the server's, then the client's own."""
    return {**(parent or {}), **system, **(given or {})}
