"""The HTTP server of the commands: its socket, its process or processes, and the lines that tell where it is."""

import errno
import gc
import logging.config
import math
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway import embedded
from gateway.http.origin import SameOrigin
from gateway.options import USAGE, fail
from gateway.settings import Settings
from gateway.workers import serve_by_workers

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    # It names no request; the error that is left in the end does.
    "loggers": {"stamina": {"level": "ERROR"}},
}


def configure_logging() -> None:
    """Write warnings and errors to stderr, a line each."""
    logging.config.dictConfig(LOGGING)


def rest_app(settings: Settings) -> Starlette:
    """Make the embedded server alone, its API at /api as Prefect's is."""
    api = embedded.create_configured_app(settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with api.router.lifespan_context(api):
            yield

    return Starlette(routes=[Mount("/api", SameOrigin(api, lambda: True))], lifespan=lifespan)


def serve(settings: Settings, make: Callable[[Settings], Starlette], *, graphql: bool) -> None:
    """Serve what `make(settings)` gives until a signal ends it, in this process or in each of several.

    Whatever is in the way is told in a line that ends the program, a port that is taken before the database is touched.
    """
    _check_workers(settings)
    with _listening(settings) as listening:
        settings = settings.model_copy(update={"port": listening.getsockname()[1]})
        check_database(settings)
        app = _checked(make, settings)
        if settings.workers == 1:
            _tell(settings, graphql=graphql)
            served = _serve_alone(uvicorn.Config(app, **_options(settings)), listening)
        else:
            config = uvicorn.Config(partial(_made, make, settings), factory=True, **_options(settings))
            served = serve_by_workers(config, listening, partial(_tell, settings, graphql=graphql))
    if not served:
        raise typer.Exit(1)


def _checked(make: Callable[[Settings], Starlette], settings: Settings) -> Starlette:
    # Where several processes serve, each makes its own: this one tells what is wrong with the settings, once.
    try:
        return _made(make, settings)
    except ValueError as error:
        fail(str(error))


def _made(make: Callable[[Settings], Starlette], settings: Settings) -> Starlette:
    gc.disable()  # what is made here stays too: a third of the time would go by with collecting in between
    try:
        app = make(settings)
    finally:
        gc.enable()
    # What is there now stays: the collector need not look through schema and modules, as it would many times a second.
    gc.collect()
    gc.freeze()
    # An operation makes thousands of objects that die with it, hardly any of them in a cycle.
    gc.set_threshold(10_000, 20, 20)
    return app


def check_database(settings: Settings) -> None:
    """Open the embedded server's database once, so that what is wrong with it is told in one line."""
    if settings.upstream is None and (problem := embedded.check(settings.database_url, settings.encryption_key)):
        fail(problem)


def _check_workers(settings: Settings) -> None:
    if settings.workers > 1 and settings.upstream is None and settings.database_url.startswith("sqlite"):
        fail(
            f"--workers {settings.workers} is not possible on SQLite, where one writer in one process keeps the database. "
            "Give --database postgresql://... or --upstream URL.",
            USAGE,
        )


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        taken = "the port is taken: give another --port" if error.errno == errno.EADDRINUSE else error.strerror
        fail(f"{settings.host}:{settings.port} can't be listened on: {taken}.")


def _serve_alone(config: uvicorn.Config, listening: socket.socket) -> bool:
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    return server.started


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "workers": settings.workers,
        "log_config": LOGGING,
        "access_log": False,
        "lifespan": "on",
        # It would take some 100 kB a connection, and hide from us that a client does not read.
        "ws_per_message_deflate": False,
        "timeout_graceful_shutdown": math.ceil(settings.deadline),
    }


def _tell(settings: Settings, *, graphql: bool) -> None:
    """Print the addresses."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    root = f"http://{host}:{settings.port}"
    if graphql:
        typer.echo(f"GraphQL   {root}/graphql")
    typer.echo(f"REST API  {root}/api")
    if settings.upstream is None:
        typer.echo(f"REST docs {root}/api/docs")
    typer.echo(f"Upstream  {settings.upstream or f'embedded, {embedded.shown(settings.database_url)}'}")
