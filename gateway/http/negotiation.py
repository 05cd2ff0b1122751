"""Content negotiation: which media type the client wants, as RFC 9110 section 12.5.1 and GraphQL over HTTP say."""

from collections.abc import Sequence
from typing import NamedTuple

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
HTML = "text/html"


class _Range(NamedTuple):
    """One media range of an `Accept` header."""

    media: str
    quality: float
    position: int

    def covers(self, media: str) -> int:
        """Return how exactly the range names a media type: 3 by name, 2 by `type/*`, 1 by `*/*`, 0 not at all."""
        if self.media == media:
            return 3
        if self.media == f"{media.partition('/')[0]}/*":
            return 2
        return int(self.media == "*/*")


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offered media type that the client likes best, None where it takes none of them.

    By quality, then by how exactly it is named, then in the client's order, then in that of `offers`; without an
    `Accept` header the first offer.
    """
    ranges = _ranges(accept) if accept and accept.strip() else [_Range("*/*", 1.0, 0)]
    liked = {media: max(ranges, key=lambda range_: range_.covers(media)) for media in offers}
    able = [media for media, range_ in liked.items() if range_.covers(media) and range_.quality > 0]
    return max(
        able, key=lambda media: (liked[media].quality, liked[media].covers(media), -liked[media].position), default=None
    )


def _ranges(accept: str) -> list[_Range]:
    return [_range(part, position) for position, part in enumerate(accept.lower().split(","))]


def _range(part: str, position: int) -> _Range:
    media, *parameters = (piece.strip() for piece in part.split(";"))
    quality = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
    try:
        return _Range(media, min(max(float(quality), 0.0), 1.0), position)
    except ValueError:
        return _Range(media, 0.0, position)
