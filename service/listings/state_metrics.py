"""Families about how things stand, beside those of `metrics.py` about what happened.

What the service depends on, what lies in its tables, how its process runs, what it does by itself:
written by loops and watchers (`runtime.py`, `usecases/observation.py`, `health.py`), never by a call.
`metrics.Metrics` holds one of each; as there, documented label sets exist from the start.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
PAUSE_BUCKETS: Final = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1)
JOB_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 60, 300, 3600)
WORK_BUCKETS: Final = (0.01, 0.1, 0.5, 1, 5, 10, 30, 60)
SEARCH_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

OTHER: Final = "other"


def cumulative(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Prometheus buckets: each counts everything up to its bound."""
    return [
        (floatToGoString(bound), float(below))  # type: ignore[no-untyped-call] # missing in its stubs
        for bound, below in zip((*bounds, float("inf")), accumulate(counts), strict=True)
    ]


class Distribution:
    """A histogram of plain numbers, for one writing thread: no lock to pay for or to deadlock on."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """The counts as Prometheus wants them."""
        return cumulative(self._bounds, self._counts)


class ErrorMetrics:
    """Failures that nobody foresaw, by the part they happened in and their class."""

    COMPONENTS: Final = ("grpc", "rest", "health", "maintenance")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._errors = Counter(
            "listings_errors",
            "Unforeseen failures; each stands in the log.",
            ["component", "error_type"],
            registry=registry,
        )
        for component in self.COMPONENTS:
            self._errors.labels(component, "Exception")

    def happened(self, component: str, error: BaseException) -> None:
        """Something went wrong that has no answer of its own."""
        self._errors.labels(component, type(error).__name__).inc()


class DependencyMetrics:
    """What the service depends on, and whether it takes calls."""

    DEPENDENCIES: Final = ("database", "redis")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            "listings_dependency_up",
            "1 while a dependency answers its check; a Redis that is not configured counts as up.",
            ["dependency"],
            registry=registry,
        )
        self._seconds = Histogram(
            "listings_dependency_check_duration_seconds",
            "Time of a check.",
            ["dependency"],
            buckets=SEARCH_BUCKETS,
            registry=registry,
        )
        self._ready = Gauge("listings_ready", "1 while calls should be sent here.", registry=registry)
        for dependency in self.DEPENDENCIES:
            self._up.labels(dependency).set(1)
            self._seconds.labels(dependency)

    def checked(self, dependency: str, seconds: float, *, up: bool) -> None:
        """A dependency answered, or did not."""
        self._up.labels(dependency).set(up)
        self._seconds.labels(dependency).observe(seconds)

    def ready_from(self, read: Callable[[], bool]) -> None:
        """Ask this at each scrape whether calls should be sent here."""
        self._ready.set_function(lambda: float(read()))


class LoadMetrics(Collector):
    """How many calls wait, how many may, and what was refused for it. Plain numbers: calls write them."""

    EDGES: Final = ("grpc", "rest")

    def __init__(self, registry: CollectorRegistry) -> None:
        self.shed = dict.fromkeys(self.EDGES, 0)
        self.most = 0
        self._waiting: Callable[[], int] = lambda: 0
        registry.register(self)

    def waiting_from(self, read: Callable[[], int]) -> None:
        """Ask this at each scrape how many calls wait."""
        self._waiting = read

    def collect(self) -> Iterator[Metric]:
        """The families as they are now; called by each scrape."""
        shed = CounterMetricFamily(
            "listings_calls_shed", "Calls refused because too many waited.", labels=["edge"]
        )
        for edge, count in self.shed.items():
            shed.add_metric([edge], count)
        yield shed
        yield GaugeMetricFamily("listings_calls_waiting", "Calls that wait for an answer.", self._waiting())
        yield GaugeMetricFamily("listings_calls_waiting_max", "Calls that may wait at once.", self.most)


class BusMetrics:
    """What carries invalidations between processes: Redis, and PostgreSQL where there is none or it is away."""

    SERVERS: Final = ("redis", "postgres")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            "listings_cache_server_up",
            "1 while this process hears what others change through this server; only servers in use have a series.",
            ["server"],
            registry=registry,
        )
        self._errors = Counter(
            "listings_cache_errors",
            "Operations on that server that failed.",
            ["server", "operation"],
            registry=registry,
        )
        self._messages = Counter(
            "listings_cache_messages",
            "Messages about changes, sent and received.",
            ["direction"],
            registry=registry,
        )
        self._lost = Counter(
            "listings_cache_messages_lost",
            "Messages about changes that no server took.",
            registry=registry,
        )
        for direction in ("sent", "received"):
            self._messages.labels(direction)
        for server in self.SERVERS:
            for operation in ("publish", "listen"):
                self._errors.labels(server, operation)

    def connected(self, server: str, *, up: bool) -> None:
        """The subscription stands, or is lost."""
        self._up.labels(server).set(up)

    def failed(self, server: str, operation: str) -> None:
        """Publishing or listening failed."""
        self._errors.labels(server, operation).inc()

    def sent(self) -> None:
        """A message was handed over."""
        self._messages.labels("sent").inc()

    def lost(self) -> None:
        """No server took a message: what others keep is stale until its time to live ends."""
        self._lost.inc()

    def received(self) -> None:
        """Another process's message arrived."""
        self._messages.labels("received").inc()


