"""What a client is told when a request fails, in the shapes that Prefect's server gives it."""

import logging

import asyncpg
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.embedded.database import DatabaseError
from gateway.embedded.encryption import Locked

log = logging.getLogger(__name__)

CONFLICT = "Data integrity conflict. This usually means a unique or foreign key constraint was violated. See server logs for details."


class Missing(Exception):
    """A row that a write is about is not there; some of Prefect's routes answer that with a body of its own."""


def add_failures(app: FastAPI) -> None:
    """Let the app answer failures."""
    app.add_exception_handler(RequestValidationError, _invalid)  # type: ignore[arg-type]  # called with that exception only
    app.add_exception_handler(IntegrityError, _conflict)
    app.add_exception_handler(Missing, _missing)
    app.add_exception_handler(Locked, _locked)
    app.add_exception_handler(OverflowError, _unfit)
    app.add_exception_handler(DBAPIError, _refused)
    app.add_exception_handler(DatabaseError, unavailable)
    app.add_exception_handler(ConnectionError, unavailable)
    app.add_exception_handler(Exception, _defect)


async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
    content = {
        "exception_message": "Invalid request received.",
        "exception_detail": error.errors(),
        "request_body": error.body,
    }
    return JSONResponse(jsonable_encoder(content), 422)


async def _conflict(request: Request, error: Exception) -> JSONResponse:
    log.warning("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"detail": CONFLICT}, 409)


async def _unfit(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": f"A value does not fit into the database: {error}."}, 422)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    """Tell a value that no database keeps, such as the character NUL in PostgreSQL, from a defect."""
    cause = getattr(error, "orig", None)
    if is_lost(error):
        return await unavailable(request, error)
    if isinstance(getattr(cause, "__cause__", None), asyncpg.DataError) or "too complex" in str(cause):
        return await _unfit(request, cause or error)
    return await _defect(request, error)


async def _missing(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"exception_message": str(error)}, 404)


async def _locked(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"exception_message": str(error)}, 500)


def is_lost(error: Exception) -> bool:
    """Whether the database was lost on the way: what was to be written may be there or not."""
    return isinstance(error, DatabaseError | ConnectionError) or getattr(error, "connection_invalidated", False)


async def unavailable(request: Request, error: Exception) -> JSONResponse:
    """Answer that the database can't be reached."""
    log.error("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"exception_message": "Service Unavailable"}, 503)


async def _defect(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse({"exception_message": "Internal Server Error"}, 500)
