"""LISTEN/NOTIFY as the invalidation bus, where there is no Redis."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import asyncpg

from listings.cache.invalidation import CHANNEL
from listings.db.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from listings.db.connections import Connections
    from listings.settings import DatabaseSettings

_NOTIFY: Final = Statement("cache.notify", f"SELECT pg_notify('{CHANNEL}', $1)")


class PostgresBus:
    """Listens on a connection of its own; publishes on a borrowed session, one text per tick."""

    server: Final = "postgres"

    def __init__(self, settings: DatabaseSettings, connections: Connections) -> None:
        self._settings = settings
        self._connections = connections

    async def publish(self, text: str) -> None:
        """Send one text to every listener."""
        await self._connections.fetch(_NOTIFY, text)

    async def listen(self, on_connected: Callable[[], None], on_text: Callable[[str], None]) -> None:
        """Receive until the connection is lost."""
        connection = await asyncpg.connect(
            self._settings.dsn(),
            timeout=self._settings.connect_timeout_seconds,
            server_settings={"application_name": "listings-changes"},
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, lambda _c, _pid, _channel, text: on_text(str(text)))
            on_connected()
            await lost.wait()
        finally:
            connection.terminate()
        raise ConnectionError("the listening connection was lost")
