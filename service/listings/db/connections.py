"""Held connections: the only door to PostgreSQL for repositories.

Why not `asyncpg.Pool`: its proxies and its reset round trip cost about 25 us per query, and a pool
that hands out any connection cannot keep statements prepared on all of them. Here a small fixed
number of sessions stays connected; each prepares a statement the first time it runs it, and the last
one given back is the first one taken again, so that idle sessions stay idle and warm ones warm.

A session that broke is replaced when it is next taken; while PostgreSQL is away callers get
`Unavailable` with a hint when to retry, never a hanging call: waiting for a session is bounded.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import asyncpg
import structlog

from listings.db.constraints import translated
from listings.db.session import Record, Session
from listings.domain.errors import Aborted, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence

    from opentelemetry.trace import Tracer

    from listings.db.statements import Statement
    from listings.metrics import DatabaseMetrics
    from listings.settings import DatabaseSettings

T = TypeVar("T")

log = structlog.get_logger(__name__)

# Enough for locks taken in one order; more would only hide a statement that locks out of order.
_ATTEMPTS: Final = 4

# How long a session that is given up may take to cancel its statement and to close.
_CLOSE_SECONDS: Final = 5.0

# PostgreSQL answers the request to cancel a statement in milliseconds; a server that is paused or far away gets more.
_SETTLE_SECONDS: Final = 2.0

# PostgreSQL ignores a request to cancel that overtakes its statement, which a busy machine allows: it is asked again.
_CANCEL_AGAIN_SECONDS: Final = 0.1

# What PostgreSQL gets beyond its own statement_timeout before a connection is taken for dead.
_GRACE_SECONDS: Final = 2.0

_LOST: Final = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


async def connected(settings: DatabaseSettings) -> asyncpg.Connection[Record]:
    """A new connection that answers or fails within bounded time; raises what asyncpg raises."""
    return await asyncpg.connect(
        settings.dsn(),
        timeout=settings.connect_timeout_seconds,
        # PostgreSQL ends statements by itself; when it does not answer either, nobody is there.
        command_timeout=settings.statement_timeout_seconds + _GRACE_SECONDS,
        statement_cache_size=0,  # sessions keep their own, for as long as they live
        server_settings=settings.server_settings(),
    )


class PoolState(NamedTuple):
    """How the connections to one server are used at one moment, and how long callers waited for one so far."""

    lent: int
    idle: int
    waiting: int
    most: int
    waited_seconds: float


class Connections:
    """A fixed number of sessions; opened by `app.py`, used by every repository."""

    def __init__(
        self, settings: DatabaseSettings, metrics: DatabaseMetrics, tracer: Tracer | None = None
    ) -> None:
        self._settings = settings
        self._tracer = tracer
        self._metrics = metrics
        self._idle: list[Session] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[Session | None]] = deque()
        self._waited_seconds = 0.0
        self._closed = False
        self._closing: set[asyncio.Task[None]] = set()
        metrics.size(settings.pool_size)

    async def open(self) -> None:
        """Connect the first session, so that a wrong address or password is known at the start."""
        async with self.session():
            pass

    def state(self) -> PoolState:
        """How the sessions are used right now."""
        idle = len(self._idle)
        return PoolState(
            self._open - idle, idle, len(self._waiting), self._settings.pool_size, self._waited_seconds
        )

    async def close(self) -> None:
        """Close idle sessions; lent ones close when they are given back."""
        self._closed = True
        self.forget_idle()
        await asyncio.gather(*self._closing)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Borrow a session for a few statements without a transaction."""
        session = await self._take()
        try:
            yield session
        except asyncpg.InternalClientError as error:
            # PostgreSQL ended the session while it was idle, and its socket has not said so yet.
            session.connection.terminate()
            raise self._unavailable(error) from error
        except _LOST as error:
            # One that still looks open has not answered in time, and never will.
            self._distrust(session)
            raise self._unavailable(error) from error
        except asyncpg.PostgresError as error:
            raise translated(error) from error
        finally:
            self._give_back(session)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Borrow a session inside a transaction: leaving the block commits, an error rolls back.

        Prefer `run_in_transaction` for work that may meet concurrent writers of the same rows.
        """
        async with self.session() as session:
            await session.begin()
            try:
                yield session
            except BaseException:
                # While a cancelled statement still runs, a ROLLBACK would wait for it, and its caller with that.
                if session.usable and not session.interrupted:
                    await session.end("ROLLBACK")
                raise
            await session.end("COMMIT")

    async def run_in_transaction(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run `work` in a transaction, again (at most 4 times) when it lost to a deadlock or serialization.

        `work` must not do anything outside the database. Raises Aborted when every attempt lost.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with self.transaction() as session:
                    return await work(session)
            except Aborted:
                if attempt == _ATTEMPTS:
                    raise
                self._metrics.retried()
        raise AssertionError("unreachable")  # pragma: no cover

    async def fetch(self, statement: Statement, *args: object) -> list[Record]:
        """One statement on its own: one round trip."""
        async with self.session() as session:
            return await session.fetch(statement, *args)

    async def fetchrow(self, statement: Statement, *args: object) -> Record | None:
        """The first row of one statement, or None."""
        rows = await self.fetch(statement, *args)
        return rows[0] if rows else None

    async def fetchval(self, statement: Statement, *args: object) -> Any:
        """The first column of the first row of one statement, or None."""
        rows = await self.fetch(statement, *args)
        return rows[0][0] if rows else None

    async def _take(self) -> Session:
        started = time.perf_counter()
        deadline = started + self._settings.acquire_timeout_seconds
        while True:
            session: Session | None = None
            if self._idle:
                session = self._idle.pop()
            elif self._open < self._settings.pool_size:
                session = await self._connect()
            else:
                session = await self._wait_turn(deadline - time.perf_counter())
            if session is not None and session.usable:
                self._metrics.in_use(self._open - len(self._idle))
                self._metrics.waited(time.perf_counter() - started)
                return session
            if session is not None:
                self._discard(session)

    async def _wait_turn(self, seconds: float) -> Session | None:
        """A session handed over by its borrower, or None when there is room to connect a new one."""
        turn: asyncio.Future[Session | None] = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        self._waiting.append(turn)
        self._metrics.waiting(len(self._waiting))
        try:
            async with asyncio.timeout(max(seconds, 0)):
                return await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # Handed over at the very moment this caller gave up: pass it on.
                self._hand_over(turn.result())
            if isinstance(error, TimeoutError):
                self._metrics.acquire_timed_out()
                raise Unavailable(
                    "all database connections are busy; retry",
                    reason="DATABASE_POOL_EXHAUSTED",
                    retry_after_seconds=1,
                ) from None
            raise
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)
            self._waited_seconds += time.perf_counter() - started
            self._metrics.waiting(len(self._waiting))

    def _hand_over(self, session: Session | None) -> None:
        """Give a session (or the room for one) to whoever waits longest, else keep it idle."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(session)
                return
        if session is not None:
            self._idle.append(session)

    async def _connect(self) -> Session:
        self._open += 1
        try:
            connection = await connected(self._settings)
        except BaseException as error:
            self._open -= 1
            self._hand_over(None)
            if isinstance(error, (*_LOST, TimeoutError, asyncpg.PostgresError)):
                self._metrics.connect_failed()
                raise self._unavailable(error) from error
            raise
        self._metrics.opened(self._open)
        return Session(connection, self._metrics, self._settings.slow_statement_seconds, self._tracer)

    def _give_back(self, session: Session) -> None:
        if session.usable and session.in_transaction and (self._closed or not session.interrupted):
            # Its caller was cancelled in BEGIN, COMMIT or ROLLBACK: nobody knows what has become of the transaction.
            # Who drops the connection now drops the request to cancel its statement too.
            self._finish(self._cancel_and_close(session))
        elif self._closed or not session.usable:
            self._discard(session)
        elif session.interrupted:
            self._finish(self._settle(session))
        else:
            self._hand_over(session)
        self._metrics.in_use(self._open - len(self._idle))

    def _finish(self, work: Coroutine[None, None, None]) -> None:
        """What is still to be done with a session that nobody holds any more."""
        task = asyncio.get_running_loop().create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _settle(self, session: Session) -> None:
        """Lend a session again when its cancelled statement has ended, not before: the next caller would wait."""
        settled = asyncio.ensure_future(session.settle())
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                while not (await asyncio.wait({settled}, timeout=_CANCEL_AGAIN_SECONDS))[0]:
                    await self._cancel_again(session)
            await settled
        except asyncpg.QueryCanceledError:
            pass  # asked once too often: it ended by itself meanwhile, and answers
        except (*_LOST, asyncpg.PostgresError) as error:
            log.warning("a session did not answer", error=type(error).__name__)
            self._distrust(session)
            settled.cancel()
        self._give_back(session)

    async def _cancel_again(self, session: Session) -> None:
        """Cancel what a session that nobody holds still runs, over a connection of its own."""
        try:
            other = await asyncpg.connect(
                self._settings.dsn(), timeout=_SETTLE_SECONDS, statement_cache_size=0
            )
        except (*_LOST, asyncpg.PostgresError):
            return  # PostgreSQL notices within a second that the session is ended
        try:
            await other.execute(f"SELECT pg_cancel_backend({session.connection.get_server_pid()})")
        finally:
            other.terminate()

    def _distrust(self, session: Session) -> None:
        """End a session that does not answer, and the idle ones: what silenced it has most likely silenced them."""
        session.connection.terminate()
        self.forget_idle()

    def forget_idle(self) -> None:
        """End the idle sessions, where something else has shown that the server does not answer."""
        while self._idle:
            self._discard(self._idle.pop())

    async def _cancel_and_close(self, session: Session) -> None:
        try:
            await session.connection.close(timeout=_CLOSE_SECONDS)
        except (TimeoutError, *_LOST) as error:
            log.warning("a session did not close", error=type(error).__name__)
        self._discard(session)

    def _discard(self, session: Session) -> None:
        session.forget_statements()
        session.connection.terminate()
        self._open -= 1
        self._metrics.opened(self._open)
        self._hand_over(None)

    def _unavailable(self, error: BaseException) -> Unavailable:
        log.warning("database away", error=type(error).__name__)
        return Unavailable(
            "the database is not reachable right now; retry",
            reason="DATABASE_UNAVAILABLE",
            retry_after_seconds=1,
        )


def as_ids(values: Sequence[int]) -> list[int]:
    """Distinct ids in ascending order: the one order in which rows are locked."""
    return sorted(set(values))
