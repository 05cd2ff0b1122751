"""The embedded server: a Prefect REST API in its own right, on SQLite or PostgreSQL."""

from gateway.embedded.app import create_app

__all__ = ["create_app"]
