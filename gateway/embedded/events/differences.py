"""What events tell of a row that was changed: which of its values, from what to what."""

from collections.abc import Iterable, Mapping
from typing import Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the payload that tells the values that changed, empty where none did."""
    changed = {name: {"from": before[name], "to": after[name]} for name in names if before[name] != after[name]}
    return {"updated_fields": list(changed), "updates": changed} if changed else {}
