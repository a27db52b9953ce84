"""Whether PostgreSQL answers, asked over a connection that no call can take.

A question that had to wait for a session of the pool would say nothing where it matters: while the pool is exhausted
a busy server looks like one that is away, and one that hangs looks busy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncpg

from listings.db.connections import connected
from listings.db.session import Session
from listings.db.statements import Statement
from listings.domain.errors import Unavailable

if TYPE_CHECKING:
    from listings.metrics import DatabaseMetrics
    from listings.settings import DatabaseSettings

# Its cost must not grow with the catalog, and it must not wait where a migration locks the table.
_PROBE: Final = Statement("health.probe", "SELECT to_regclass('listings') IS NOT NULL")


class DatabaseProbe:
    """One connection, opened by the first question and again after one that failed. One question at a time."""

    def __init__(self, settings: DatabaseSettings, metrics: DatabaseMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._session: Session | None = None

    async def has_schema(self) -> bool:
        """Whether our tables are there. Bound the wait by a timeout of your own.

        Raises Unavailable where PostgreSQL answers that it takes no more connections, else what asyncpg raises.
        """
        session = self._session
        if session is None or not session.usable:
            session = await self._open()
        try:
            return bool(await session.fetchval(_PROBE))
        except BaseException:
            # Also one that was cancelled: nobody knows what the connection would answer next.
            await self.close()
            raise

    async def _open(self) -> Session:
        await self.close()
        try:
            connection = await connected(self._settings)
        except asyncpg.TooManyConnectionsError as error:
            raise Unavailable(
                "the database takes no more connections", reason="DATABASE_CONNECTIONS_EXHAUSTED"
            ) from error
        self._session = Session(connection, self._metrics, self._settings.slow_statement_seconds)
        return self._session

    async def close(self) -> None:
        """End the connection."""
        session, self._session = self._session, None
        if session is not None:
            session.forget_statements()
            session.connection.terminate()
