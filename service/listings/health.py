"""What the service depends on, checked: read by the health endpoints and by gRPC's health service.

Only the database decides readiness. Redis is optional at start and at run time: without it the service
is `degraded`, and processes hear of each other's changes through PostgreSQL.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from listings.domain.errors import FailedPrecondition, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from listings.db.connections import Connections, PoolState
    from listings.db.probe import DatabaseProbe
    from listings.state_metrics import DependencyMetrics, ErrorMetrics

log = structlog.get_logger(__name__)

# Probes of several balancers and a person's curl share an answer for this long.
CACHED_SECONDS: Final = 10.0
# That Redis is away is shared for less: nothing watches for its return as for the database's, and who has just started
# it again asks.
AWAY_CACHED_SECONDS: Final = 1.0
# A dependency that needs longer to answer is as good as away; probes wait 5 s at most themselves.
CHECK_SECONDS: Final = 5.0
# How often the database is looked at without being asked, and how many failures in a row count as more
# than a moment: gRPC health follows an outage within 4 s and ignores one lost connection.
WATCH_SECONDS: Final = 2.0
WATCH_FAILURES: Final = 2
_ERRORS_KEPT: Final = 10


class State(StrEnum):
    """How a dependency, or the service as a whole, is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency's answer, and when it was given (Unix time)."""

    state: State
    response_time_ms: float
    details: str
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class RecentError:
    """A failure worth showing to whoever looks at /health/deep; never its text, which may hold values."""

    at: datetime
    where: str
    kind: str
    request_id: str = ""


class RecentErrors:
    """The last unforeseen failures of a process, for /health/deep; both edges and the checks add to it."""

    def __init__(self, metrics: ErrorMetrics) -> None:
        self._metrics = metrics
        self._kept: deque[RecentError] = deque(maxlen=_ERRORS_KEPT)

    def of(self, component: str) -> Callable[[str, BaseException, str], None]:
        """Return `add` for one component (`ErrorMetrics.COMPONENTS`)."""
        return partial(self.add, component)

    def add(self, component: str, where: str, error: BaseException, request_id: str = "") -> None:
        """Remember and count that something went wrong in `where` (a method, a check)."""
        self._metrics.happened(component, error)
        self._kept.append(RecentError(datetime.now(UTC), where, type(error).__name__, request_id))

    def all(self) -> tuple[RecentError, ...]:
        """What is remembered, newest last."""
        return tuple(self._kept)


class Server(Protocol):
    """What is asked of an optional server."""

    async def ping(self) -> None:
        """Raise when it is away."""

    def state(self) -> PoolState:
        """How the connections to it are used."""


