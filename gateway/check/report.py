"""The check of one upstream: its document is read, compared, and what differs told as a table or as JSON."""

from dataclasses import asdict
from typing import Any

import orjson
import typer

from gateway.check.accepted import ACCEPTED
from gateway.check.declared import declared
from gateway.check.differences import Difference, differences
from gateway.check.documents import documented
from gateway.check.operations import Json
from gateway.check.unmirrored import UNMIRRORED
from gateway.upstream import Session

DOCUMENT = "/openapi.json"
"""Where FastAPI, and so Prefect, serves the document, below the API's root."""

COLUMNS = ("problem", "what", "where", "upstream", "mirror")


async def drift(session: Session) -> list[Difference]:
    """Read an upstream's document and compare the schema with it; raises an UpstreamError, or ValueError for no document."""
    return against(await session.once("GET", DOCUMENT))


def against(document: Json) -> list[Difference]:
    """Compare the schema with an OpenAPI document; raises ValueError where it is none."""
    return differences(documented(document), declared(), UNMIRRORED, ACCEPTED)


def as_json(found: list[Difference]) -> str:
    """Write `{differences: [{problem, what, where, upstream, mirror}], unmirrored: {route: reason}}`."""
    told = {"differences": [asdict(each) for each in found], "unmirrored": UNMIRRORED}
    return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()


def print_table(found: list[Difference], title: str) -> None:
    """Print the differences for a person, and the routes left out on purpose."""
    if found:
        _print(title, COLUMNS, [[getattr(each, name) for name in COLUMNS] for each in found])
    else:
        typer.echo(f"{title}: no drift.")
    _print("Left out on purpose", ("route", "reason"), [list(each) for each in UNMIRRORED.items()])


def _print(title: str, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
    from rich.console import Console  # noqa: PLC0415  a megabyte that a server never needs
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
