"""Cursors and windows: what the arguments `after`, `offset` and `first` may be."""

import base64
import binascii
import hashlib

import orjson

from resolvers.errors import BadUserInput

DEFAULT_FIRST = 20
MOST_ROWS = 2**31
"""No offset of the upstream's API is beyond it."""


def digest_of(*parts: object) -> str:
    """Identify a filter and a sort, so that a cursor is not used with others."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def encode_cursor(offset: int, digest: str, place: str = "") -> str:
    """Write a cursor: an offset, what it is good for, and the place that the upstream knows it by, where it has its own."""
    parts = (str(offset), digest, place) if place else (str(offset), digest)
    return base64.urlsafe_b64encode(":".join(parts).encode()).decode()


def decode_cursor(cursor: str, digest: str) -> tuple[int, str]:
    """Read a cursor's offset and place, or raise BadUserInput."""
    try:
        text, made_for, *known_by = base64.urlsafe_b64decode(cursor.encode()).decode().split(":", 2)
        offset = int(text)
    except (ValueError, binascii.Error):
        msg = "`after` is not a cursor of this API: use an `endCursor` or a `cursor` of an edge."
        raise BadUserInput(msg) from None
    if made_for != digest:
        msg = "`after` is a cursor of another query: it goes with the field, filter and sort that it was made for."
        raise BadUserInput(msg)
    if not 0 <= offset < MOST_ROWS:
        msg = "`after` is not a cursor of this API."
        raise BadUserInput(msg)
    return offset, "".join(known_by)


def start_of(after: str | None, offset: int | None, digest: str) -> int:
    """Work out where a window starts from the arguments `after` and `offset`."""
    if after is not None and offset is not None:
        msg = "`after` and `offset` can't be used together: both say where the page starts."
        raise BadUserInput(msg)
    if after is not None:
        return decode_cursor(after, digest)[0]
    if offset is not None and offset < 0:
        msg = f"`offset` is {offset}: it can't be negative."
        raise BadUserInput(msg)
    return offset or 0


def length_of(first: int | None, most: int) -> int:
    """Check the argument `first`."""
    if first is None:
        return DEFAULT_FIRST
    if first < 0:
        msg = f"`first` is {first}: it can't be negative."
        raise BadUserInput(msg)
    if first > most:
        msg = f"`first` is {first}, more than {most} (PREFECT_GRAPHQL_MAX_FIRST): ask for less and go on with `after`."
        raise BadUserInput(msg)
    return first
