"""The faults, in the order in which each namespace lives through them; what is in one row happens at the same time.

A fault names the alerts that must fire and be told of, and those that must fire and be kept back because of them.
Add one for an alert of your own: `test_alerts_live.py` fails as long as one of alerts/ has none.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alerts_live import cast as means
from alerts_live import control_group
from alerts_live.compressed import CAPACITY
from providers.certificates import DAY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from alerts_live.cast import Cast

    Doing = AbstractContextManager[None] | AbstractAsyncContextManager[None]


@dataclass(frozen=True)
class Fault:
    """What is done, for as long as the context lasts, and which alerts it must make fire."""

    how: str
    doing: Callable[[Cast], Doing]
    fires: tuple[str, ...]
    hides: tuple[str, ...] = ()
    quick: bool = False
    """Whether CI's short run has it."""
    longest_seconds: float = 150
    """How long it may take to fire: conditions in seconds are not shortened."""
    label_namespace: str | None = None
    """The namespace of the alerts, where their expression drops it."""
    ends_quietly: bool = False
    """Whether nobody is told afterwards of what was kept back, either: rates remember a fault for minutes."""


def _database(service: str, change: str, back: str) -> Callable[[Cast], Doing]:
    return lambda cast: means.altered(getattr(cast, service), change, back)


_A_PRODUCT: Final = "(SELECT min(id) FROM listings WHERE source_type = 'b2c')"


def _unreadable(table: str) -> tuple[str, str]:
    """Statements after which reading a table fails as where a page is damaged, and those that mend it.

    A view stands in its place: neither its data nor the schema's version is touched.
    """
    damage = f"""
        CREATE FUNCTION damaged_{table}() RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN RAISE 'invalid page' USING ERRCODE = 'data_corrupted'; END $$;
        ALTER TABLE {table} RENAME TO kept_{table};
        CREATE VIEW {table} AS SELECT * FROM kept_{table} WHERE damaged_{table}()"""
    mend = f"""
        DROP VIEW {table};
        ALTER TABLE kept_{table} RENAME TO {table};
        DROP FUNCTION damaged_{table}"""
    return damage, mend


_REFUSE_EXPIRY: Final = """
CREATE FUNCTION refuse_expiry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
CREATE TRIGGER refuse_expiry BEFORE UPDATE OF status ON listings FOR EACH ROW EXECUTE FUNCTION refuse_expiry();
UPDATE listings SET expires_at = now() - interval '1 day', expiry_managed = true
WHERE id = (SELECT min(id) FROM listings WHERE status = 'active');
"""


@asynccontextmanager
async def _slow_network(cast: Cast, seconds: float) -> AsyncIterator[None]:
    # Above what calls under way need: else logging in, at the same latency, is all that P99 shows.
    await means.warm(cast.slow, 24)
    cast.slow_way.delay_seconds = seconds
    try:
        yield
    finally:
        cast.slow_way.delay_seconds = 0


@contextmanager
def _cut(cast: Cast, network: str) -> Iterator[None]:
    way = cast.probe_way if network == "probe" else cast.stage.networks[network]
    way.cut()
    try:
        yield
    finally:
        way.mend()


@contextmanager
def _host(cast: Cast, **numbers: float) -> Iterator[None]:
    before = {name: getattr(cast.stage.host, name) for name in numbers}
    vars(cast.stage.host).update(numbers)
    try:
        yield
    finally:
        vars(cast.stage.host).update(before)


@contextmanager
def _container(cast: Cast, filled: float) -> Iterator[None]:
    """The small service in a container of which it fills so much."""
    serving = cast.small.process
    with control_group.confined(
        serving.process.pid, memory_bytes=serving.rss_mib() * 2**20 / filled, cores=_MORE_CORES_THAN_IT_USES
    ):
        yield


@contextmanager
def _indexer_stops(cast: Cast) -> Iterator[None]:
    cast.indexer_works.clear()
    try:
        yield
    finally:
        cast.indexer_works.set()


