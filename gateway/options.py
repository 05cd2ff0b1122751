"""Settings as options of commands: each named, typed and documented by the setting itself."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, get_args

import typer
from pydantic import ValidationError

from gateway.settings import Settings
from gateway.upstream import api_root

FLAGS = {"database_url": "--database"}
"""The options that are not named like their setting."""

SECRET = frozenset({"api_key", "api_auth_string", "encryption_key"})
"""The settings that are no options, as everybody could read them in the list of processes."""

COMMON = ("upstream", "database_url", "host", "port", "workers")
EDGE = ("max_batch", "cors_origins", "persisted_queries", "trusted_documents", "trusted_only")
"""The settings of what clients may send over HTTP."""

BOUNDS = tuple(name for name in Settings.model_fields if name not in {*COMMON, *EDGE, *SECRET})
"""The settings of an operation: what it may cost, how the upstream is asked."""

USAGE = 2
"""The exit code of a program that was called wrongly."""


def fail(message: str, code: int = 1) -> NoReturn:
    """End the program with one line on stderr; `code` is 1, or 2 where it was called wrongly."""
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options for these settings; it takes them all, checked, as its first argument, `settings`.

    With "upstream" among them it has `--embedded` too, which wins over an upstream of the environment.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**arguments: Any) -> None:
            given = {name: value for name in names if (value := arguments.pop(name)) is not None}
            command(_settings(given, embedded=arguments.pop("embedded", "upstream" not in names)), **arguments)

        own = list(inspect.signature(command).parameters.values())[1:]
        offered = [_option(name) for name in names]
        if "upstream" in names:
            offered.insert(1, _EMBEDDED)
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(own + offered)  # type: ignore[attr-defined]  # read by inspect, and so by typer
        return run

    return decorate


_EMBEDDED = inspect.Parameter(
    "embedded",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--embedded", help="The embedded server, whatever upstream the environment names.")
    ],
)


def flag(name: str) -> str:
    """Return the option of a setting."""
    return FLAGS.get(name, f"--{name.replace('_', '-')}")


def _option(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    kind = next((part for part in get_args(field.annotation) if part is not type(None)), field.annotation)
    default = "" if field.default is None else f" [default: {field.default}]"
    option = typer.Option(
        flag(name),
        help=(field.description or "") + default,
        show_default=False,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],  # type: ignore[operator]  # a type known only when it runs
    )


def _settings(given: dict[str, Any], *, embedded: bool) -> Settings:
    try:
        settings = Settings(**given)
    except ValidationError as error:
        fail("; ".join(_problem(problem) for problem in error.errors()), USAGE)
    if embedded:
        if "upstream" in given:
            fail("--embedded and --upstream exclude each other: give one of them.", USAGE)
        settings = settings.model_copy(update={"upstream": None})
    elif settings.upstream is not None:
        _check_upstream(settings.upstream, given)
    return settings


def _check_upstream(url: str, given: dict[str, Any]) -> None:
    if "database_url" in given:
        fail(f"--database is the embedded server's, but the upstream is {url}: add --embedded.", USAGE)
    try:
        api_root(url)
    except ValueError as error:
        fail(str(error), USAGE)


def _problem(problem: Any) -> str:
    name = str(problem["loc"][0])
    variable = name if name.isupper() else f"PREFECT_GRAPHQL_{name.upper()}"
    setting = name.removeprefix("PREFECT_GRAPHQL_").lower()
    return f"{flag(setting)} ({variable}): {problem['msg']}, got {problem['input']!r}"
