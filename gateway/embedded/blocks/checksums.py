"""Checksums of block schemas, as Prefect's SDK works them out: it looks for a schema by the checksum of its own."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

Fields = dict[str, Any]
"""The JSON schema of a block's fields; its `definitions` are what it refers to, nested blocks among them."""


def checksum(fields: Fields) -> str:
    """Return the checksum of a schema: that of its JSON without `secret_fields` and without nested blocks."""
    plain = without_blocks(_without_secrets(fields))
    # The SDK hashes the arguments of a call: one, and no keywords.
    text = json.dumps([[plain], {}], sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def without_blocks(fields: Fields) -> Fields:
    """Leave those definitions that something refers to and that are no blocks: these have schemas of their own."""
    definitions = fields.get("definitions")
    if not definitions:
        return fields
    needed = {name: found for name in references(fields) if (found := definitions.get(name))}
    kept = {name: found for name, found in needed.items() if found.get("block_type_slug") is None}
    return {name: value for name, value in fields.items() if name != "definitions"} | (
        {"definitions": kept} if kept else {}
    )


def references(value: Any) -> Iterator[str]:
    """Name the definitions that a schema refers to, in its order."""
    if isinstance(value, dict):
        if isinstance(name := value.get("$ref"), str) and name:
            yield name.replace("#/definitions/", "")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def _without_secrets(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_secrets(each) for name, each in value.items() if name != "secret_fields"}
