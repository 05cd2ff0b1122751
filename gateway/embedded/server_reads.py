"""The routes about the server itself, and the counts that Prefect's UI asks for many rows at once."""

from typing import Annotated
from uuid import UUID

from fastapi import Body, Request
from sqlalchemy import select

from gateway.embedded.hot import Router
from gateway.embedded.reads import database_of

API_VERSION = "0.8.4"
"""The version of the REST API that is spoken."""

PREFECT_VERSION = "3.9.1"
"""The version of Prefect whose REST API is spoken."""

Ids = Annotated[list[UUID], Body(embed=True, max_length=200)]

router = Router()


@router.get("/health", tags=["root"])
async def health() -> bool:
    """Tell that the server runs."""
    return True


@router.get("/ready", tags=["root"])
async def ready(request: Request) -> dict[str, str]:
    """Tell whether the database answers."""
    await database_of(request).read(lambda connection: connection.scalar(select(1)))
    return {"message": "OK"}


@router.get("/version", tags=["root"])
async def version() -> str:
    """Return the version of the REST API."""
    return API_VERSION


@router.get("/admin/version", tags=["root"])
async def prefect_version() -> str:
    """Return the version of Prefect whose API this is."""
    return PREFECT_VERSION
