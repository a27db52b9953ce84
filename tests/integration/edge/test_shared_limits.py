"""Token buckets in Redis: one limit for all processes, and what happens when Redis is slow, away or new."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest
import redis
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import given
from hypothesis import strategies as st

from listings.cache.redis_buckets import PREFIX, SCRIPT, RedisBuckets
from listings.domain.token_bucket import MINUTE, Rate, per_minute, take
from listings.metrics import Metrics
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENT = 20.0  # a busy machine must not look like a slow Redis


@asynccontextmanager
async def instance(url: str, *, wait_seconds: float = PATIENT, lease_percent: int = 0):
    """The buckets of one process, and its metrics' reader."""
    metrics = Metrics()
    buckets = RedisBuckets(
        url,
        metrics.rate_limit.buckets,
        wait_seconds=wait_seconds,
        lease_percent=lease_percent,
    )
    try:
        yield buckets, lambda name, **labels: metrics.registry.get_sample_value(name, labels) or 0
    finally:
        await buckets.close()


async def wait_of(buckets: RedisBuckets, key: str, rate: Rate) -> int:
    wait = buckets.take(key, rate)
    return wait if isinstance(wait, int) else await wait


async def admitted(buckets: RedisBuckets, key: str, rate: Rate, tries: int, *, at_once: int = 50) -> int:
    """Callers who ask one after the other, `at_once` of them beside each other."""
    count = 0

    async def caller(calls: int) -> None:
        nonlocal count
        for _ in range(calls):
            wait = await wait_of(buckets, key, rate)
            count += not wait

    await asyncio.gather(*(caller(tries // at_once) for _ in range(at_once)))
    return count


asked = st.tuples(
    st.one_of(
        st.just(0), st.integers(0, 2_000_000), st.integers(-MINUTE, 2 * MINUTE)
    ),  # Redis' clock goes on by
    st.integers(1, 600_000),  # the limit at that time
    st.integers(0, 500),  # tokens wanted
    st.one_of(st.just(0), st.integers(0, 2 * MINUTE)),  # what the asking process believes
)


@given(st.lists(asked, min_size=1, max_size=12))
def test_the_script_and_the_model_agree_on_any_history(redis_server, history):
    now, full_at = 1_764_000_000_000_000, 0
    # A clock of ours, and keys that do not end by Redis' own.
    with_our_clock = SCRIPT.replace("redis.call('TIME')", "{ARGV[5], ARGV[6]}")
    with_our_clock = with_our_clock.replace(", 'PX', math.ceil((full_at - now) / 1000)", "")
    assert not {"TIME", "PX"} & set(with_our_clock.split("'"))
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        for pause, limit, wanted, believed in history:
            now += pause
            rate = per_minute(limit)
            arguments = (rate.interval, rate.tokens, wanted, believed, *divmod(now, 1_000_000))
            answer = client.eval(with_our_clock, 1, "bucket", *arguments)
            granted, full_at = take(rate, max(full_at, now + believed), now, wanted)
            assert answer == [granted, full_at - now]


@pytest.mark.parametrize("lease_percent", [0, 5])
async def test_three_processes_admit_one_limit_together(redis_url, lease_percent):
    rate = per_minute(300)
    async with AsyncExitStack() as stack:
        started = time.monotonic()
        three = [
            (await stack.enter_async_context(instance(redis_url, lease_percent=lease_percent)))[0]
            for _ in range(3)
        ]
        counts = await asyncio.gather(*(admitted(each, "GetListing:192.0.2.1", rate, 1000) for each in three))
        came_back = (time.monotonic() - started) * 300 / 60
        leased = 3 * max(0, 300 * lease_percent // 100 - 1)
        assert 300 - leased <= sum(counts) <= 300 + came_back
        assert all(counts)


async def test_leases_spare_redis_most_calls_and_let_through_no_more_than_said(redis_url):
    rate = per_minute(1000)
    async with (
        instance(redis_url, lease_percent=5) as (buckets, metric),
        instance(redis_url, lease_percent=5) as (other, _),
    ):
        for _ in range(400):
            assert await wait_of(buckets, "key", rate) == 0
        asked = metric("listings_rate_limit_redis_duration_seconds_count")
        assert asked == 400 / 50
        assert metric("listings_rate_limit_decisions_total", decided_by="lease") == 400 - asked
        assert metric("listings_rate_limit_leased_tokens_total") == 400 - asked
        # The bound: what a process holds when the bucket is full again. 49 here, and whoever empties the bucket
        # finds none of them in it.
        assert await wait_of(buckets, "key", rate) == 0
        with redis.Redis.from_url(redis_url) as client:
            client.delete(PREFIX + "key")  # as after a minute
        held = [await wait_of(buckets, "key", rate) for _ in range(49)]
        assert held == [0] * 49
        assert metric("listings_rate_limit_redis_duration_seconds_count") == asked + 1
        assert 1000 <= await admitted(other, "key", rate, 2000) <= 1000 + 100


async def test_calls_of_one_tick_travel_together(redis_url):
    async with instance(redis_url) as (buckets, metric):
        await asyncio.gather(*(wait_of(buckets, f"key {n % 20}", per_minute(200)) for n in range(200)))
        assert metric("listings_rate_limit_redis_duration_seconds_count") == 1
        assert metric("listings_rate_limit_decisions_total", decided_by="redis") == 200


async def test_who_is_refused_is_refused_again_without_asking(redis_url):
    rate = per_minute(1)
    async with instance(redis_url) as (buckets, metric):
        assert await wait_of(buckets, "key", rate) == 0
        waits = [await wait_of(buckets, "key", rate) for _ in range(100)]
        assert all(0 < wait <= MINUTE for wait in waits)
        assert metric("listings_rate_limit_decisions_total", decided_by="recent") == 99


async def test_keys_carry_our_prefix_and_are_gone_when_their_bucket_is_full(redis_url):
    async with instance(redis_url) as (buckets, _):
        await admitted(buckets, "GetListing:192.0.2.1", per_minute(60), 50)
        slow = f"{PREFIX}GetListing:192.0.2.1".encode()
        with redis.Redis.from_url(redis_url) as client:
            assert client.keys() == [slow]
            assert 0 < client.pttl(slow) <= 50_000
            assert await admitted(buckets, "ListListings:192.0.2.1", per_minute(60_000), 500) == 500
            async with asyncio.timeout(20):
                while client.keys() != [slow]:  # the other is full again in half a second
                    await asyncio.sleep(0.05)


async def test_a_flushed_redis_learns_the_script_again_and_what_was_taken(redis_url):
    rate = per_minute(60)
    async with instance(redis_url) as (buckets, metric):
        assert await admitted(buckets, "key", rate, 50) == 50
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
            client.script_flush()
        assert (
            10 <= await admitted(buckets, "key", rate, 50) <= 40
        )  # what is left, and seconds of a slow machine
        assert metric("listings_rate_limit_redis_errors_total", reason="answer") == 0


async def test_a_connection_that_redis_closed_is_made_again_and_nobody_notices(redis_url):
    rate = per_minute(60)
    async with instance(redis_url) as (buckets, metric):
        assert await admitted(buckets, "key", rate, 50) == 50
        with redis.Redis.from_url(redis_url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        assert 10 <= await admitted(buckets, "key", rate, 50) <= 40
        assert metric("listings_rate_limit_decisions_total", decided_by="fallback") == 0


async def test_while_redis_is_away_each_process_goes_on_from_what_it_knew(redis_process):
    server = redis_process()
    rate = per_minute(60)
    async with instance(server.url) as (buckets, metric):
        assert await admitted(buckets, "key", rate, 50) == 50
        server.crash()
        started = time.monotonic()
        more = await admitted(buckets, "key", rate, 100)
        assert 10 <= more <= 10 + (time.monotonic() - started + 5)
        assert metric("listings_rate_limit_decisions_total", decided_by="fallback") > 0
        assert metric("listings_rate_limit_redis_errors_total", reason="connection") > 0
        server.start()
        async with asyncio.timeout(20):
            while buckets._returning is not None:
                await asyncio.sleep(0.01)
        assert await admitted(buckets, "key", rate, 100) <= time.monotonic() - started + 1


async def test_a_redis_that_stands_still_costs_one_wait_and_its_late_answer_confuses_nobody(redis_process):
    server = redis_process()
    with redis.Redis.from_url(server.url) as client:
        pid = int(client.info("server")["process_id"])
    async with instance(server.url, wait_seconds=0.3) as (buckets, metric):
        assert await wait_of(buckets, "a", per_minute(200)) == 0
        os.kill(pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            for number in range(200):
                assert await wait_of(buckets, f"key {number}", per_minute(200)) == 0
            assert time.monotonic() - started < 200 * 0.3 / 4
            assert metric("listings_rate_limit_redis_errors_total", reason="timeout") > 0
        finally:
            os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(20):
            while buckets._returning is not None:
                await asyncio.sleep(0.01)
        assert await wait_of(buckets, "b", per_minute(1)) == 0
        assert 50_000_000 < await wait_of(buckets, "b", per_minute(1)) <= MINUTE


async def test_a_process_starts_and_serves_without_its_redis(redis_process):
    server = redis_process()
    server.crash()
    async with instance(server.url) as (buckets, _):
        assert await admitted(buckets, "key", per_minute(60), 100) >= 60


@pytest.fixture
async def two_services(start_service, redis_url) -> AsyncIterator[list[Any]]:
    shared = {
        "redis": {"url": redis_url},
        "rate_limit": {
            "unlimited_networks": [],
            "trusted_proxies": ["127.0.0.0/8"],
            "redis_wait_seconds": 5,
        },
    }
    async with start_service(**shared) as one, start_service(**shared) as other:
        yield [one, other]


async def test_both_edges_of_two_services_share_a_limit_and_agree_when_to_come_back(two_services):
    one, other = two_services
    caller = {"x-forwarded-for": "203.0.113.9"}
    statuses = []
    started = time.monotonic()
    async with httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{other.app.http_port}") as http:
        for _ in range(15):
            try:
                await one.stub.DeleteListing(
                    pb.DeleteListingRequest(id=1, user_id=7), metadata=list(caller.items())
                )
            except grpc.aio.AioRpcError as error:
                statuses.append(error.code().name)
            answer = await http.delete("/api/v1/listings/1?user_id=7", headers=caller)
            statuses.append(answer.status_code)
        let_in = sum(status in {"NOT_FOUND", 404} for status in statuses)
        assert 20 <= let_in <= 20 + (time.monotonic() - started) / 3 + 1
        while True:
            asked = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await one.stub.DeleteListing(
                    pb.DeleteListingRequest(id=1, user_id=7), metadata=list(caller.items())
                )
            answer = await http.delete("/api/v1/listings/1?user_id=7", headers=caller)
            if refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and answer.status_code == 429:
                break  # else a token came back just now
        retry = error_details_pb2.RetryInfo()
        details = rpc_status.from_call(refused.value).details
        assert any(detail.Unpack(retry) for detail in details if detail.Is(retry.DESCRIPTOR))
        after = int(answer.headers["retry-after"])
        between = time.monotonic() - asked
        assert 0 < retry.retry_delay.ToMilliseconds() <= 3000
        assert after - 1 <= retry.retry_delay.ToMilliseconds() / 1000 <= after + 1 + between


async def test_limits_change_while_calls_are_served(start_service, tmp_path, monkeypatch):
    monkeypatch.setattr("listings.transport.limits_file.LOOK_SECONDS", 0.05)
    path = tmp_path / "limits.toml"
    path.write_text('[per_minute]\nDeleteListing = "unlimited"')
    given = {"unlimited_networks": [], "file": path}
    async with start_service(rate_limit=given) as service:

        async def status() -> grpc.StatusCode:
            with pytest.raises(grpc.aio.AioRpcError) as answered:
                await service.stub.DeleteListing(pb.DeleteListingRequest(id=10**6, user_id=7))
            return answered.value.code()

        assert {await status() for _ in range(60)} == {grpc.StatusCode.NOT_FOUND}
        path.write_text("[per_minute]\nDeleteListing = 1")
        async with asyncio.timeout(20):
            while await status() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                pass
        path.write_text("[per_minute]\nDeleteListing = 600000")
        async with asyncio.timeout(20):
            while await status() is not grpc.StatusCode.NOT_FOUND:
                pass