@contextmanager
def _surfers(cast: Cast) -> Iterator[None]:
    cast.surfers.per_second = 160
    try:
        yield
    finally:
        cast.surfers.per_second = 0


@contextmanager
def _operator(cast: Cast, does: str, stops: str) -> Iterator[None]:
    cast.tell_operator(does)
    try:
        yield
    finally:
        cast.tell_operator(stops)


@contextmanager
def _limits_mistyped(cast: Cast) -> Iterator[None]:
    before = cast.limits_file.read_text()
    cast.limits_file.write_text("[per_minute]\nGetListing = many\n")
    try:
        yield
    finally:
        cast.limits_file.write_text(before)


@contextmanager
def _renewed_too_short(cast: Cast) -> Iterator[None]:
    cast.authority.sign("team", valid=3 * DAY)
    try:
        yield
    finally:
        cast.authority.sign("team")


@asynccontextmanager
async def _replay_paused(cast: Cast) -> AsyncIterator[None]:
    await cast.standby_sql("SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        await cast.standby_sql("SELECT pg_wal_replay_resume()")


@asynccontextmanager
async def _no_publishing(cast: Cast) -> AsyncIterator[None]:
    await cast.redis_says("ACL SETUSER default -publish")
    try:
        yield
    finally:
        await cast.redis_says("ACL SETUSER default +publish")


@asynccontextmanager
async def _redis_killed(cast: Cast) -> AsyncIterator[None]:
    await asyncio.to_thread(cast.stage.redis.crash)
    try:
        yield
    finally:
        await asyncio.to_thread(cast.stage.redis.start)


@asynccontextmanager
async def _postgres_killed(cast: Cast) -> AsyncIterator[None]:
    await asyncio.to_thread(cast.stage.primary.crash)
    try:
        yield
    finally:
        await asyncio.to_thread(cast.stage.primary.start)


@asynccontextmanager
async def _service_killed_in_trouble(cast: Cast) -> AsyncIterator[None]:
    """First calls fail, so that there is an alert to hide; then the service is gone."""
    async with means.altered(cast.shop, *_unreadable("listings")):
        await cast.stage.until_firing("shop", "SuccessRateSLOBreach")
        await asyncio.to_thread(cast.shop.process.kill)
        try:
            yield
        finally:
            await asyncio.to_thread(cast.shop.process.start_again, seconds=90)


_MORE_CORES_THAN_IT_USES: Final = 4
# Where this user may not limit a process, the prepared host alone stands for memory.
_LIMITED: Final = control_group.may_make()
_NEARLY_FULL: Final = Fault(
    "a control group of whose memory it fills 86 %",
    lambda cast: _container(cast, 0.86),
    ("MemoryUsageHigh",),
)
_FULL: Final = Fault(
    "a control group of whose memory it fills 97 %",
    lambda cast: _container(cast, 0.97),
    ("MemoryUsageCritical",),
    ("MemoryUsageHigh",),
)
_POISONED: Final = f"""
INSERT INTO indexing_queue (listing_id, operation, status, retry_count, error_message)
SELECT {_A_PRODUCT}, 'update', 'failed', 3, 'the index refuses this document'"""
_ROWS_BEFORE: Final = "UPDATE schema_migrations SET version = version - 1"
_OVER_LIMIT: Final = 2 * CAPACITY

# Namespace -> rows; a row begins when all of the row before is over.
FAULTS: Final[dict[str, tuple[tuple[Fault, ...], ...]]] = {
    "shop": (
        (
            Fault(
                "favorites cannot be read, as with a damaged page: 1.2 % of calls fail",
                _database("shop", *_unreadable("listing_favorites")),
                (
                    "AvailabilityAtRisk",
                    "ErrorBudgetBurnRateSlow",
                    "HighErrorRateWarning",
                    "SuccessRateSLOBreach",
                ),
            ),
            Fault(
                "a product's quantity changed by psql",
                _database(
                    "shop",
                    f"UPDATE listings SET quantity = quantity + 1 WHERE id = {_A_PRODUCT}",
                    f"UPDATE listings SET quantity = quantity - 1 WHERE id = {_A_PRODUCT}",
                ),
                ("LedgerDrift",),
                quick=True,
            ),
            Fault("the indexer stopped, 60 s waited", _indexer_stops, ("IndexLagHigh",)),
            Fault(
                "a row of the indexing queue given up",
                _database(
                    "shop",
                    _POISONED,
                    "UPDATE indexing_queue SET status = 'completed' WHERE status = 'failed'",
                ),
                ("IndexingJobsFailed",),
            ),
            Fault(
                "the schema marked dirty, as by a killed migration",
                _database(
                    "shop",
                    "UPDATE schema_migrations SET dirty = true",
                    "UPDATE schema_migrations SET dirty = false",
                ),
                ("MigrationStuck",),
                quick=True,
            ),
            Fault(
                "the schema's version set back by one",
                _database("shop", _ROWS_BEFORE, _ROWS_BEFORE.replace("- 1", "+ 1")),
                ("SchemaBehind",),
            ),
            Fault("the right to PUBLISH taken away in Redis", _no_publishing, ("RedisConnectionIssues",)),
            Fault(
                "Redis filled to its maxmemory and written on",
                lambda cast: means.crammed(cast.stage.redis.url),
                ("RedisEvictionsHigh",),
            ),
            Fault(
                "the standby's replay paused, 30 s waited",
                _replay_paused,
                ("ReplicationLagHigh",),
                quick=True,
            ),
            Fault(
                "prepared host: 90 % of CPU used",
                lambda cast: _host(cast, cpu_used=0.9),
                ("CPUUsageHigh",),
                label_namespace="",
            ),
            Fault(
                "prepared host: 88 % of memory used",
                lambda cast: _host(cast, memory_used=0.88),
                ("MemoryUsageHigh",),
            ),
            Fault(
                "prepared host: 10 % of the disk free",
                lambda cast: _host(cast, disk_used=0.9),
                ("DiskSpaceLow",),
                quick=True,
            ),
        ),
        (
            Fault(
                "prepared host: 97 % of memory used",
                lambda cast: _host(cast, memory_used=0.97),
                ("MemoryUsageCritical",),
                ("MemoryUsageHigh",),
            ),
            Fault(
                "the network between exporter and PostgreSQL cut",
                lambda cast: _cut(cast, "postgres"),
                ("PostgresUnreachable",),
            ),
            Fault(
                "the network between exporter and Redis cut",
                lambda cast: _cut(cast, "redis"),
                ("RedisUnreachable",),
            ),
            Fault(
                "the network between probe and service cut",
                lambda cast: _cut(cast, "probe"),
                ("ProbeFailed",),
            ),
            Fault("a flood of readers that never come twice", _surfers, ("CacheHitRatioLow",)),
        ),
        (
            Fault(
                "listings cannot be read, as with a damaged page: most calls fail",
                _database("shop", *_unreadable("listings")),
                ("HighErrorRateCritical", "ErrorBudgetBurnRateFast", "RestErrorRateHigh"),
                ("AvailabilityAtRisk", "ErrorBudgetBurnRateSlow", "HighErrorRateWarning"),
                quick=True,
            ),
            Fault(
                "an exporter stopped (SIGSTOP)",
                lambda cast: means.paused(cast.stage.programs["prometheus-node-exporter"].pid),
                ("ExporterDown",),
            ),
        ),
        (
            Fault(
                "Redis killed",
                _redis_killed,
                ("CacheUnavailable",),
                ("RedisConnectionIssues", "RedisUnreachable"),
                quick=True,
                ends_quietly=True,
            ),
        ),
    ),
    "slow": (
        (
            Fault(
                "1.2 s of latency to PostgreSQL (proxy)",
                lambda cast: _slow_network(cast, 1.2),
                (
                    "HighLatencyP95Warning",
                    "LatencyP95SLOBreach",
                    "LatencyP99SLOBreach",
                    "DatabaseQueryDurationHigh",
                ),
            ),
        ),
        (
            Fault(
                "3 s of latency to PostgreSQL (proxy)",
                lambda cast: _slow_network(cast, 3),
                ("HighLatencyP99Critical",),
                ("HighLatencyP95Warning", "LatencyP95SLOBreach", "LatencyP99SLOBreach"),
            ),
        ),
    ),
    "small": (
        (
            Fault(
                f"{_OVER_LIMIT} calls/s of one address",
                lambda cast: means.flooded(cast.small, _OVER_LIMIT),
                ("RateLimitRejectionsHigh", "HighRequestRate"),
            ),
        ),
        (
            Fault(
                "5 of 6 sessions wait for rows that somebody locks",
                lambda cast: means.waiting_writers(cast.small, 5),
                ("DatabasePoolSaturation",),
            ),
            Fault("a mistyped limits file", _limits_mistyped, ("LimitsFileUnusable",), quick=True),
            *([_NEARLY_FULL] if _LIMITED else []),
        ),
        (
            Fault(
                "12 callers wait for rows that somebody locks, with 6 sessions",
                lambda cast: means.waiting_writers(cast.small, 12),
                ("DatabasePoolExhausted",),
                ("DatabasePoolSaturation",),
            ),
            *([_FULL] if _LIMITED else []),
        ),
        (
            Fault(
                "the service stopped every other 0.6 s (SIGSTOP)",
                lambda cast: means.stuttering(cast.small.process.process.pid),
                ("EventLoopLagHigh",),
            ),
        ),
    ),
    "team": (
        (
            Fault(
                "a worker killed, and the one in its place stopped before it serves (SIGSTOP)",
                lambda cast: means.stuck_at_start(cast.team),
                ("WorkersMissing",),
            ),
            Fault("a certificate for 3 days put in place", _renewed_too_short, ("CertificateExpiresSoon",)),
        ),
        (
            Fault(
                "workers killed again and again",
                lambda cast: means.dying(cast.team),
                ("WorkersRestarting",),
            ),
        ),
    ),
    "operator": (
        (
            Fault(
                "a resource that waits for a person",
                lambda cast: _operator(cast, "stall", "settle"),
                ("OperatorResourceStalled",),
            ),
            Fault(
                "looks that fail", lambda cast: _operator(cast, "fail", "work"), ("OperatorReconcileFailing",)
            ),
        ),
        (
            Fault(
                "a look that does not end, 60 s waited",
                lambda cast: _operator(cast, "hang", "go"),
                ("OperatorQueueSlow",),
            ),
        ),
        (
            Fault(
                "the operator's page stopped (SIGSTOP)",
                lambda cast: means.paused(cast.operator.pid),
                ("OperatorDown",),
            ),
        ),
    ),
}
# Beside the rows: a condition of 303 s that shortening leaves as it is.
BESIDE: Final[dict[str, Fault]] = {
    "slow": Fault(
        "a trigger that refuses the expiry of a listing, 303 s waited",
        _database("slow", _REFUSE_EXPIRY, "DROP FUNCTION refuse_expiry CASCADE"),
        ("MaintenanceStalled",),
        longest_seconds=450,
    )
}
# When everything else is over: what takes down all namespaces, or all of one.
LAST: Final = (
    Fault(
        "PostgreSQL killed",
        _postgres_killed,
        ("DatabaseDown",),
        ("HighErrorRateCritical", "ErrorBudgetBurnRateFast", "PostgresUnreachable"),
        ends_quietly=True,
    ),
    Fault(
        "the service killed while calls fail",
        _service_killed_in_trouble,
        ("ServiceDown",),
        ("ProbeFailed", "SuccessRateSLOBreach"),
        quick=True,
    ),
)
# It always fires; what must be noticed is that it ends (test_alerts_live.py stops Prometheus).
ALWAYS: Final = "DeadMansSwitch"
