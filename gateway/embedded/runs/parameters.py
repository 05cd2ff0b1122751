"""Parameters and job variables, checked against the JSON schemas that deployments and work pools give for them."""

import re
from copy import deepcopy
from typing import Any

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from gateway.embedded.tables.types import dump_json

Json = dict[str, Any]

PLACEHOLDER = re.compile(r"{{\s*([\w\.\-\[\]$]+)\s*}}")
CIRCULAR = "Invalid schema: Unable to validate schema with circular references."


class Nonconforming(Exception):
    """Values do not conform to their schema; the message says which and why."""


def invalid(message: str, body: Any, *place: str) -> RequestValidationError:
    """Make the 422 of a body whose parts do not fit together; `place` is where in the body."""
    part = body[place[0]] if place else body
    error = {
        "type": "value_error",
        "loc": ("body", *place),
        "msg": f"Value error, {message}",
        "input": part,
        "ctx": {"error": {}},
    }
    return RequestValidationError([error], body=body)


def check(
    values: Json, schema: Json, *, complete: bool = True, null_for_default: bool = False, repair: bool = True
) -> None:
    """Check values against a JSON schema, as written by pydantic of either major version; nothing is fetched for it.

    `complete=False` lets required values be missing, `null_for_default` lets null stand for a default, `repair=False`
    takes the schema as it is. Raises Nonconforming, and a 422 for a schema that refers to itself without end.
    """
    if repair:
        schema = repaired(schema, null_for_default=null_for_default)
    validator = Draft202012Validator(schema if complete else _without_required(schema), registry=Registry())
    try:
        error = best_match(validator.iter_errors(values))
    except RecursionError:
        raise HTTPException(422, CIRCULAR) from None
    except Unresolvable as missing:
        raise Nonconforming(f"Validation failed. Failure reason: {missing}") from missing
    if error:
        raise Nonconforming(_reason(error))


def _reason(error: ValidationError) -> str:
    place = "" if error.json_path == "$" else f" for field {error.json_path.replace('$.', '')!r}"
    return f"Validation failed{place}. Failure reason: {error.message}"


def check_schema(schema: Json) -> None:
    """Check that a JSON schema is one; raises Nonconforming."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Nonconforming(f"The provided schema is not a valid json schema. Schema error: {error.message}") from error


def check_parameters(parameters: Json, schema: Any, *, refusal: str, complete: bool = True) -> None:
    """Check a run's or a deployment's parameters; raises a 409 that begins with `refusal`."""
    if not isinstance(schema, dict):
        raise HTTPException(
            409,
            "Error updating deployment: Cannot update parameters because parameter schema enforcement is enabled and the"
            " deployment does not have a valid parameter schema.",
        )
    try:
        check(parameters, schema, complete=complete)
    except Nonconforming as error:
        raise HTTPException(409, f"{refusal}: {error}") from None


def check_job_variables(template: Json, *given: Json | None, doing: str, complete: bool) -> None:
    """Check job variables, the later given over the earlier and both over the template's defaults; raises a 422.

    Defaults that do not conform themselves are left out, and then nothing is required.
    """
    variables = _variables(template)
    if not variables:
        return
    values, all_conform = _defaults(variables)
    for more in given:
        values |= more or {}
    try:
        check(values, variables, complete=complete and all_conform, null_for_default=True)
    except Nonconforming as error:
        raise HTTPException(422, f"Error {doing}: {error}") from None


def check_template(body: Json) -> None:
    """Check that the job template in a work pool's body declares the variables that it uses; raises a 422."""
    template = body.get("base_job_template")
    if not template:
        return
    configuration, variables = template.get("job_configuration"), template.get("variables")
    if not (configuration and variables):
        keys = "both a `job_configuration` key and a `variables` key"
        raise invalid(f"The `base_job_template` must contain {keys}.", body, "base_job_template")
    used = set(PLACEHOLDER.findall(dump_json(configuration)))
    if undeclared := sorted(used - variables.get("properties", {}).keys()):
        raise invalid(
            "The variables specified in the job configuration template must be present as properties in the variables"
            " schema. Your job configuration uses the following undeclared variable(s): " + f"{' ,'.join(undeclared)}.",
            body,
            "base_job_template",
        )


def check_defaults(template: Json) -> None:
    """Check a work pool's job template, and the defaults of its job variables; raises a 422."""
    variables = _variables(template)
    if not variables:
        return
    defaults = {name: field["default"] for name, field in _fields(variables) if "default" in field}
    try:
        check(defaults, variables, complete=False, null_for_default=True)
    except Nonconforming as error:
        raise HTTPException(422, f"Validation failed for work pool's job variable defaults: {error}") from None


def _variables(template: Json) -> Json:
    variables: Json = template.get("variables") or {}
    try:
        Draft202012Validator.check_schema(variables)
    except SchemaError as error:
        raise HTTPException(422, f"Invalid schema: {error.message}") from None
    return variables


def _fields(schema: Json) -> list[tuple[str, Json]]:
    return list((schema.get("properties") or {}).items())


def _defaults(variables: Json) -> tuple[Json, bool]:
    defaults = {name: field["default"] for name, field in _fields(variables) if "default" in field}
    conforming = {name: value for name, value in defaults.items() if _conforms({name: value}, variables)}
    return conforming, len(conforming) == len(defaults)


def _conforms(values: Json, schema: Json) -> bool:
    validator = Draft202012Validator(_without_required(schema), registry=Registry())
    return validator.is_valid(values)


def _without_required(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_required(value) for key, value in schema.items() if key != "required"}
    return [_without_required(item) for item in schema] if isinstance(schema, list) else schema


def repaired(schema: Json, *, null_for_default: bool) -> Json:
    """Copy a schema with what pydantic 1 left out: optional fields may be null, and tuples have `prefixItems`."""
    schema = deepcopy(schema)
    for part in (schema, *(schema.get("definitions") or {}).values()):
        _repair(part, null_for_default=null_for_default)
    return schema


def _repair(schema: Json, *, null_for_default: bool) -> None:
    required = schema.get("required", [])
    for name, field in _fields(schema):
        optional = name not in required and ("default" not in field or null_for_default)
        if optional and field.get("type", "null") != "null":
            field["anyOf"] = [{"type": field.pop("type")}, {"type": "null"}]
        if isinstance(field.get("items"), list) and not field.get("prefixItems"):
            field["prefixItems"] = field.pop("items")
        _repair(field, null_for_default=null_for_default)
