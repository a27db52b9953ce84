"""One held connection with its prepared statements: what `Connections` lends to one caller at a time."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any, Final, Literal

import asyncpg
import structlog
from opentelemetry import trace

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from listings.db.statements import Statement
    from listings.metrics import DatabaseMetrics

log = structlog.get_logger(__name__)

Record = asyncpg.Record

# Filters of lists make many texts of one name; a session that has seen this many starts anew.
MOST_PREPARED: Final = 300


class Session:
    """One held connection. Not for two tasks at a time: `Connections` lends it to one."""

    __slots__ = (
        "_begun",
        "_connection",
        "_interrupted",
        "_metrics",
        "_names",
        "_prepared",
        "_slow_seconds",
        "_tracer",
    )

    def __init__(
        self,
        connection: asyncpg.Connection[Record],
        metrics: DatabaseMetrics,
        slow_seconds: float,
        tracer: Tracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._connection = connection
        self._begun = False
        self._interrupted = False
        self._names = itertools.count(1)
        self._prepared: dict[str, asyncpg.prepared_stmt.PreparedStatement[Record]] = {}
        self._metrics = metrics
        self._slow_seconds = slow_seconds

    @property
    def connection(self) -> asyncpg.Connection[Record]:
        """The asyncpg connection underneath, for COPY and LISTEN."""
        return self._connection

    @property
    def usable(self) -> bool:
        """Whether the connection is still open, as far as its socket knows."""
        return not self._connection.is_closed()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open or may be: one whose BEGIN was cancelled may have begun all the same."""
        return self._begun or self._connection.is_in_transaction()

    @property
    def interrupted(self) -> bool:
        """Whether a caller left during a statement, and PostgreSQL has not yet said that it ended."""
        return self._interrupted

    async def settle(self) -> None:
        """Wait until PostgreSQL answers again, and undo what a transaction did before its caller left."""
        await self._connection.execute("ROLLBACK" if self.in_transaction else "SELECT")
        self._begun = self._interrupted = False

    async def begin(self) -> None:
        """Open a transaction. Not asyncpg's own: it takes a cancelled BEGIN for a transaction ever after."""
        self._begun = True
        await self._connection.execute("BEGIN")

    async def end(self, how: Literal["COMMIT", "ROLLBACK"]) -> None:
        """End the transaction."""
        await self._connection.execute(how)
        self._begun = False

    async def fetch(self, statement: Statement, *args: object) -> list[Record]:
        """All rows of a statement, prepared on this connection the first time."""
        if self._tracer is not None and trace.get_current_span().is_recording():
            with self._tracer.start_as_current_span(
                statement.name,
                kind=trace.SpanKind.CLIENT,
                attributes={"db.system.name": "postgresql"},
                record_exception=False,  # PostgreSQL's texts quote values
            ):
                return await self._fetch(statement, *args)
        return await self._fetch(statement, *args)

    async def _fetch(self, statement: Statement, *args: object) -> list[Record]:
        prepared = self._prepared.get(statement.sql)
        started = time.perf_counter()
        try:
            if prepared is None:
                # By a name: without one, and without asyncpg's own cache, it would be parsed and planned at every call.
                prepared = await self._connection.prepare(statement.sql, name=f"listings_{next(self._names)}")
                if len(self._prepared) >= MOST_PREPARED:
                    self.forget_statements()
                self._prepared[statement.sql] = prepared
                self._metrics.prepared(1)
            rows = await prepared.fetch(*args)
        except asyncpg.InvalidCachedStatementError:
            # A migration changed what a prepared statement returns. Outside a transaction preparing anew is enough; one
            # that is open has failed, and is run again with everything prepared anew.
            self.forget_statements()
            if self._connection.is_in_transaction():
                raise
            return await self._fetch(statement, *args)
        except BaseException as error:
            self._interrupted = isinstance(error, asyncio.CancelledError)
            self._metrics.failed(statement.name, type(error).__name__)
            raise
        seconds = time.perf_counter() - started
        self._metrics.ran(statement.name, seconds)
        if seconds > self._slow_seconds:
            self._metrics.slow()
            log.warning("slow statement", statement=statement.name, seconds=round(seconds, 3))
        return rows

    def forget_statements(self) -> None:
        """Let go of every prepared statement; asyncpg has PostgreSQL do the same."""
        self._metrics.prepared(-len(self._prepared))
        self._prepared.clear()

    async def fetchrow(self, statement: Statement, *args: object) -> Record | None:
        """The first row, or None."""
        rows = await self.fetch(statement, *args)
        return rows[0] if rows else None

    async def fetchval(self, statement: Statement, *args: object) -> Any:
        """The first column of the first row, or None."""
        rows = await self.fetch(statement, *args)
        return rows[0][0] if rows else None

    async def execute(self, statement: Statement, *args: object) -> int:
        """Run a statement for its effect; the number of rows that it returned.

        Statements that change rows say `RETURNING` what the caller needs to know.
        """
        return len(await self.fetch(statement, *args))
