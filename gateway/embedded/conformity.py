"""Values checked against a JSON schema as Prefect's UI asks for it: every error, at its place."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import Body, HTTPException, Request, Response
from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import ValidationError
from jsonschema.validators import create
from referencing import Registry
from referencing.exceptions import Unresolvable

from gateway.embedded.hot import Router
from gateway.embedded.reads import JSON, database_of
from gateway.embedded.rows import dump
from gateway.embedded.runs.hydration import Absent, Placeholder, Problem, made, variables
from gateway.embedded.runs.parameters import CIRCULAR, repaired
from schema.server import SchemaValidation

Json = dict[str, Any]

PROBLEM = "problem"

router = Router()


def _problems(_validator: Any, _word: Any, value: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, Problem):
        yield ValidationError(value.message)


def _words(schema: Any) -> Iterable[tuple[str, Any]]:
    return {**schema, PROBLEM: None}.items()


Validator = create(
    meta_schema=Draft202012Validator.META_SCHEMA,
    validators={**Draft202012Validator.VALIDATORS, PROBLEM: _problems},
    version="conformity",
    type_checker=Draft202012Validator.TYPE_CHECKER,
    format_checker=Draft202012Validator.FORMAT_CHECKER,
    id_of=Draft202012Validator.ID_OF,  # type: ignore[arg-type]  # the stubs differ on None
    applicable_validators=_words,
)


@router.post("/ui/schemas/validate", response_model=SchemaValidation, tags=["ui"])
async def validate(
    request: Request,
    json_schema: Annotated[Json, Body(embed=True, alias="schema")],
    values: Annotated[Json, Body(embed=True)],
) -> Response:
    """Tell whether values conform to a JSON schema; those with the key `__prefect_kind` are made first."""
    schema = repaired(json_schema, null_for_default=False)
    try:
        Validator.check_schema(schema, format_checker=Validator.FORMAT_CHECKER)
    except SchemaError as error:
        raise HTTPException(422, f"Invalid schema: {error.message}") from None
    filled = made(values, await database_of(request).read(variables))
    errors = _errors(schema, {} if isinstance(filled, Absent) else filled)
    return JSON(dump({"errors": errors, "valid": not errors}))


def _errors(schema: Json, values: Any) -> list[Any]:
    try:
        found = list(
            Validator(schema, format_checker=Validator.FORMAT_CHECKER, registry=Registry()).iter_errors(values)
        )
    except RecursionError:
        raise HTTPException(422, CIRCULAR) from None
    except Unresolvable as missing:
        raise HTTPException(422, f"Invalid schema: Validation failed. Failure reason: {missing}") from None
    told: list[Any] = []
    for error in _first_problems(found):
        if type(error.instance) is not Placeholder:
            _place(told, _path(error), error.message)
    return told


def _first_problems(errors: list[ValidationError]) -> Iterator[ValidationError]:
    """Group errors by their places; a value that cannot be made has no others."""
    places: dict[str, list[ValidationError]] = {}
    for error in errors:
        places.setdefault("->".join(map(str, error.relative_path)), []).append(error)
    for group in places.values():
        yield from [error for error in group if error.validator == PROBLEM] or group


def _path(error: ValidationError) -> list[str | int]:
    path: list[str | int] = list(error.relative_path)
    # That a property is missing is told at the property.
    return [*path, error.message.partition(" ")[0].strip("'")] if error.validator == "required" else path


def _place(errors: list[Any], path: list[str | int], message: str) -> None:
    """Add a message at its place: a text at the root, else within `{property, errors}` or `{index, errors}`."""
    if not path:
        errors.append(message)
        return
    first, rest = path[0], path[1:]
    kind = "index" if isinstance(first, int) else "property"
    entries = [each for each in errors if isinstance(each, dict) and each.get(kind) == first] if rest else []
    if not entries:
        entries = [{kind: first, "errors": []}]
        errors.append(entries[0])
    _place(entries[0]["errors"], rest, message)
