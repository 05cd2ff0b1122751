"""The command line, `prefect-graphql`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from graphql import GraphQLError

from gateway import embedded, upstream
from gateway.app import create_app
from gateway.demo import SEED, fill_and_tell, fill_new
from gateway.execution.documents import Invalid
from gateway.execution.planning import plan_of
from gateway.options import BOUNDS, EDGE, USAGE, fail, with_settings
from gateway.serving import check_database, configure_logging, rest_app, serve
from gateway.settings import Settings
from gateway.upstream import Upstream
from gateway.upstream.writes import Writes
from resolvers.errors import UpstreamError
from schema.build import build
from schema.printing import public_sdl, subgraph_sdl

if TYPE_CHECKING:
    from gateway.check.differences import Difference

app = typer.Typer(
    help="A GraphQL gateway in front of the Prefect REST API.",
    epilog="Every option is a variable of the environment too, PREFECT_GRAPHQL_*; so are the credentials. See README.md.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

JSON = {"content-type": "application/json"}

Document = Annotated[
    str, typer.Argument(help="The text of the operation, @FILE reads it from a file, - from standard input.")
]
Variables = Annotated[str, typer.Option(help="The variables, a JSON object.")]
OperationName = Annotated[str | None, typer.Option("--operation", help="Which of several operations.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same demo data.")]


def main() -> None:
    """Run the command line."""
    app()


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"prefect-graphql {version('prefect-graphql')}")
        raise typer.Exit


@app.callback()
def common(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Do what comes before every command."""
    configure_logging()


@app.command("serve")
@with_settings("upstream", "database_url", "host", "port", "workers", *EDGE, *BOUNDS)
def serve_gateway(
    settings: Settings,
    demo: Annotated[bool, typer.Option("--demo", help="Fill in demo data where there are no flows.")] = False,
    seed: Seed = SEED,
) -> None:
    """Serve GraphQL, before an upstream or over the embedded server."""
    if demo and settings.workers > 1:
        fail("--demo fills from one process: run `prefect-graphql demo` first, then serve with --workers.", USAGE)
    fill = partial(fill_new, seed=seed) if demo else None
    writes = Writes.of_workers() if settings.workers > 1 else None
    serve(settings, partial(create_app, fill=fill, writes=writes), graphql=True)


@app.command()
@with_settings("database_url", "host", "port", "workers")
def serve_rest(settings: Settings) -> None:
    """Serve the embedded server's REST API alone."""
    serve(settings, rest_app, graphql=False)


@app.command()
def schema(
    federation: Annotated[
        bool, typer.Option("--federation", help="What composers of a federated graph read: `_service { sdl }`.")
    ] = False,
    public: Annotated[
        bool,
        typer.Option("--public", help="What clients may use: without federation and what is @inaccessible."),
    ] = False,
) -> None:
    """Print the schema in GraphQL's schema definition language: all that the gateway executes, or one view of it."""
    if federation and public:
        fail("Give --federation or --public, not both.", USAGE)
    built = build()
    printed = subgraph_sdl(built) if federation else public_sdl(built) if public else built.as_str()
    typer.echo(printed)


@app.command()
@with_settings("upstream", "database_url", *BOUNDS)
def query(settings: Settings, document: Document, variables: Variables = "{}", operation: OperationName = None) -> None:
    """Run one operation and print the answer; the exit code is 1 when it has errors."""
    body = {"query": _text(document), "variables": _object(variables)}
    check_database(settings)
    answer = asyncio.run(_answer(settings, body | {"operationName": operation}))
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    if "errors" in answer:
        raise typer.Exit(1)


@app.command()
@with_settings(*BOUNDS)
def plan(settings: Settings, document: Document, variables: Variables = "{}", operation: OperationName = None) -> None:
    """Print how a query is executed when it comes again: what is read, and the source that was generated for it."""
    with _refusals():
        told = plan_of(build(), settings, _text(document), _object(variables), operation)
    typer.echo(told.rstrip())


