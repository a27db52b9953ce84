"""Every metric of the operator: name, help and labels in one place, in one registry that `/metrics` renders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

import listings_operator

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_CALL_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


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
            ["namespace", "name", "phase"],
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

    def in_phase(self, namespace: str, name: str, phase: str) -> None:
        """A resource is in this phase and no other."""
        self.gone(namespace, name)
        self._phases[namespace, name] = phase
        self._phase.labels(namespace, name, phase).set(1)

    def gone(self, namespace: str, name: str) -> None:
        """A resource is no more."""
        phase = self._phases.pop((namespace, name), None)
        if phase is not None:
            self._phase.remove(namespace, name, phase)


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

    def gauge_from(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge whose value is read at scrape time."""
        Gauge(name, text, registry=self.registry).set_function(read)
