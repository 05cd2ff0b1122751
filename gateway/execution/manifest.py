"""Manifests of trusted documents: the operations that a client was built with, by their ids."""

from pathlib import Path
from typing import Any

import orjson

PREFIX = "sha256:"
"""What the ids of GraphQL over HTTP that are hashes begin with; manifests and automatic persisted queries leave it out."""

APOLLO = "apollo-persisted-query-manifest"


def bare(id: str) -> str:  # noqa: A002  as in GraphQL over HTTP
    """Return an id without its prefix."""
    return id.removeprefix(PREFIX)


def read_manifest(path: Path) -> dict[str, str]:
    """Read the texts of a manifest by their bare ids; raises ValueError.

    It is `{id: text}` (graphql-codegen's `persisted-documents.json`, Relay's `persistConfig.file`), or Apollo's
    `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "body"}]}`.
    """
    try:
        manifest = orjson.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(path, f"it can't be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise _unusable(path, f"it is not valid JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise _unusable(path, f"it must be a JSON object, {{id: document}}, not {type(manifest).__name__}")
    texts: dict[str, str] = {}
    for id_, text in _of_apollo(path, manifest) if "format" in manifest else manifest.items():
        if not id_ or not isinstance(text, str):
            raise _unusable(path, f"the document {id_!r} must have an id and a text")
        if texts.setdefault(bare(id_), text) != text:
            raise _unusable(path, f"two documents have the id {id_!r}")
    return texts


def _of_apollo(path: Path, manifest: dict[str, Any]) -> list[tuple[str, Any]]:
    if manifest["format"] != APOLLO or manifest.get("version") != 1:
        raise _unusable(path, f'of the manifests with a format only "{APOLLO}" of version 1 is known')
    operations = manifest.get("operations")
    if not isinstance(operations, list) or not all(
        isinstance(each, dict) and isinstance(each.get("id"), str) for each in operations
    ):
        raise _unusable(path, '"operations" must be a list of {"id": "...", "body": "..."}')
    return [(each["id"], each.get("body")) for each in operations]


def _unusable(path: Path, problem: str) -> ValueError:
    return ValueError(f"The manifest {path} (PREFECT_GRAPHQL_TRUSTED_DOCUMENTS) can't be used: {problem}.")
