"""The installed face of the gateway: `prefect_graphql.create_app()` is the embedded Prefect REST API.

PyPI has another package named `schema`, so the wheel keeps ours in a folder of its own, which goes first on `sys.path`.
"""

import sys
from pathlib import Path
from typing import Any

_packages = Path(__file__).parent / "packages"
if not _packages.is_dir():  # an editable install: the source tree itself
    _packages = Path(__file__).parents[3]
sys.path.insert(0, str(_packages))


def main() -> None:
    """Run the command line, `prefect-graphql`."""
    from gateway.cli import main as run

    run()


def create_app(*args: Any, **kwargs: Any) -> Any:
    """Make the embedded Prefect REST API, an ASGI application (see `gateway.embedded.create_app`)."""
    from gateway.embedded import create_app as create

    return create(*args, **kwargs)
