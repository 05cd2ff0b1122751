"""Values that say with the key `__prefect_kind` what they are made of: JSON, a template, a variable."""

import json
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, select

from gateway.embedded.automations import templates
from gateway.embedded.tables import TABLES

Json = dict[str, Any]


class Placeholder:
    """A value that is known only later, and fits everywhere."""


class Problem(Placeholder):
    """A value that cannot be made; `message` says why."""

    def __init__(self, message: str) -> None:
        self.message = message


class Absent(Placeholder):
    """A value that is left out of what it stands in."""


def variables(connection: Connection) -> Json:
    """Return the values of the variables, by name."""
    columns = TABLES["variables"].c
    found = connection.execute(select(columns.name, columns.value)).all()
    return {name: None if value is None else from_json(value) for name, value in found}


def made(value: Any, variables: Json, *, render: bool = False) -> Any:
    """Make what is described by `__prefect_kind`, within objects and lists too.

    What cannot be made is a Problem in its place, what is to be left out is Absent where it is not within another. A
    template is rendered without any context, or only checked and a Placeholder.
    """
    if isinstance(value, list):
        items = (made(each, variables, render=render) for each in value)
        return [each for each in items if not isinstance(each, Absent)]
    if not isinstance(value, dict):
        return value
    if templates.KIND in value:
        return _of_kind(value, variables, render=render)
    pairs = ((name, made(each, variables, render=render)) for name, each in value.items())
    return {name: each for name, each in pairs if not isinstance(each, Absent)}


def problem_in(value: Any) -> Problem | None:
    """Return the first value that cannot be made."""
    if isinstance(value, Problem):
        return value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for each in parts if (found := problem_in(each))), None)


def _of_kind(value: Json, variables: Json, *, render: bool) -> Any:
    kind = value[templates.KIND]
    key = {"none": "value", "json": "value", "jinja": "template", "workspace_variable": "variable_name"}.get(kind)
    if key is None:
        return value.get("value")
    if key not in value:
        return (
            Absent() if kind in {"json", "workspace_variable"} else Problem(f"Missing '{key}' key in __prefect object")
        )
    whole = isinstance(value[key], dict) or kind == "none"
    given = made(value[key], variables, render=render) if whole else value[key]
    if kind == "none" or isinstance(given, Placeholder):
        return given
    if kind == "jinja":
        return _jinja(given, render=render)
    return _json(given) if kind == "json" else _variable(given, variables)


def _json(given: Any) -> Any:
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError as error:
        return Problem(f"Invalid JSON: {error}")


def _jinja(given: Any, *, render: bool) -> Any:
    try:
        templates.check(given)
    except templates.Invalid as error:
        return Problem(f"Invalid jinja: {error.message}")
    if not render:
        return Placeholder()
    try:
        return templates.render(given, {})
    except Exception as error:  # noqa: BLE001 (an expression of a user may raise anything)
        return Problem(f"Invalid jinja: {error}")


def _variable(given: Any, variables: Json) -> Any:
    return variables[given] if given in variables else Problem(f"Variable '{given}' not found in workspace.")
