"""Several processes' metrics as one page: sums, rules, and what stays of a process that ended."""

from __future__ import annotations

import json

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar

from listings.metrics import Metrics
from listings.workers.merging import RULES, lasting, merged, told, understood


class Page:
    """Something that an encoder takes for a registry."""

    def __init__(self, families) -> None:
        self._families = families

    def collect(self):
        return self._families


def process(calls: int, active: int, version: int, ready: int, route: str = "a") -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("listings_grpc_requests", "Calls.", ["method"], registry=registry).labels(route).inc(calls)
    seconds = Histogram("listings_seconds", "Time.", ["method"], buckets=(1, 2), registry=registry)
    for _ in range(calls):
        seconds.labels(route).observe(1.5)
    Gauge("listings_tasks", "Tasks.", registry=registry).set(active)
    Gauge("listings_migration_version", "Version.", registry=registry).set(version)
    Gauge("listings_ready", "Ready.", registry=registry).set(ready)
    return registry


def values(families) -> dict[tuple[str, str], float]:
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_happened_adds_up_and_how_things_stand_follows_its_rule():
    one, other = process(3, 5, 0, 1), process(4, 7, 42, 0)
    found = values(merged([one.collect(), other.collect()]))
    assert found["listings_grpc_requests_total", "a"] == 7
    assert found["listings_seconds_bucket", "a,1.0"] == 0
    assert found["listings_seconds_bucket", "a,2.0"] == 7
    assert found["listings_seconds_count", "a"] == 7
    assert found["listings_seconds_sum", "a"] == 10.5
    assert found["listings_tasks", ""] == 12
    assert found["listings_migration_version", ""] == 42
    assert found["listings_ready", ""] == 0


def test_a_page_of_different_series_is_valid_openmetrics():
    page = Page(merged([process(3, 5, 0, 1, "a").collect(), process(4, 7, 42, 0, "b").collect()]))
    found = values(text_string_to_metric_families(generate_latest(page).decode()))
    assert found["listings_seconds_count", "a"] == 3
    assert found["listings_seconds_count", "b"] == 4


def test_what_a_process_did_stays_when_it_has_ended_and_its_state_goes():
    past = lasting(merged([process(3, 5, 9, 1).collect(), process(4, 7, 42, 0).collect()]))
    found = values(merged([process(1, 1, 7, 1).collect(), past]))
    assert found["listings_grpc_requests_total", "a"] == 8
    assert found["listings_tasks", ""] == 1
    assert found["listings_migration_version", ""] == 7


def test_of_exemplars_the_youngest_stays_on_the_way_through_text():
    def part(trace: str, at: float):
        family = HistogramMetricFamily("listings_h", "Time.")
        family.add_metric(
            [], [("1.0", 1, Exemplar({"trace_id": trace}, 0.5, at)), ("+Inf", 1)], sum_value=0.5
        )
        return understood(json.loads(json.dumps(told([family]))))

    [family] = merged([part("young", 20.0), part("old", 10.0)])
    [example] = [sample.exemplar for sample in family.samples if sample.exemplar]
    assert example.labels == {"trace_id": "young"}


def test_every_gauge_of_the_service_has_a_rule():
    """A new gauge must say what several processes' values are together."""
    gauges = {family.name for family in Metrics().registry.collect() if family.type == "gauge"}
    assert gauges == set(RULES)
