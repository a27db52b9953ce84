"""Every metric of the operator: name, help and labels in one place, in one registry that `/metrics` renders."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

import listings_operator

if TYPE_CHECKING:
    from listings_operator.queue import WorkQueue
    from listings_operator.watchdog import Watchdog

_LOOK_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_CALL_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Not `namespace` and `name`: Prometheus puts where the operator itself runs into the former.
_RESOURCE: Final = ["resource_namespace", "resource_name"]


class ApiMetrics:
    """Requests to the API server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "listings_operator_api_requests",
            "Requests to the Kubernetes API; status 0 when no answer came.",
            ["verb", "kind", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "listings_operator_api_request_duration_seconds",
            "Time until the API server's answer.",
            ["verb"],
            buckets=_CALL_BUCKETS,
            registry=registry,
        )

    def answered(self, verb: str, kind: str, status: int, seconds: float) -> None:
        """The API server answered, or did not."""
        self._requests.labels(verb, kind, str(status)).inc()
        self._seconds.labels(verb).observe(seconds)


class ReconcileMetrics:
    """Looks at resources and what they led to."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._looks = Counter(
            "listings_operator_reconciles",
            "Looks at a resource: done, or failed with an error that is tried again.",
            ["result"],
            registry=registry,
        )
        self._seconds = Histogram(
            "listings_operator_reconcile_duration_seconds",
            "Time of one look with everything it led to.",
            buckets=_LOOK_BUCKETS,
            registry=registry,
        )
        self._drift = Counter(
            "listings_operator_drift_corrected",
            "Objects that somebody had changed or deleted and that were put right.",
            ["kind"],
            registry=registry,
        )
        self._jobs = Counter("listings_operator_jobs_created", "Jobs created.", ["task"], registry=registry)
        self._phase = Gauge(
            "listings_operator_resource_phase",
            "1 for the phase that a resource is in.",
            [*_RESOURCE, "phase"],
            registry=registry,
        )
        self._stalled = Gauge(
            "listings_operator_resource_stalled",
            "1 while a resource waits for a person.",
            _RESOURCE,
            registry=registry,
        )
        self._phases: dict[tuple[str, str], str] = {}
        for result in ("done", "failed"):
            self._looks.labels(result)
        for task in ("plan", "migrate", "seed", "smoke"):
            self._jobs.labels(task)

    def looked(self, seconds: float, *, failed: bool) -> None:
        """A look ended."""
        self._looks.labels("failed" if failed else "done").inc()
        self._seconds.observe(seconds)

    def drift_corrected(self, kind: str) -> None:
        """An object was put right."""
        self._drift.labels(kind).inc()

    def job_created(self, task: str) -> None:
        """A Job was created."""
        self._jobs.labels(task).inc()

    def in_phase(self, namespace: str, name: str, phase: str, *, stalled: bool) -> None:
        """A resource is in this phase and no other."""
        self.gone(namespace, name)
        self._phases[namespace, name] = phase
        self._phase.labels(namespace, name, phase).set(1)
        self._stalled.labels(namespace, name).set(stalled)

    def gone(self, namespace: str, name: str) -> None:
        """A resource is no more."""
        phase = self._phases.pop((namespace, name), None)
        if phase is not None:
            self._phase.remove(namespace, name, phase)
            self._stalled.remove(namespace, name)


class LoopMetrics:
    """What waits and what is overdue; read at scrape time from whoever knows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"listings_operator_{name}", text, registry=registry)

        self._depth = gauge("queue_depth", "Resources waiting for a look.")
        self._oldest = gauge("queue_oldest_seconds", "How long the first resource in the queue has waited.")
        self._longest = gauge("longest_look_seconds", "How long the slowest look under way has taken so far.")
        self._silence = gauge(
            "watch_silence_seconds", "How long a watch has owed us the event of a change of our own."
        )
        self._tasks = gauge("tasks", "Tasks of the event loop.")

    def follow(self, queue: WorkQueue, watchdog: Watchdog) -> None:
        """Read these from now on."""
        self._depth.set_function(lambda: queue.depth)
        self._oldest.set_function(lambda: queue.oldest_wait_seconds)
        self._longest.set_function(lambda: queue.longest_look_seconds)
        self._silence.set_function(lambda: watchdog.silence)
        self._tasks.set_function(lambda: len(asyncio.all_tasks()))


class Metrics:
    """All groups."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        Gauge(
            "listings_operator_build_info", "The running version.", ["version"], registry=self.registry
        ).labels(listings_operator.__version__).set(1)
        self.api = ApiMetrics(self.registry)
        self.reconcile = ReconcileMetrics(self.registry)
        self.loop = LoopMetrics(self.registry)
