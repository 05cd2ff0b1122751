"""Where the texts of automatic persisted queries are kept: in memory, and in Redis for several processes."""

import asyncio
import hashlib
import logging
import sys
from typing import Any, Protocol

from cachetools import LRUCache

MOST_BYTES = 16 * 1024 * 1024
"""Bytes of texts in memory; the latest used are kept."""

LASTS = 7 * 24 * 3600
"""Seconds that Redis keeps a text after it was last sent."""

WAIT = 1.0
"""Seconds to wait for Redis; a client that is told that its query is not known sends it, and goes on."""

PAUSE = 5.0
"""Seconds for which Redis is not asked after it failed: nobody waits for it again and again."""

KEY = "prefect-graphql:persisted-query:"

_log = logging.getLogger("gateway")


class Texts(Protocol):
    """Texts by their SHA-256 hashes."""

    async def get(self, hash_: str) -> str | None:
        """Return a text; None where it is not (or no longer) known."""

    async def keep(self, hash_: str, text: str) -> None:
        """Keep a text."""

    async def aclose(self) -> None:
        """Let go of connections."""


class InMemory:
    """Texts in this process."""

    def __init__(self) -> None:
        self._texts: LRUCache[str, str] = LRUCache(MOST_BYTES, getsizeof=sys.getsizeof)

    async def get(self, hash_: str) -> str | None:
        """Return a text."""
        text: str | None = self._texts.get(hash_)
        return text

    async def keep(self, hash_: str, text: str) -> None:
        """Keep a text; one that is larger than the whole memory is not kept."""
        if sys.getsizeof(text) <= MOST_BYTES:
            self._texts[hash_] = text

    async def aclose(self) -> None:
        """Let go of nothing."""


class InRedis:
    """Texts in Redis, those that were used here in memory too. While Redis is down, memory has to do."""

    def __init__(self, url: str) -> None:
        try:
            from redis.asyncio import Redis  # noqa: PLC0415  an extra
            from redis.exceptions import RedisError  # noqa: PLC0415
        except ImportError:
            msg = "Redis (PREFECT_GRAPHQL_PERSISTED_QUERIES) needs its client: pip install 'prefect-graphql[redis]'."
            raise ValueError(msg) from None
        self._faults: tuple[type[Exception], ...] = (RedisError, OSError)
        try:
            self._redis: Any = Redis.from_url(
                url,
                decode_responses=True,
                encoding_errors="replace",
                socket_timeout=WAIT,
                socket_connect_timeout=WAIT,
            )
        except ValueError as error:
            msg = f"The URL of Redis (PREFECT_GRAPHQL_PERSISTED_QUERIES) can't be used: {error}."
            raise ValueError(msg) from error
        self._memory = InMemory()
        self._down = False
        self._asked_from = 0.0

    async def get(self, hash_: str) -> str | None:
        """Return a text; what others have written under its hash is checked."""
        text = await self._memory.get(hash_)
        if text is None:
            text = await self._ask("get", KEY + hash_)
            if text is not None and hash_of(text) != hash_:
                return None
            if text is not None:
                await self._memory.keep(hash_, text)
        return text

    async def keep(self, hash_: str, text: str) -> None:
        """Keep a text."""
        await self._memory.keep(hash_, text)
        await self._ask("set", KEY + hash_, text, ex=LASTS)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _ask(self, command: str, *arguments: str, **options: Any) -> str | None:
        clock = asyncio.get_running_loop().time
        if clock() < self._asked_from:
            return None
        try:
            answer: str | None = await getattr(self._redis, command)(*arguments, **options)
        except self._faults as fault:
            if not self._down:
                _log.warning("Redis fails, persisted queries are kept by each process alone: %s", fault)
            self._down = True
            self._asked_from = clock() + PAUSE
            return None
        self._down = False
        return answer


def hash_of(text: str) -> str:
    """Return the SHA-256 hash of a text, in lower-case hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def open_texts(where: str) -> Texts | None:
    """Return where `settings.persisted_queries` keeps texts, None for "off"; raises ValueError."""
    if where == "off":
        return None
    return InMemory() if where == "memory" else InRedis(where)
