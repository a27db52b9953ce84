"""What the process tells about itself: limits of its control groups, lag, pauses, late calls, exemplars."""

from __future__ import annotations

import asyncio
import gc

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from listings.metrics import CallMetrics, Metrics
from listings.runtime import LOOK_SECONDS, cpu_limit, memory_limit, watched


@pytest.fixture
def groups(tmp_path):
    """Lay out control groups: own(text of /proc/self/cgroup, {file: text}) gives the arguments of both readers."""

    def lay(own: str, files: dict[str, str]):
        for name, text in files.items():
            (tmp_path / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "sys" / name).write_text(text)
        (tmp_path / "own").write_text(own)
        return tmp_path / "sys", tmp_path / "own"

    return lay


V2 = "0::/kubepods/pod7/box\n"


@pytest.mark.parametrize(
    ("own", "files", "memory", "cores"),
    [
        (V2, {}, 0, 0),
        (V2, {"kubepods/pod7/box/memory.max": "max\n", "kubepods/pod7/box/cpu.max": "max 100000\n"}, 0, 0),
        (
            V2,
            {"kubepods/pod7/box/memory.max": "1048576\n", "kubepods/pod7/box/cpu.max": "50000 100000\n"},
            1048576,
            0.5,
        ),
        (V2, {"kubepods/pod7/box/memory.max": "max\n", "kubepods/pod7/memory.max": "2048\n"}, 2048, 0),
        ("0::/\n", {"memory.max": "4096\n", "cpu.max": "200000 100000\n"}, 4096, 2),
        (
            "4:memory:/box\n3:cpu,cpuacct:/box\n",
            {
                "memory/box/memory.limit_in_bytes": "1024\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
                "cpu/box/cpu.cfs_quota_us": "150000\n",
                "cpu/box/cpu.cfs_period_us": "100000\n",
            },
            1024,
            1.5,
        ),
        ("3:cpu,cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0, 0),
    ],
)
def test_the_tightest_limit_of_all_groups_counts(groups, own, files, memory, cores):
    places = groups(own, files)
    assert (memory_limit(*places), cpu_limit(*places)) == (memory, cores)


def test_a_machine_without_control_groups_has_no_limit(tmp_path):
    assert memory_limit(tmp_path, tmp_path / "none") == cpu_limit(tmp_path, tmp_path / "none") == 0


async def test_a_container_that_is_resized_has_its_new_limits_on_the_next_page(groups):
    memory, cores = "kubepods/pod7/box/memory.max", "kubepods/pod7/box/cpu.max"
    places = groups(V2, {memory: "2048\n", cores: "50000 100000\n"})
    metrics = Metrics()

    def limits():
        sample = metrics.registry.get_sample_value
        return sample("listings_memory_limit_bytes"), sample("listings_cpu_limit_cores")

    assert limits() == (0, 0)
    async with watched(metrics.runtime, *places):
        assert limits() == (2048, 0.5)
        groups(V2, {memory: "4096\n", cores: "max 100000\n"})
        assert limits() == (4096, 0)


async def test_a_stalled_loop_and_a_collection_are_seen():
    metrics = Metrics()
    sample = metrics.registry.get_sample_value
    async with watched(metrics.runtime):
        await asyncio.sleep(0)  # the look begins its wait
        loop = asyncio.get_running_loop()
        until = loop.time() + 3 * LOOK_SECONDS
        while loop.time() < until:
            pass  # what a handler must never do
        gc.collect()
        while not sample("listings_event_loop_lag_seconds_count"):
            await asyncio.sleep(0)
    assert (sample("listings_event_loop_lag_seconds_sum") or 0) > LOOK_SECONDS
    assert (sample("listings_gc_pause_duration_seconds_count", {"generation": "2"}) or 0) >= 1
    assert (sample("listings_tasks") or 0) >= 1
    before = len(gc.callbacks)
    async with watched(metrics.runtime):
        assert len(gc.callbacks) == before + 1
    assert len(gc.callbacks) == before


METHOD = "/listings.v1.ListingsService/GetListing"


def test_a_call_that_nearly_ran_out_of_time_is_counted_and_one_that_did_is_not():
    registry = CollectorRegistry()
    numbers = CallMetrics(registry, {METHOD: ("OK", "DEADLINE_EXCEEDED")}).of(METHOD)
    for status, seconds in (("OK", 0.79), ("OK", 0.81), ("DEADLINE_EXCEEDED", 1.0)):
        numbers.began()
        numbers.ended(status, seconds, 1.0)
    labels = {"method": METHOD}
    assert registry.get_sample_value("listings_near_timeouts_total", labels) == 1
    assert registry.get_sample_value("listings_timeouts_total", labels) == 1
    assert registry.get_sample_value("listings_timeout_duration_seconds_sum", labels) == 1.0


def test_sampled_traces_are_exemplars_in_openmetrics():
    registry = CollectorRegistry()
    numbers = CallMetrics(registry, {METHOD: ("OK",)}).of(METHOD)
    traces = iter(["4bf92f3577b34da6a3ce929d0e0e4736", ""])
    numbers.trace = lambda: next(traces)
    for seconds in (0.003, 0.3):
        numbers.began()
        numbers.ended("OK", seconds, 30)
    page = generate_latest(registry).decode()
    [line] = [line for line in page.splitlines() if " # {" in line]
    assert 'le="0.005"' in line
    assert 'trace_id="4bf92f3577b34da6a3ce929d0e0e4736"' in line


def test_label_values_with_quotes_and_newlines_stay_one_line():
    metrics = Metrics()
    metrics.http.began()
    metrics.http.ended("GET", 'a"b\nc\\d', 200, 0.1)
    page = generate_latest(metrics.registry).decode()
    assert 'path="a\\"b\\nc\\\\d"' in page
