"""What a paused flow run is resumed with, where it waits for some: checked against the schema that it left, and kept."""

from typing import Any

from fastapi import HTTPException
from pydantic_core import from_json
from sqlalchemy import Connection

from gateway.embedded.rows import read_by
from gateway.embedded.runs.hydration import Absent, made, problem_in, variables
from gateway.embedded.runs.inputs import keep
from gateway.embedded.runs.parameters import Nonconforming, check
from gateway.embedded.tables.types import dump_json

Json = dict[str, Any]


class Unfit(Exception):
    """A flow run cannot be resumed with an input; the message says why."""


def fitting(connection: Connection, run_id: str, keyset: Json, given: Json | None) -> Json:
    """Return the input to resume a flow run with; `keyset` names the keys of its schema and its response.

    Raises Unfit.
    """
    filled = made(given or {}, variables(connection), render=True)
    if problem := problem_in(filled):
        raise Unfit(f"Error hydrating run input: {problem.message}")
    values: Json = {} if isinstance(filled, Absent) else filled or {}
    stored = read_by(connection, "flow_run_inputs", flow_run_id=run_id, key=keyset["schema"])
    if stored is None:
        raise Unfit("Run input schema not found.")
    try:
        schema = from_json(stored["value"])
    except ValueError:
        raise Unfit("Run input schema is not valid JSON.") from None
    try:
        check(values, schema)
    except Nonconforming as error:
        raise Unfit(f"Reason: {error}") from None
    except HTTPException as circular:
        raise Unfit(circular.detail) from None
    return values


def respond(connection: Connection, run_id: str, keyset: Json, values: Json) -> None:
    """Keep the input that a flow run was resumed with, where the run will look for it."""
    keep(connection, run_id, keyset["response"], dump_json(values))
