"""Every metric of the service: name, help, labels and buckets in one place, here and in two modules beside.

Nobody else creates a metric. This module holds what happened, `limit_metrics.py` what the rate limiter did,
`state_metrics.py` how things stand. Each group of families is a small class whose methods say what happened,
so that callers do not know names and labels; documented label sets exist at zero from the start, or a
rule could not tell "none yet" from "not exported". One registry per application, none global.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

import listings
from listings.limit_metrics import RateLimitMetrics
from listings.state_metrics import (
    BusMetrics,
    CertificateMetrics,
    DependencyMetrics,
    ErrorMetrics,
    InventoryMetrics,
    LoadMetrics,
    MaintenanceMetrics,
    QueueMetrics,
    RuntimeMetrics,
    SchemaMetrics,
    SearchMetrics,
    WorkerMetrics,
    cumulative,
)
from listings.top_counts import TopCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

CALL_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
TIMEOUT_BUCKETS: Final = (0.1, 0.5, 1, 2, 5, 10, 15, 20, 30)
STATEMENT_BUCKETS: Final = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5)


class MethodMetrics:
    """What happened to the calls of one method.

    Plain numbers instead of `prometheus_client` children: the event loop is the only writer, and their
    locks would cost a cached answer several microseconds. `CallMetrics` turns them into families.
    """

    __slots__ = (
        "active",
        "buckets",
        "by_status",
        "exemplars",
        "near_timeouts",
        "seconds",
        "timeout_buckets",
        "timeout_seconds",
        "trace",
    )

    def __init__(self, statuses: Iterable[str]) -> None:
        self.active = 0
        self.by_status = dict.fromkeys(("OK", *statuses), 0)
        self.buckets = [0] * (len(CALL_BUCKETS) + 1)
        self.seconds = 0.0
        self.near_timeouts = 0
        self.timeout_buckets = [0] * (len(TIMEOUT_BUCKETS) + 1)
        self.timeout_seconds = 0.0
        # Names the sampled trace of the running call, where there is tracing; the last one of each bucket is kept.
        self.trace: Callable[[], str] | None = None
        self.exemplars: dict[int, Exemplar] = {}

    def began(self) -> None:
        """A call arrived."""
        self.active += 1

    def ended(self, status: str, seconds: float, limit_seconds: float) -> None:
        """A call was answered with a canonical status code after `seconds`."""
        self.active -= 1
        self.by_status[status] = self.by_status.get(status, 0) + 1
        bucket = bisect_left(CALL_BUCKETS, seconds)
        self.buckets[bucket] += 1
        self.seconds += seconds
        if self.trace is not None and (trace_id := self.trace()):
            self.exemplars[bucket] = Exemplar({"trace_id": trace_id}, seconds, time.time())
        if status == "DEADLINE_EXCEEDED":
            self.timeout_buckets[bisect_left(TIMEOUT_BUCKETS, seconds)] += 1
            self.timeout_seconds += seconds
        elif seconds > 0.8 * limit_seconds:
            self.near_timeouts += 1


class CallMetrics(Collector):
    """gRPC calls, counted outermost: refused and timed-out ones too."""

    def __init__(self, registry: CollectorRegistry, methods: Mapping[str, Iterable[str]]) -> None:
        """`methods`: full gRPC method name -> canonical status codes that it documents."""
        self._methods = {method: MethodMetrics(statuses) for method, statuses in methods.items()}
        registry.register(self)

    def of(self, method: str) -> MethodMetrics:
        """The numbers of one method, looked up once."""
        return self._methods[method]

    def under_way(self) -> int:
        """How many calls are being answered."""
        return sum(numbers.active for numbers in self._methods.values())

    def collect(self) -> Iterator[Metric]:
        """The families as they are now; called by each scrape."""
        total = CounterMetricFamily(
            "listings_grpc_requests", "gRPC calls answered.", labels=["method", "status"]
        )
        seconds = HistogramMetricFamily(
            "listings_grpc_request_duration_seconds",
            "Time from the arrival of a gRPC call to its answer.",
            labels=["method"],
        )
        active = GaugeMetricFamily(
            "listings_grpc_handler_requests_active", "gRPC calls being answered.", labels=["method"]
        )
        timeouts = CounterMetricFamily(
            "listings_timeouts", "gRPC calls whose deadline passed.", labels=["method"]
        )
        near = CounterMetricFamily(
            "listings_near_timeouts",
            "gRPC calls that used more than 80 % of their time limit.",
            labels=["method"],
        )
        timeout_seconds = HistogramMetricFamily(
            "listings_timeout_duration_seconds", "How long calls ran that timed out.", labels=["method"]
        )
        for method, numbers in self._methods.items():
            for status, count in dict(numbers.by_status).items():  # a copy: scrapes run in a thread
                total.add_metric([method, status], count)
            buckets = cumulative(CALL_BUCKETS, numbers.buckets)
            exemplars = numbers.exemplars
            seconds.add_metric(
                [method],
                [
                    (*bucket, exemplars[place]) if place in exemplars else bucket
                    for place, bucket in enumerate(buckets)
                ],
                numbers.seconds,
            )
            active.add_metric([method], numbers.active)
            timeouts.add_metric([method], sum(numbers.timeout_buckets))
            near.add_metric([method], numbers.near_timeouts)
            timeout_seconds.add_metric(
                [method], cumulative(TIMEOUT_BUCKETS, numbers.timeout_buckets), numbers.timeout_seconds
            )
        yield from (total, seconds, active, timeouts, near, timeout_seconds)


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
        self._prepared = Gauge(
            "listings_db_prepared_statements", "Statements that the open sessions hold.", registry=registry
        )
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
        self._slow = Counter(
            "listings_db_slow_statements",
            "Statements above the slow limit; each is logged.",
            registry=registry,
        )
        self._retries = Counter(
            "listings_db_transactions_retried",
            "Transactions begun again after a deadlock or a serialization failure.",
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

    def prepared(self, statements: int) -> None:
        """A session holds so many more statements, or fewer."""
        self._prepared.inc(statements)

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

    def slow(self) -> None:
        """A statement took longer than the slow limit."""
        self._slow.inc()

    def retried(self) -> None:
        """A transaction lost to another one and begins again."""
        self._retries.inc()

    def failed(self, operation: str, error: str) -> None:
        """A statement failed with this class of error."""
        self._errors.labels(operation, error).inc()


class CacheMetrics(Collector):
    """The in-process cache of encoded answers. Plain numbers, as in `MethodMetrics`: a hit must cost nothing."""

    # The kinds of topics (`cache/encoded.py`) that answers are kept under.
    KINDS: Final = ("listing", "pages", "categories", "storefront", "product", "counts")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hits: dict[object, int] = dict.fromkeys(self.KINDS, 0)
        self._misses: dict[object, int] = dict.fromkeys(self.KINDS, 0)
        self._evictions = 0
        self._puts = 0
        self._invalidations = 0
        self._entries = 0
        self._bytes = 0
        self.max_bytes = 0
        registry.register(self)

    def hit(self, kind: object) -> None:
        """An answer of this kind of topic was found."""
        self._hits[kind] = self._hits.get(kind, 0) + 1

    def miss(self, kind: object) -> None:
        """An answer of this kind of topic was not found."""
        self._misses[kind] = self._misses.get(kind, 0) + 1

    def stored(self) -> None:
        """An answer was kept."""
        self._puts += 1

    def invalidated(self) -> None:
        """A topic was forgotten."""
        self._invalidations += 1

    def evicted(self) -> None:
        """An answer was dropped because the cache is full."""
        self._evictions += 1

    def size(self, entries: int, size: int) -> None:
        """What the cache holds now."""
        self._entries = entries
        self._bytes = size

    def collect(self) -> Iterator[Metric]:
        """The families as they are now; called by each scrape."""
        hits, misses = dict(self._hits), dict(self._misses)  # copies: scrapes run in a thread
        for name, text, by_kind in (
            ("listings_cache_hits", "Answers found.", hits),
            ("listings_cache_misses", "Answers not found.", misses),
        ):
            found = CounterMetricFamily(name, text, labels=["cache_type"])
            for kind, count in by_kind.items():
                found.add_metric([str(kind)], count)
            yield found
        operations = CounterMetricFamily(
            "listings_cache_operations", "What was done with the cache.", labels=["operation"]
        )
        operations.add_metric(["get"], sum(hits.values()) + sum(misses.values()))
        operations.add_metric(["put"], self._puts)
        operations.add_metric(["invalidate"], self._invalidations)
        yield operations
        yield CounterMetricFamily(
            "listings_cache_evictions", "Answers dropped for room.", value=self._evictions
        )
        yield GaugeMetricFamily("listings_cache_entries", "Answers kept.", self._entries)
        yield GaugeMetricFamily("listings_cache_bytes", "Bytes kept.", self._bytes)
        yield GaugeMetricFamily("listings_cache_max_bytes", "Bytes that may be kept.", self.max_bytes)


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


class ViewMetrics(Collector):
    """Views by product, for those that are viewed most; the rest is `other`."""

    MOST_PRODUCTS: Final = 50

    def __init__(self, registry: CollectorRegistry) -> None:
        self.counts = TopCounts(self.MOST_PRODUCTS)
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The family as it is now; called by each scrape."""
        views = CounterMetricFamily(
            "listings_inventory_product_views", "Product views counted.", labels=["product_id"]
        )
        for product_id, count in dict(self.counts.top).items():
            views.add_metric([str(product_id)], count)
        views.add_metric(["other"], self.counts.other)
        yield views


