"""Every metric of the service: name, help, labels and buckets in one place.

Nobody else creates a metric. Each group of families is a small class whose methods say what happened,
so that callers do not know names and labels; documented label sets exist at zero from the start, or a
rule could not tell "none yet" from "not exported". One registry per application, none global.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

import listings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

CALL_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
STATEMENT_BUCKETS: Final = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5)


class CallMetrics:
    """gRPC calls, counted outermost: refused and timed-out ones too."""

    def __init__(self, registry: CollectorRegistry, methods: Mapping[str, Iterable[str]]) -> None:
        """`methods`: full gRPC method name -> canonical status codes that it documents."""
        self._total = Counter(
            "listings_grpc_requests", "gRPC calls answered.", ["method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "listings_grpc_request_duration_seconds",
            "Time from the arrival of a gRPC call to its answer.",
            ["method"],
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self._active = Gauge(
            "listings_grpc_handler_requests_active",
            "gRPC calls being answered.",
            ["method"],
            registry=registry,
        )
        self._timeouts = Counter(
            "listings_timeouts", "gRPC calls whose deadline passed.", ["method"], registry=registry
        )
        self._near = Counter(
            "listings_near_timeouts",
            "gRPC calls that used more than 80 % of their time limit.",
            ["method"],
            registry=registry,
        )
        self._timeout_seconds = Histogram(
            "listings_timeout_duration_seconds",
            "How long calls ran that timed out.",
            ["method"],
            buckets=(0.1, 0.5, 1, 2, 5, 10, 15, 20, 30),
            registry=registry,
        )
        for method, statuses in methods.items():
            for status in statuses:
                self._total.labels(method, status)

    def of(self, method: str) -> MethodMetrics:
        """The children of one method, looked up once."""
        return MethodMetrics(
            self._total,
            method,
            self._seconds.labels(method),
            self._active.labels(method),
            self._timeouts.labels(method),
            self._near.labels(method),
            self._timeout_seconds.labels(method),
        )


class MethodMetrics:
    """What happens to the calls of one method; on the hot path, so without look-ups by label."""

    __slots__ = (
        "_active",
        "_by_status",
        "_method",
        "_near",
        "_seconds",
        "_timeout_seconds",
        "_timeouts",
        "_total",
    )

    def __init__(
        self,
        total: Counter,
        method: str,
        seconds: Histogram,
        active: Gauge,
        timeouts: Counter,
        near: Counter,
        timeout_seconds: Histogram,
    ) -> None:
        self._total = total
        self._method = method
        self._seconds = seconds
        self._active = active
        self._timeouts = timeouts
        self._near = near
        self._timeout_seconds = timeout_seconds
        self._by_status: dict[str, Counter] = {"OK": total.labels(method, "OK")}

    def began(self) -> None:
        """A call arrived."""
        self._active.inc()

    def ended(self, status: str, seconds: float, limit_seconds: float) -> None:
        """A call was answered with a canonical status code after `seconds`."""
        self._active.dec()
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._by_status[status] = self._total.labels(self._method, status)
        counter.inc()
        self._seconds.observe(seconds)
        if status == "DEADLINE_EXCEEDED":
            self._timeouts.inc()
            self._timeout_seconds.observe(seconds)
        elif seconds > 0.8 * limit_seconds:
            self._near.inc()


class HttpMetrics:
    """REST calls by route template (`/api/v1/listings/{id}`), never by raw path."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._total = Counter(
            "listings_http_requests",
            "HTTP requests answered.",
            ["method", "path", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "listings_http_request_duration_seconds",
            "Time from the arrival of an HTTP request to its answer.",
            ["method", "path"],
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "listings_http_requests_in_flight", "HTTP requests being answered.", registry=registry
        )

    def began(self) -> None:
        """A request arrived."""
        self._in_flight.inc()

    def ended(self, method: str, path: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._in_flight.dec()
        self._total.labels(method, path, str(status)).inc()
        self._seconds.labels(method, path).observe(seconds)


class DatabaseMetrics:
    """Sessions and statements."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._max = Gauge("listings_db_connections_max", "Sessions this process may hold.", registry=registry)
        self._open = Gauge("listings_db_connections_open", "Sessions open.", registry=registry)
        self._idle = Gauge("listings_db_connections_idle", "Sessions open and not lent.", registry=registry)
        self._in_use = Gauge("listings_db_connections_in_use", "Sessions lent.", registry=registry)
        self._waiting = Gauge(
            "listings_db_connections_waiting", "Callers waiting for a session.", registry=registry
        )
        self._wait = Histogram(
            "listings_db_connection_wait_duration_seconds",
            "Time a caller waited for a session.",
            buckets=STATEMENT_BUCKETS,
            registry=registry,
        )
        self._connection_errors = Counter(
            "listings_db_connection_errors",
            "Sessions that could not be had.",
            ["reason"],
            registry=registry,
        )
        self._queries = Counter("listings_db_queries", "Statements run.", ["operation"], registry=registry)
        self._errors = Counter(
            "listings_db_errors", "Statements failed.", ["operation", "error"], registry=registry
        )
        self._seconds = Histogram(
            "listings_db_query_duration_seconds",
            "Time of a statement, by its name.",
            ["operation"],
            buckets=STATEMENT_BUCKETS,
            registry=registry,
        )
        self._children: dict[str, tuple[Counter, Histogram]] = {}
        for reason in ("connect", "acquire_timeout"):
            self._connection_errors.labels(reason)
        self._opened = 0

    def size(self, sessions: int) -> None:
        """How many sessions this process may hold."""
        self._max.set(sessions)

    def opened(self, sessions: int) -> None:
        """How many sessions are open now."""
        self._opened = sessions
        self._open.set(sessions)

    def in_use(self, sessions: int) -> None:
        """How many sessions are lent now."""
        self._in_use.set(sessions)
        self._idle.set(max(self._opened - sessions, 0))

    def waiting(self, callers: int) -> None:
        """How many callers wait for a session now."""
        self._waiting.set(callers)

    def waited(self, seconds: float) -> None:
        """A caller got its session."""
        self._wait.observe(seconds)

    def acquire_timed_out(self) -> None:
        """A caller gave up waiting."""
        self._connection_errors.labels("acquire_timeout").inc()

    def connect_failed(self) -> None:
        """PostgreSQL could not be reached or refused the login."""
        self._connection_errors.labels("connect").inc()

    def ran(self, operation: str, seconds: float) -> None:
        """A statement finished."""
        children = self._children.get(operation)
        if children is None:
            children = (self._queries.labels(operation), self._seconds.labels(operation))
            self._children[operation] = children
        children[0].inc()
        children[1].observe(seconds)

    def failed(self, operation: str, error: str) -> None:
        """A statement failed with this class of error."""
        self._errors.labels(operation, error).inc()


class CacheMetrics:
    """The in-process cache of encoded answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hits = Counter("listings_cache_hits", "Answers found.", ["cache_type"], registry=registry)
        self._misses = Counter(
            "listings_cache_misses", "Answers not found.", ["cache_type"], registry=registry
        )
        self._evictions = Counter("listings_cache_evictions", "Answers dropped for room.", registry=registry)
        self._entries = Gauge("listings_cache_entries", "Answers kept.", registry=registry)
        self._bytes = Gauge("listings_cache_bytes", "Bytes kept.", registry=registry)
        self._hit: dict[object, Counter] = {}
        self._miss: dict[object, Counter] = {}

    def hit(self, kind: object) -> None:
        """An answer of this kind of topic was found."""
        counter = self._hit.get(kind)
        if counter is None:
            counter = self._hit[kind] = self._hits.labels(str(kind))
        counter.inc()

    def miss(self, kind: object) -> None:
        """An answer of this kind of topic was not found."""
        counter = self._miss.get(kind)
        if counter is None:
            counter = self._miss[kind] = self._misses.labels(str(kind))
        counter.inc()

    def evicted(self) -> None:
        """An answer was dropped because the cache is full."""
        self._evictions.inc()

    def size(self, entries: int, size: int) -> None:
        """What the cache holds now."""
        self._entries.set(entries)
        self._bytes.set(size)


class RateLimitMetrics:
    """Decisions of the rate limiter."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["method", "identifier_type"]
        self._hits = Counter(
            "listings_rate_limit_hits", "Calls the limiter judged.", labels, registry=registry
        )
        self._allowed = Counter(
            "listings_rate_limit_allowed", "Calls let through.", labels, registry=registry
        )
        self._rejected = Counter("listings_rate_limit_rejected", "Calls refused.", labels, registry=registry)

    def judged(self, method: str, identifier_type: str, *, allowed: bool) -> None:
        """The limiter let a call through, or refused it."""
        self._hits.labels(method, identifier_type).inc()
        (self._allowed if allowed else self._rejected).labels(method, identifier_type).inc()


class CatalogMetrics:
    """What people do with listings."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._created = Counter("listings_listings_created", "Listings created.", registry=registry)
        self._updated = Counter("listings_listings_updated", "Listings updated.", registry=registry)
        self._deleted = Counter("listings_listings_deleted", "Listings deleted.", registry=registry)
        self._searched = Counter("listings_listings_searched", "Searches answered.", registry=registry)
        self._expired = Counter(
            "listings_listings_expired", "Listings set inactive by expiry.", registry=registry
        )
        self._purged = Counter(
            "listings_indexing_queue_purged", "Finished or unconsumed queue rows removed.", registry=registry
        )

    def created(self, count: int = 1) -> None:
        """Listings were created."""
        self._created.inc(count)

    def updated(self, count: int = 1) -> None:
        """Listings were updated."""
        self._updated.inc(count)

    def deleted(self, count: int = 1) -> None:
        """Listings were deleted."""
        self._deleted.inc(count)

    def searched(self) -> None:
        """A search was answered."""
        self._searched.inc()

    def expired(self, count: int) -> None:
        """The sweeper set listings inactive."""
        self._expired.inc(count)

    def purged(self, count: int) -> None:
        """Queue rows were removed."""
        self._purged.inc(count)


class Metrics:
    """All groups, in one registry that `/metrics` renders."""

    def __init__(self, methods: Mapping[str, Iterable[str]] | None = None) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        Gauge("listings_build_info", "The running version.", ["version"], registry=self.registry).labels(
            listings.__version__
        ).set(1)
        self.calls = CallMetrics(self.registry, methods or {})
        self.http = HttpMetrics(self.registry)
        self.database = DatabaseMetrics(self.registry)
        self.cache = CacheMetrics(self.registry)
        self.rate_limit = RateLimitMetrics(self.registry)
        self.catalog = CatalogMetrics(self.registry)

    def gauge_from(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge whose value is read at scrape time."""
        Gauge(name, text, registry=self.registry).set_function(read)
