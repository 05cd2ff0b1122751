"""The secret values of blocks: hidden where they are not asked for, kept where what was hidden is sent back."""

from typing import Any

HIDDEN = "********"

Data = dict[str, Any]
Flat = dict[tuple[str, ...], Any]
"""The values of nested objects by their paths; an empty object is a value."""


def hidden(data: Data, secret_fields: list[str]) -> Data:
    """Hide the secret values: those at the paths of a schema's `secret_fields`, and what is in them."""
    flat = _flat(data)
    for field in secret_fields:
        path = tuple(field.split("."))
        for key in _within(flat, path):
            # A null is no secret, but one of many that a wildcard names.
            if flat[key] is not None or "*" in path:
                flat[key] = HIDDEN
    return _nested(flat)


def kept(data: Data, current: Data, secret_fields: list[str]) -> Data:
    """Put the current secrets where they are sent as they are shown: hidden."""
    flat, known = _flat(data), _flat(current)
    for field in secret_fields:
        for key in _within(flat, tuple(field.split("."))):
            if flat[key] == HIDDEN and known.get(key) is not None:
                flat[key] = known[key]
    return _nested(flat)


def _within(flat: Flat, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Name what is at a path or deeper; a wildcard in it stands for all that is there."""
    fixed = path[: path.index("*")] if "*" in path else path
    return [key for key in flat if key[: len(fixed)] == fixed]


def _flat(data: Data, path: tuple[str, ...] = ()) -> Flat:
    flat: Flat = {}
    for name, value in data.items():
        flat |= _flat(value, (*path, name)) if isinstance(value, dict) and value else {(*path, name): value}
    return flat


def _nested(flat: Flat) -> Data:
    data: Data = {}
    for (*path, last), value in flat.items():
        place = data
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    return data