@app.command()
@with_settings(*BOUNDS)
def explain(
    settings: Settings,
    document: Document,
    variables: Variables = "{}",
    operation: OperationName = None,
    as_json: AsJson = False,
) -> None:
    """Print which REST calls an operation will make, without making any: by level, how batched, at most how many."""
    from gateway import explained  # noqa: PLC0415  other commands do without

    with _refusals():
        reads = explained.explain(build(), settings, _text(document), _object(variables), operation)
    if as_json:
        typer.echo(explained.as_json(reads))
    else:
        explained.print_table(reads)


@app.command()
@with_settings("upstream", "database_url")
def demo(settings: Settings, seed: Seed = SEED) -> None:
    """Fill a server with demo data over REST: an upstream, a real Prefect for example, or the embedded server."""
    check_database(settings)
    try:
        asyncio.run(_fill(settings, seed))
    except UpstreamError as error:
        fail(error.message)


@app.command()
@with_settings("upstream")
def check(settings: Settings, as_json: AsJson = False) -> None:
    """Compare the schema with the OpenAPI document of an upstream, or of the embedded server; exit code 1 on drift."""
    from gateway.check import report  # noqa: PLC0415  other commands do without

    try:
        found = asyncio.run(_drift(settings))
    except (UpstreamError, ValueError) as error:
        fail(
            error.message if isinstance(error, UpstreamError) else f"The upstream's /openapi.json is unusable: {error}."
        )
    if as_json:
        typer.echo(report.as_json(found))
    else:
        report.print_table(found, f"The schema and {settings.upstream or 'the embedded server'}")
    if found:
        raise typer.Exit(1)


@contextmanager
def _refusals() -> Iterator[None]:
    """End the program where an operation is refused: a line for each error, with its place in the document."""
    try:
        yield
    except Invalid as invalid:
        fail("\n".join(map(_placed, invalid.errors)))
    except GraphQLError as refusal:
        fail(_placed(refusal))


def _placed(error: GraphQLError) -> str:
    places = [f"line {place.line}, column {place.column}" for place in error.locations or ()]
    return f"{error.message} ({'; '.join(places)})" if places else error.message


def _text(document: str) -> str:
    if not document.startswith("@"):
        return sys.stdin.read() if document == "-" else document
    try:
        return Path(document[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"The file {document[1:]} can't be read: {error}.", USAGE)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        fail(f"--variables is no JSON: {error}.", USAGE)
    if not isinstance(value, dict):
        fail(f"--variables must be a JSON object, got {text}.", USAGE)
    return value


async def _answer(settings: Settings, body: dict[str, Any]) -> Any:
    gateway = create_app(settings)
    async with gateway.router.lifespan_context(gateway):
        asked = json.dumps(body).encode()
        _, _, answer = await upstream.embedded(gateway).send("POST", "/graphql", asked, JSON)
        return json.loads(answer)


async def _drift(settings: Settings) -> list["Difference"]:
    from gateway.check import report  # noqa: PLC0415  other commands do without

    # The embedded server's document needs no database.
    transport = (
        upstream.embedded(embedded.create_app(settings.database_url))
        if settings.upstream is None
        else upstream.remote(settings.upstream)
    )
    server = Upstream(transport, settings)
    try:
        deadline = asyncio.get_running_loop().time() + settings.deadline
        return await report.drift(server.session(authorization=None, deadline=deadline))
    finally:
        await server.aclose()


async def _fill(settings: Settings, seed: int) -> None:
    async with _upstream(settings) as server:
        await fill_and_tell(server, seed)


@asynccontextmanager
async def _upstream(settings: Settings) -> AsyncIterator[Upstream]:
    if settings.upstream is not None:
        server = Upstream(upstream.remote(settings.upstream), settings)
        yield server
        await server.aclose()
        return
    api = embedded.create_configured_app(settings)
    async with api.router.lifespan_context(api):
        yield Upstream(upstream.embedded(api), settings)
