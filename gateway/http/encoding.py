"""Content codings of answers, chosen as RFC 9110 section 12.5.3 says: zstd, br, gzip, or none.

The lengths tell nothing to a foreign page (BREACH): credentials are a header that it would have to know, never a cookie.
"""

import asyncio
import zlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import brotli  # type: ignore[import-untyped]  # it has no types
import zstandard

from gateway.http.negotiation import choices, remembered

SMALL = 1_000  # bytes; less gains nothing, it is one packet either way

LONG = 1_000_000  # bytes that take gzip some 6 ms; a thread costs 0.1 ms and lets other requests go on


Pack = Callable[[bytes, bool], bytes]
"""Compresses a piece of an answer so that the client can read it at once; told whether it is the last."""


class Coding(NamedTuple):
    """A way to send an answer; `name` as `Content-Encoding` has it, `packer` for one that is sent in pieces."""

    name: str
    compress: Callable[[bytes], bytes]
    packer: Callable[[], Pack]


class Codings(NamedTuple):
    """The codings that a client wants for small and for other answers."""

    small: Coding
    other: Coding


class Encoder:
    """Compresses answers. One that several requests share, the same object, is compressed once for all of them.

    Those requests go on in one turn of the event loop, and then the answer is forgotten: it may hold secrets.
    """

    def __init__(self) -> None:
        self._latest: dict[str, tuple[bytes, bytes]] = {}

    async def encode(self, content: bytes, wanted: Codings) -> tuple[Coding, bytes]:
        """Return the coding of an answer and its bytes."""
        coding = wanted.small if len(content) < SMALL else wanted.other
        if coding is IDENTITY:
            return coding, content
        if len(content) >= LONG:
            return coding, await asyncio.to_thread(coding.compress, content)
        plain, packed = self._latest.get(coding.name, (b"", b""))
        if plain is not content:
            packed = coding.compress(content)
            self._latest[coding.name] = content, packed
            asyncio.get_running_loop().call_soon(self._latest.clear)
        return coding, packed


def _zstd(content: bytes) -> bytes:
    # A compressor of its own: one must not be used in two threads at once.
    return zstandard.ZstdCompressor(level=1).compress(content)


def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(content) + packer.flush()


def _zstd_packer() -> Pack:
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    ends = {False: zstandard.COMPRESSOBJ_FLUSH_BLOCK, True: zstandard.COMPRESSOBJ_FLUSH_FINISH}
    return lambda content, last: packer.compress(content) + packer.flush(ends[last])


def _br_packer() -> Pack:
    packer = brotli.Compressor(quality=1)
    return lambda content, last: packer.process(content) + (packer.finish() if last else packer.flush())


def _gzip_packer() -> Pack:
    packer = zlib.compressobj(1, wbits=31)
    return lambda content, last: packer.compress(content) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


IDENTITY = Coding("identity", lambda content: content, lambda: lambda content, _last: content)

CODINGS = (
    Coding("zstd", _zstd, _zstd_packer),
    Coding("br", partial(brotli.compress, quality=1), _br_packer),
    Coding("gzip", _gzip, _gzip_packer),
    IDENTITY,
)
"""In our order, which counts where the client likes several equally: the quickest first, and zstd is the smallest too."""

_OF_PROGRAMS = (*CODINGS[1:3], CODINGS[0], IDENTITY)
# @whatwg-node/fetch, by which GraphQL's tools on Node ask, lists zstd where its Node (before 22.15) cannot read it, and the
# tool ends. Browsers list it where they read it, and tell `Sec-Fetch-Mode` wherever they list it.

_ALIASES = {"x-gzip": "gzip"}
_UNNAMED = {IDENTITY.name: 1e-9}  # liked least, while other codings must be named


@remembered
def codings(accept: str | None, browser: bool) -> Codings | None:
    """Return the codings that a client wants by its `Accept-Encoding`, None where it takes none of ours.

    Without the header answers go as they are. A program that is no browser gets zstd where it likes it best.
    """
    offers = CODINGS if browser else _OF_PROGRAMS
    if accept is None:
        return Codings(IDENTITY, IDENTITY)
    named = {_ALIASES.get(choice.name, choice.name): choice.quality for choice in choices(accept)}
    liked = [named.get(coding.name, named.get("*", _UNNAMED.get(coding.name, 0.0))) for coding in offers]
    best = offers[liked.index(max(liked))]
    if not max(liked):
        return None
    return Codings(IDENTITY if liked[-1] else best, best)