class Health:
    """The service's own view of itself; one per process."""

    def __init__(
        self,
        connections: Connections,
        probe: DatabaseProbe,
        redis: Server | None,
        stopping: asyncio.Event,
        errors: RecentErrors,
        *,
        search: Callable[[], str],
        metrics: DependencyMetrics,
        workers: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`redis` None: none is configured. `stopping` set: readiness is off, whatever the checks say.

        `search` tells in words what search does without; it works all the same. `workers` tells which of them do
        not serve, else `ok`; None: there are none.
        """
        self._connections = connections
        self._probe = probe
        self._redis = redis
        self._search = search
        self._workers = workers
        self._stopping = stopping
        self._clock = clock
        self._started_at = clock()
        self._has_started = False
        self._known: dict[str, tuple[float, Check]] = {}
        self._running: dict[str, asyncio.Task[Check]] = {}
        self._errors = errors
        self._metrics = metrics
        metrics.ready_from(self._was_ready)

    @property
    def uptime_seconds(self) -> float:
        """Time since the process opened its app."""
        return self._clock() - self._started_at

    @property
    def recent_errors(self) -> tuple[RecentError, ...]:
        """The last unforeseen failures, newest last."""
        return self._errors.all()

    @property
    def pools(self) -> dict[str, PoolState]:
        """The connections to each server that is configured, by its name."""
        pools = {"database": self._connections.state()}
        if self._redis is not None:
            pools["redis"] = self._redis.state()
        return pools

    @property
    def is_stopping(self) -> bool:
        """Whether the service drains."""
        return self._stopping.is_set()

    async def database(self) -> Check:
        """PostgreSQL answers and has our tables. A busy pool is degraded, not away: it is load, not loss."""
        return await self._checked("database", self._ask_database, away_seconds=CACHED_SECONDS)

    async def redis(self) -> Check:
        """Redis answers; its absence degrades and never more."""
        return await self._checked("redis", self._ask_redis, away_seconds=AWAY_CACHED_SECONDS)

    async def checks(self) -> dict[str, Check]:
        """Every dependency by name."""
        database, redis = await asyncio.gather(self.database(), self.redis())
        search = Check(State.HEALTHY, 0.0, self._search())
        found = {"database": database, "redis": redis, "search": search}
        if self._workers is not None:
            details = self._workers()
            found["workers"] = Check(State.HEALTHY if details == "ok" else State.DEGRADED, 0.0, details)
        return found

    async def is_ready(self) -> bool:
        """Whether calls should be sent here: not while draining, not without the database or one of the workers."""
        return await self.why_not_ready() is None

    async def why_not_ready(self) -> str | None:
        """What keeps calls away, in words; None when nothing does."""
        database = await self.database()
        if self.is_stopping:
            return "stopping"
        if database.state is State.UNHEALTHY:
            return f"database: {database.details}"
        if (workers := self._workers_down()) is not None:
            return f"workers: {workers}"
        self._has_started = True
        return None

    def _workers_down(self) -> str | None:
        details = "ok" if self._workers is None else self._workers()
        return None if details == "ok" else details

    def _was_ready(self) -> bool:
        """What is known without asking: the watch keeps it two seconds old."""
        known = self._known.get("database")
        if self.is_stopping or self._workers_down() is not None:
            return False
        return known is not None and known[1].state is not State.UNHEALTHY

    async def has_started(self) -> bool:
        """Whether the service was ready once; stays true from then on."""
        return self._has_started or await self.is_ready()

    async def watch_database(self, report: Callable[[bool], Awaitable[None]]) -> None:
        """Tell `report` when the database went away for more than a moment, and when it is back.

        Runs until cancelled; keeps the database check fresh while at it.
        """
        failures, serving = 0, True
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            check = await self._refreshed("database", self._ask_database)
            failures = failures + 1 if check.state is State.UNHEALTHY else 0
            wanted = failures < WATCH_FAILURES
            if wanted != serving and not self.is_stopping:
                serving = wanted
                log.warning("database is back" if serving else "not serving", database=check.details)
                await report(serving)

    async def _checked(self, name: str, ask: Callable[[], Awaitable[str]], *, away_seconds: float) -> Check:
        known = self._known.get(name)
        if known is not None:
            at, check = known
            if self._clock() - at < (CACHED_SECONDS if check.state is State.HEALTHY else away_seconds):
                return check
        return await self._refreshed(name, ask)

    async def _refreshed(self, name: str, ask: Callable[[], Awaitable[str]]) -> Check:
        """One check at a time per dependency: probes that arrive together wait for the same one."""
        running = self._running.get(name)
        if running is None:
            running = self._running[name] = asyncio.get_running_loop().create_task(self._run(name, ask))
            running.add_done_callback(lambda _: self._running.pop(name, None))
        return await asyncio.shield(running)

    async def _run(self, name: str, ask: Callable[[], Awaitable[str]]) -> Check:
        worst = State.UNHEALTHY if name == "database" else State.DEGRADED
        started = time.perf_counter()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                details = await ask()
            state = State.HEALTHY if details == "ok" else State.DEGRADED
        except FailedPrecondition as error:
            state, details = worst, error.message
        except Exception as error:  # noqa: BLE001 - whatever it raises, the answer is that it is away
            state, details = worst, f"away ({type(error).__name__})"
            self._errors.add("health", f"health.{name}", error)
        seconds = time.perf_counter() - started
        self._metrics.checked(name, seconds, up=not details.startswith("away"))
        check = Check(state, round(seconds * 1000, 3), details)
        self._known[name] = (self._clock(), check)
        return check

    async def _ask_database(self) -> str:
        try:
            has_schema = await self._probe.has_schema()
        except Unavailable as error:
            pool = self._connections.state()
            if pool.lent + pool.idle == 0:
                raise
            return f"reachable, {error.message}"  # and calls have the sessions that are open
        except BaseException:
            # What silenced the probe has most likely silenced them; nobody need wait to find that out.
            self._connections.forget_idle()
            raise
        if not has_schema:
            raise FailedPrecondition(
                "the schema is missing: run `listings migrate up`", reason="SCHEMA_MISSING"
            )
        if self._connections.state().waiting:
            return "reachable, all connections are busy"
        return "ok"

    async def _ask_redis(self) -> str:
        if self._redis is None:
            return "not configured: PostgreSQL tells other processes what changed"
        await self._redis.ping()
        return "ok"


def overall(checks: dict[str, Check]) -> State:
    """Unhealthy without the database, degraded when anything is less than healthy."""
    states = {check.state for check in checks.values()}
    for state in (State.UNHEALTHY, State.DEGRADED):
        if state in states:
            return state
    return State.HEALTHY