class SearchMetrics:
    """Searches that reached the index; answers kept in the cache do not."""

    OUTCOMES: Final = ("found", "nothing", "failed")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._queries = Counter(
            "listings_search_queries",
            "Questions to the index, by what came of them.",
            ["outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "listings_search_duration_seconds",
            "Time of a question to the index.",
            buckets=SEARCH_BUCKETS,
            registry=registry,
        )
        self._degraded = Gauge(
            "listings_search_degraded",
            "1 when the index works without something it could use, as /health says.",
            registry=registry,
        )
        for outcome in self.OUTCOMES:
            self._queries.labels(outcome)

    def asked(self, outcome: str, seconds: float) -> None:
        """The index answered, or failed."""
        self._queries.labels(outcome).inc()
        self._seconds.observe(seconds)

    def degraded(self, *, is_degraded: bool) -> None:
        """Whether the index lacks something."""
        self._degraded.set(is_degraded)


class QueueMetrics:
    """The queue of listings whose search document is out of date."""

    OPERATIONS: Final = ("index", "update", "delete")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._size = Gauge("listings_indexing_queue_size", "Rows that wait.", registry=registry)
        self._failed = Gauge("listings_indexing_queue_failed", "Rows given up.", registry=registry)
        self._oldest = Gauge(
            "listings_indexing_queue_oldest_seconds", "Age of the row that waits longest.", registry=registry
        )
        self._processed = Counter(
            "listings_indexing_jobs_processed",
            "Rows that whoever builds the index has finished.",
            ["operation", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "listings_indexing_job_duration_seconds",
            "Time from a change of a listing to the end of its row.",
            buckets=JOB_BUCKETS,
            registry=registry,
        )
        for operation in self.OPERATIONS:
            for status in ("success", "failed"):
                self._processed.labels(operation, status)

    def stands(self, *, waiting: int, failed: int, oldest_seconds: float) -> None:
        """How the queue is now."""
        self._size.set(waiting)
        self._failed.set(failed)
        self._oldest.set(oldest_seconds)

    def processed(self, operation: str, seconds: float, *, failed: bool) -> None:
        """A row was finished; `failed` when an attempt had failed and was not repeated until now."""
        self._processed.labels(operation, "failed" if failed else "success").inc()
        self._seconds.observe(seconds)


class InventoryMetrics:
    """How much there is; read from the tables now and then, so equal in every process."""

    STATUSES: Final = ("draft", "active", "inactive", "sold", "archived")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._active = Gauge(
            "listings_active_total", "Listings that everybody may see, at the last count.", registry=registry
        )
        self._by_status = Gauge(
            "listings_by_status", "Undeleted listings, at the last count.", ["status"], registry=registry
        )
        self._out = Gauge(
            "listings_inventory_out_of_stock_products", "Products with nothing left.", registry=registry
        )
        self._low = Counter(
            "listings_inventory_stock_low_threshold_reached",
            "Times that sales took an item to its threshold or below; the first few items by id.",
            ["product_id", "storefront_id"],
            registry=registry,
        )
        self._value = Gauge(
            "listings_inventory_stock_value",
            "Price times quantity of the most valuable products; `other` is the rest.",
            ["storefront_id", "product_id"],
            registry=registry,
        )
        self._low_known: set[tuple[str, str]] = set()
        for status in self.STATUSES:
            self._by_status.labels(status)
        self._low.labels(OTHER, OTHER)
        self._value.labels(OTHER, OTHER)

    # Items with labels of their own; ids are without bound, series are not.
    MOST_ITEMS: Final = 20

    def counted(self, by_status: Mapping[str, int], *, out_of_stock: int) -> None:
        """How many listings there are by status."""
        for status in {*self.STATUSES, *by_status}:
            self._by_status.labels(status).set(by_status.get(status, 0))
        self._active.set(by_status.get("active", 0))
        self._out.set(out_of_stock)

    def valued(self, most: Iterable[tuple[int, int, float]], rest: float) -> None:
        """Storefront, product and value of the most valuable products, and the sum of all others."""
        self._value.clear()
        for storefront_id, product_id, value in most:
            self._value.labels(str(storefront_id), str(product_id)).set(value)
        self._value.labels(OTHER, OTHER).set(rest)

    def low(self, product_id: int, storefront_id: int) -> None:
        """An item was sold down to its threshold."""
        place = (str(product_id), str(storefront_id))
        if place not in self._low_known:
            if len(self._low_known) >= self.MOST_ITEMS:
                place = (OTHER, OTHER)
            else:
                self._low_known.add(place)
        self._low.labels(*place).inc()


class SchemaMetrics:
    """Which version the database has, and which this release is written for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._version = Gauge(
            "listings_migration_version", "Version of the database's schema; 0 for none.", registry=registry
        )
        self._expected = Gauge(
            "listings_migration_expected_version", "Latest version of this release.", registry=registry
        )
        self._dirty = Gauge(
            "listings_migration_dirty", "1 while a migration runs or after one failed.", registry=registry
        )

    def expects(self, version: int) -> None:
        """What this release is written for."""
        self._expected.set(version)

    def found(self, version: int, *, dirty: bool) -> None:
        """What the database says."""
        self._version.set(version)
        self._dirty.set(dirty)


class MaintenanceMetrics:
    """What the service does by itself, by name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Counter(
            "listings_maintenance_runs", "Rounds ended.", ["work", "result"], registry=registry
        )
        self._seconds = Histogram(
            "listings_maintenance_duration_seconds",
            "Time of a round.",
            ["work"],
            buckets=WORK_BUCKETS,
            registry=registry,
        )
        self._succeeded = Gauge(
            "listings_maintenance_last_success_timestamp_seconds",
            "When a round last succeeded; the start of the process until then.",
            ["work"],
            registry=registry,
        )
        self._interval = Gauge(
            "listings_maintenance_interval_seconds", "Pause between rounds.", ["work"], registry=registry
        )

    def planned(self, work: str, interval_seconds: float) -> None:
        """Work is repeated from now on."""
        for result in ("done", "failed"):
            self._runs.labels(work, result)
        self._seconds.labels(work)
        self._interval.labels(work).set(interval_seconds)
        self._succeeded.labels(work).set_to_current_time()

    def ended(self, work: str, seconds: float, *, failed: bool) -> None:
        """A round ended."""
        self._runs.labels(work, "failed" if failed else "done").inc()
        self._seconds.labels(work).observe(seconds)
        if not failed:
            self._succeeded.labels(work).set_to_current_time()


class WorkerMetrics:
    """The worker processes of a supervisor; zeros in a process that serves gRPC itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._workers = Gauge(
            "listings_workers",
            "Worker processes that should serve, and that do; 0 where LISTINGS_WORKERS is 1.",
            ["state"],
            registry=registry,
        )
        self._restarts = Counter(
            "listings_worker_restarts", "Workers started again because they had died.", registry=registry
        )
        self.count(wanted=0, serving=0)

    def count(self, *, wanted: int, serving: int) -> None:
        """So many workers should serve, and so many do."""
        self._workers.labels("wanted").set(wanted)
        self._workers.labels("serving").set(serving)

    def restarted(self) -> None:
        """A worker that had died is started again."""
        self._restarts.inc()


class CertificateMetrics:
    """The certificate for TLS; zero in a process that speaks none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._expiry = Gauge(
            "listings_tls_certificate_expiry_timestamp_seconds",
            "When the certificate in use, or the first of its chain, expires; 0 without TLS.",
            registry=registry,
        )

    def watch(self, expires: Callable[[], float]) -> None:
        """Each scrape asks `expires`, in seconds since 1970: a replaced file counts though nobody connects."""
        self._expiry.set_function(expires)


class RuntimeMetrics(Collector):
    """The process: event loop, garbage collector, what its container allows it.

    Plain numbers: the garbage collector may run while any lock is held.
    """

    GENERATIONS: Final = 3

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Distribution(LAG_BUCKETS)
        self.pauses = [Distribution(PAUSE_BUCKETS) for _ in range(self.GENERATIONS)]
        self.tasks = 0
        # Asked by each scrape: a container may be resized while it runs.
        self.memory_limit: Callable[[], float] = float
        self.cpu_limit: Callable[[], float] = float
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The families as they are now; called by each scrape."""
        lag = HistogramMetricFamily(
            "listings_event_loop_lag_seconds", "How much later than asked the event loop woke a task."
        )
        lag.add_metric([], self.lag.buckets(), self.lag.sum)
        pauses = HistogramMetricFamily(
            "listings_gc_pause_duration_seconds",
            "How long the garbage collector stopped everything.",
            labels=["generation"],
        )
        paused = CounterMetricFamily("listings_gc_pause_seconds", "Time spent in such pauses.")
        for generation, distribution in enumerate(self.pauses):
            pauses.add_metric([str(generation)], distribution.buckets(), distribution.sum)
        paused.add_metric([], sum(distribution.sum for distribution in self.pauses))
        yield from (lag, pauses, paused)
        yield GaugeMetricFamily("listings_tasks", "Tasks of the event loop.", self.tasks)
        yield GaugeMetricFamily(
            "listings_memory_limit_bytes",
            "Memory its container allows; 0: no limit.",
            self.memory_limit(),
        )
        yield GaugeMetricFamily(
            "listings_cpu_limit_cores", "Cores its container allows; 0: no limit.", self.cpu_limit()
        )
