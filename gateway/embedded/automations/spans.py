"""Lengths of time as clients may say them."""

from datetime import timedelta
from typing import Annotated

from pydantic import WithJsonSchema

SAID = {"anyOf": [{"type": "number"}, {"type": "string", "format": "duration"}]}

Span = Annotated[timedelta, WithJsonSchema(SAID, "validation"), WithJsonSchema({"type": "number"}, "serialization")]
"""Seconds, or an ISO 8601 duration."""