class StockMetrics:
    """What happens to stock, and to its ledger."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "listings_inventory_stock_operations",
            "Stock requests carried out: first, replayed, conflict (contradicts an earlier one) or refused.",
            ["operation", "status"],
            registry=registry,
        )
        self._batch = Histogram(
            "listings_stock_batch_requests",
            "Stock requests that shared one statement and one commit.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
            registry=registry,
        )
        self._checks = self._requests.labels("check", "first")
        self._movements = Counter(
            "listings_inventory_movements_recorded",
            "Movements that people recorded.",
            ["movement_type"],
            registry=registry,
        )
        self._movement_errors = Counter(
            "listings_inventory_movements_errors",
            "Movements that were refused.",
            ["reason"],
            registry=registry,
        )
        self._unseen = Counter(
            "listings_stock_rollbacks_unseen",
            "Items given back for orders that this service never saw taking any.",
            registry=registry,
        )
        self._views = ViewMetrics(registry)
        self._view_errors = Counter(
            "listings_inventory_product_views_errors", "Product views not counted.", registry=registry
        )
        self._drift = Gauge(
            "listings_ledger_drift_items",
            "Products and variants whose stock is not the sum of their movements, at the last check.",
            registry=registry,
        )
        self._drift_checked = Gauge(
            "listings_ledger_last_check_timestamp_seconds",
            "When the ledger was last proved; 0 before the first time.",
            registry=registry,
        )
        self._children: dict[tuple[str, str], Counter] = {}
        for operation in ("decrement", "rollback", "in", "out", "adjustment"):
            for status in ("first", "replayed", "conflict", "refused"):
                self._children[operation, status] = self._requests.labels(operation, status)
        for movement_type in ("in", "out", "adjustment"):
            self._movements.labels(movement_type)
        for reason in ("product_not_found", "variant_not_found", "insufficient_stock", "unknown"):
            self._movement_errors.labels(reason)

    def carried_out(self, operation: str, status: str, number: int) -> None:
        """Stock requests of a batch were decided, so many alike."""
        self._children[operation, status].inc(number)

    def batched(self, requests: int) -> None:
        """A batch was committed."""
        self._batch.observe(requests)

    def checked(self, number: int) -> None:
        """Checks that shared a read were answered."""
        self._checks.inc(number)

    def unseen(self) -> None:
        """An item was given back for an order that never took it here."""
        self._unseen.inc()

    def recorded(self, movement_type: str) -> None:
        """A person's movement was written."""
        self._movements.labels(movement_type).inc()

    def not_recorded(self, reason: str) -> None:
        """A person's movement was refused."""
        self._movement_errors.labels(reason).inc()

    def viewed(self, product_id: int, views: int) -> None:
        """A product was viewed."""
        self._views.counts.add(product_id, views)

    def not_viewed(self) -> None:
        """A view was for no product."""
        self._view_errors.inc()

    def drifting(self, items: int) -> None:
        """The ledger was proved, or not."""
        self._drift.set(items)
        self._drift_checked.set_to_current_time()


class Metrics:
    """All groups, in one registry that `/metrics` renders."""

    def __init__(
        self,
        methods: Mapping[str, Iterable[str]] | None = None,
        *,
        limited: Iterable[tuple[str, str]] = (),
    ) -> None:
        """`methods` as in `CallMetrics`, `limited` as in `RateLimitMetrics`."""
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
        self.rate_limit = RateLimitMetrics(self.registry, limited)
        self.catalog = CatalogMetrics(self.registry)
        self.stock = StockMetrics(self.registry)
        self.errors = ErrorMetrics(self.registry)
        self.dependencies = DependencyMetrics(self.registry)
        self.load = LoadMetrics(self.registry)
        self.bus = BusMetrics(self.registry)
        self.search = SearchMetrics(self.registry)
        self.queue = QueueMetrics(self.registry)
        self.inventory = InventoryMetrics(self.registry)
        self.schema = SchemaMetrics(self.registry)
        self.maintenance = MaintenanceMetrics(self.registry)
        self.runtime = RuntimeMetrics(self.registry)
        self.workers = WorkerMetrics(self.registry)
        self.certificate = CertificateMetrics(self.registry)
