"""Redis pub/sub as the invalidation bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis.asyncio as redis_asyncio

from listings.cache.invalidation import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from listings.settings import RedisSettings


class RedisBus:
    """One subscription and one publishing connection. Our channel name carries a version."""

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
        await self._client.publish(CHANNEL, text)

    async def listen(self, on_connected: Callable[[], None], on_text: Callable[[str], None]) -> None:
        """Receive until the connection is lost."""
        async with self._client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(CHANNEL)
            on_connected()
            while True:
                # A bounded wait, so that a half-open connection is noticed by the library's health check.
                message = await subscription.get_message(timeout=5.0)
                if message is not None:
                    on_text(message["data"])

    async def ping(self) -> None:
        """Raise when Redis does not answer."""
        await self._client.ping()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
