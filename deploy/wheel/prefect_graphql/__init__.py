"""The installed face of the gateway: its command line, and `create_app`, the embedded Prefect REST API.

PyPI has another package named `schema`, so the wheel keeps ours in a folder of its own, which goes first on `sys.path`.
"""

import gc
import sys
from pathlib import Path

from fastapi import FastAPI

__all__ = ["create_app", "main"]


def main() -> None:
    """Run the command line, `prefect-graphql`."""
    gc.disable()  # what is imported stays: collecting in between only takes time
    from gateway.cli import main as run

    gc.freeze()
    gc.enable()
    run()


def create_app(database_url: str | None = None) -> FastAPI:
    """Make the embedded Prefect REST API, an ASGI application (see `gateway.embedded.create_app`)."""
    from gateway.embedded import create_app as create

    return create(database_url)


def _put_first(packages: Path) -> None:
    """Put the folder first on `sys.path`, once; raises ImportError where another package has one of its names already."""
    for name in ("gateway", "schema", "resolvers"):
        origin = getattr(sys.modules.get(name), "__file__", None)
        if origin and packages not in Path(origin).parents:
            raise ImportError(
                f"prefect_graphql has a package named `{name}`, but {origin} is imported under that name already: "
                "use the two in separate processes",
                name=name,
                path=origin,
            )
    sys.path[:] = [str(packages), *(entry for entry in sys.path if entry != str(packages))]


_installed = Path(__file__).parent / "packages"
_source_tree = Path(__file__).parents[3]  # where an editable install points
_put_first(_installed if _installed.is_dir() else _source_tree)
