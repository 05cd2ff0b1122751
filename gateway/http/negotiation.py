"""Content negotiation: which media type the client wants, as RFC 9110 section 12.5.1 and GraphQL over HTTP say."""

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import NamedTuple, TypeVar, TypeVarTuple

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
HTML = "text/html"

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


def remembered(read: Callable[[str | None, *Ts], T]) -> Callable[[str | None, *Ts], T]:
    """Remember what a header's values mean: clients send the same few. Long ones are read anew, to bound the memory."""
    known: Callable[..., T] = lru_cache(256)(read)

    @wraps(read)
    def reader(value: str | None, *args: *Ts) -> T:
        return (known if value is None or len(value) <= 500 else read)(value, *args)

    return reader


class Choice(NamedTuple):
    """One of a header's choices, `name;parameter=value;q=quality`; all in lower case, the quality from 0 to 1."""

    name: str
    quality: float
    position: int
    parameters: tuple[str, ...] = ()

    def covers(self, media: str) -> int:
        """Return how exactly a media range names a media type: 3 by name, 2 by `type/*`, 1 by `*/*`, 0 not at all."""
        if self.name == media:
            return 3
        if self.name == f"{media.partition('/')[0]}/*":
            return 2
        return int(self.name == "*/*")


@remembered
def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offered media type that the client likes best, None where it takes none of them.

    By quality, then by how exactly it is named, then in the client's order, then in that of `offers`; without an
    `Accept` header the first offer.
    """
    ranges = choices(accept) if accept and accept.strip() else [Choice("*/*", 1.0, 0)]
    liked = {media: max(ranges, key=lambda range_: range_.covers(media)) for media in offers}
    able = [media for media, range_ in liked.items() if range_.covers(media) and range_.quality > 0]
    return max(
        able, key=lambda media: (liked[media].quality, liked[media].covers(media), -liked[media].position), default=None
    )


def choices(header: str) -> list[Choice]:
    """Read a header of choices with qualities (RFC 9110 section 12.4.2); one whose quality is no number is refused: 0."""
    return [_choice(part, position) for position, part in enumerate(header.lower().split(","))]


def _choice(part: str, position: int) -> Choice:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
    others = tuple(parameter.replace('"', "") for parameter in parameters if not parameter.startswith("q="))
    try:
        return Choice(name, min(max(0.0, float(quality)), 1.0), position, others)
    except ValueError:
        return Choice(name, 0.0, position)
