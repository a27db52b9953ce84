"""Redis pub/sub as the invalidation bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import redis.asyncio as redis_asyncio

from listings.cache.invalidation import CHANNEL
from listings.db.connections import PoolState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from listings.settings import RedisSettings

# A subscription that heard nothing for so long asks whether anybody is there, and gives up after as long again.
SILENCE_SECONDS: Final = 5.0


class RedisBus:
    """One subscription and one publishing connection. Our channel name carries a version."""

    server: Final = "redis"

    def __init__(self, settings: RedisSettings, address: str) -> None:
        self._client = redis_asyncio.Redis.from_url(
            address,
            socket_timeout=settings.timeout_seconds,
            socket_connect_timeout=settings.timeout_seconds,
            max_connections=settings.pool_size,
            decode_responses=True,
        )

    async def publish(self, text: str) -> None:
        """Send one text to every subscriber."""
        await _sent(lambda: self._client.publish(CHANNEL, text))

    async def listen(self, on_connected: Callable[[], None], on_text: Callable[[str], None]) -> None:
        """Receive until the connection is lost."""
        async with self._client.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            on_connected()
            asked = False
            while True:
                message = await subscription.get_message(timeout=SILENCE_SECONDS)
                if message is None:
                    # A peer that vanished without a word leaves a connection that only looks open.
                    if asked:
                        raise ConnectionError("Redis went silent")
                    await subscription.ping()
                asked = message is None
                if message is not None and message["type"] == "message":  # and no confirmation, no pong
                    on_text(message["data"])

    async def ping(self) -> None:
        """Raise when Redis does not answer."""
        await _sent(self._client.ping)

    def state(self) -> PoolState:
        """How the connections are used right now. Nobody waits for one: where all are in use, a call fails."""
        pool = self._client.connection_pool
        (idle, _), (lent, _) = pool.get_connection_count()
        return PoolState(lent, idle, 0, pool.max_connections, 0.0)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


async def _sent(send: Callable[[], Awaitable[object]]) -> None:
    """Send a command; once more when its connection was closed while it rested: over TCP, use alone shows that.

    The pool lends the connection that it got back last, so the second time is over a new one. Not a retry of
    redis-py's: that would renew a lost subscription, too, and `listen` must tell of each loss.
    """
    try:
        await send()
    except redis_asyncio.ConnectionError:
        await send()
