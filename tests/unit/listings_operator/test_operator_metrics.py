"""What `/metrics` shows of the operator."""

from __future__ import annotations

import asyncio

from listings_operator.metrics import Metrics
from listings_operator.queue import Key, WorkQueue
from listings_operator.watchdog import Watchdog

PLACE = {"resource_namespace": "market", "resource_name": "shop"}


def test_results_and_tasks_are_there_before_anything_happens():
    value = Metrics().registry.get_sample_value
    assert value("listings_operator_reconciles_total", {"result": "failed"}) == 0
    assert value("listings_operator_jobs_created_total", {"task": "migrate"}) == 0
    assert value("listings_operator_queue_oldest_seconds") == 0


def test_a_resource_is_in_one_phase_and_goes_without_a_trace():
    metrics = Metrics()
    value = metrics.registry.get_sample_value
    metrics.reconcile.in_phase("market", "shop", "Migrating", stalled=False)
    metrics.reconcile.in_phase("market", "shop", "Blocked", stalled=True)
    assert value("listings_operator_resource_phase", {**PLACE, "phase": "Blocked"}) == 1
    assert value("listings_operator_resource_phase", {**PLACE, "phase": "Migrating"}) is None
    assert value("listings_operator_resource_stalled", PLACE) == 1
    metrics.reconcile.gone("market", "shop")
    metrics.reconcile.gone("market", "never-seen")
    assert value("listings_operator_resource_phase", {**PLACE, "phase": "Blocked"}) is None
    assert value("listings_operator_resource_stalled", PLACE) is None


def test_looks_requests_jobs_and_drift_are_counted():
    metrics = Metrics()
    value = metrics.registry.get_sample_value
    metrics.reconcile.looked(0.2, failed=True)
    metrics.reconcile.looked(0.2, failed=False)
    metrics.reconcile.job_created("plan")
    metrics.reconcile.drift_corrected("Service")
    metrics.api.answered("GET", "Secret", 404, 0.01)
    assert value("listings_operator_reconciles_total", {"result": "failed"}) == 1
    assert value("listings_operator_reconcile_duration_seconds_count") == 2
    assert value("listings_operator_jobs_created_total", {"task": "plan"}) == 1
    assert value("listings_operator_drift_corrected_total", {"kind": "Service"}) == 1
    labels = {"verb": "GET", "kind": "Secret", "status": "404"}
    assert value("listings_operator_api_requests_total", labels) == 1


async def test_what_waits_is_read_when_it_is_asked_for():
    metrics, queue, watchdog = Metrics(), WorkQueue(), Watchdog(100, lambda: 7.0)
    metrics.loop.follow(queue, watchdog)
    value = metrics.registry.get_sample_value
    queue.add(Key("market", "shop"))
    assert value("listings_operator_queue_depth") == 1
    assert value("listings_operator_watch_silence_seconds") == 0
    assert value("listings_operator_longest_look_seconds") == 0
    tasks = value("listings_operator_tasks")
    another = asyncio.create_task(asyncio.Event().wait())
    assert value("listings_operator_tasks") == tasks + 1
    another.cancel()
