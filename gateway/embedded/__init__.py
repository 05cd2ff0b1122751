"""The embedded server: a Prefect REST API in its own right, on SQLite or PostgreSQL.

Its modules are imported when they are first used: a gateway before a remote server does without them, and without their
35 MB. What is imported from here has its types in `__init__.pyi`.
"""

from importlib import import_module
from typing import Any

__all__ = ["check", "create_app", "create_configured_app", "shown"]

_PLACES = {"create_app": "app", "create_configured_app": "app", "check": "trial", "shown": "trial"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
