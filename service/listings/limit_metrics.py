"""Families about the rate limiter, beside those of `metrics.py`: what it decided, by what, and from which limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

REDIS_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)


class RateLimitMetrics(Collector):
    """Decisions of the rate limiter. Plain numbers, as in `MethodMetrics`: each limited call counts."""

    def __init__(self, registry: CollectorRegistry, limited: Iterable[tuple[str, str]] = ()) -> None:
        """`limited`: full method names, and by what their callers are told apart."""
        self._allowed = dict.fromkeys(limited, 0)
        self._rejected = dict.fromkeys(self._allowed, 0)
        self._per_minute = Gauge(
            "listings_rate_limit_per_minute",
            "Calls per minute that one caller may make, for methods that are limited now.",
            ["method"],
            registry=registry,
        )
        self._file_ok = Gauge(
            "listings_rate_limit_file_ok",
            "0 while the limits file cannot be used and the limits before hold on; 1 also where none is configured.",
            registry=registry,
        )
        self._file_ok.set(1)
        self.buckets = BucketMetrics(registry)
        registry.register(self)

    def judged(self, method: str, identifier_type: str, *, allowed: bool) -> None:
        """The limiter let a call through, or refused it."""
        key = (method, identifier_type)
        self._allowed[key] = self._allowed.get(key, 0) + allowed
        self._rejected[key] = self._rejected.get(key, 0) + (not allowed)

    def limits_are(self, per_minute: Mapping[str, int]) -> None:
        """These limits hold from now on, by full method name."""
        self._per_minute.clear()
        for method, calls in per_minute.items():
            self._per_minute.labels(method).set(calls)

    def file_read(self, *, usable: bool) -> None:
        """The limits file was looked at."""
        self._file_ok.set(usable)

    def collect(self) -> Iterator[Metric]:
        """The families as they are now; called by each scrape."""
        labels = ["method", "identifier_type"]
        allowed, rejected = dict(self._allowed), dict(self._rejected)  # copies: scrapes run in a thread
        hits = CounterMetricFamily("listings_rate_limit_hits", "Calls the limiter judged.", labels=labels)
        passed = CounterMetricFamily("listings_rate_limit_allowed", "Calls let through.", labels=labels)
        refused = CounterMetricFamily("listings_rate_limit_rejected", "Calls refused.", labels=labels)
        for key, count in allowed.items():
            hits.add_metric(key, count + rejected.get(key, 0))
            passed.add_metric(key, count)
            refused.add_metric(key, rejected.get(key, 0))
        yield from (hits, passed, refused)


class BucketMetrics(Collector):
    """What decided, and how Redis does."""

    DECIDED_BY: Final = ("process", "redis", "lease", "recent", "fallback")
    REASONS: Final = ("timeout", "connection", "answer")

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decided = dict.fromkeys(self.DECIDED_BY, 0)
        self._leased = Counter(
            "listings_rate_limit_leased_tokens",
            "Tokens taken from Redis ahead of their calls.",
            registry=registry,
        )
        self._seconds = Histogram(
            "listings_rate_limit_redis_duration_seconds",
            "Time of a script call, which judges all calls of one event-loop tick.",
            buckets=REDIS_BUCKETS,
            registry=registry,
        )
        self._errors = Counter(
            "listings_rate_limit_redis_errors",
            "Script calls that failed or took too long.",
            ["reason"],
            registry=registry,
        )
        self._kept = 0
        for reason in self.REASONS:
            self._errors.labels(reason)
        registry.register(self)

    def decided(self, by: str) -> None:
        """A call was judged by one of `DECIDED_BY`."""
        self._decided[by] += 1

    def leased(self, tokens: int) -> None:
        """More tokens were taken than there are calls waiting."""
        self._leased.inc(tokens)

    def asked(self, seconds: float) -> None:
        """Redis answered."""
        self._seconds.observe(seconds)

    def failed(self, reason: str) -> None:
        """Redis did not answer, for one of `REASONS`."""
        self._errors.labels(reason).inc()

    def kept(self, buckets: int) -> None:
        """So many buckets are remembered."""
        self._kept = buckets

    def collect(self) -> Iterator[Metric]:
        """The families as they are now; called by each scrape."""
        decisions = CounterMetricFamily(
            "listings_rate_limit_decisions",
            "Judgements by what made them: this process alone, Redis, tokens leased from it, its refusal a moment "
            "ago, or this process because Redis is away.",
            labels=["decided_by"],
        )
        for by, count in self._decided.items():
            decisions.add_metric([by], count)
        yield decisions
        yield GaugeMetricFamily(
            "listings_rate_limit_buckets", "Buckets that this process remembers.", self._kept
        )
