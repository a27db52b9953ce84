"""A process takes as many calls as it can answer in time, refuses the rest at once, and stays visible."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager

import asyncpg
import grpc
import httpx
import pytest
from google.protobuf.empty_pb2 import Empty
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from providers.catalog import add_listing

from listings.v1 import listings_pb2 as pb

MOST = 3


@asynccontextmanager
async def _full(service, listing_id):
    """As many calls as may wait, waiting for a lock; they must succeed once it is gone."""
    holder = await asyncpg.connect(service.dsn)
    waiting = []
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM listings WHERE id = $1 FOR UPDATE", listing_id)
            change = pb.UpdateListingRequest(id=listing_id, user_id=7, title="Changed title")
            waiting = [
                asyncio.ensure_future(_answer(service.stub.UpdateListing(change))) for _ in range(MOST)
            ]
            async with asyncio.timeout(20):
                while service.app.metrics.registry.get_sample_value("listings_calls_waiting") != MOST:
                    await asyncio.sleep(0.005)
            yield
        await asyncio.gather(*waiting)
    finally:
        await holder.close()


async def _answer(call):
    return await call


@pytest.fixture
async def full(start_service):
    async with start_service(server={"max_concurrent_calls": MOST}) as service:
        listing_id = await add_listing(service.connections)
        cached = await service.stub.GetAllCategories(Empty())
        async with _full(service, listing_id):
            yield service, listing_id, cached


async def test_a_call_too_many_is_refused_at_once_with_a_time_to_come_back(full):
    service, listing_id, _ = full
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.stub.GetListing(pb.GetListingRequest(id=listing_id), timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    details = {detail.TypeName(): detail for detail in rpc_status.from_call(refused.value).details}
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    details["google.rpc.ErrorInfo"].Unpack(info)
    details["google.rpc.RetryInfo"].Unpack(retry)
    assert info.reason == "OVERLOADED"
    assert 500 <= retry.retry_delay.ToMilliseconds() <= 1500
    assert service.app.metrics.registry.get_sample_value("listings_calls_shed_total", {"edge": "grpc"}) == 1


async def test_rest_shares_the_bound(full):
    service, listing_id, _ = full
    async with httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{service.app.http_port}") as http:
        refused = await http.get(f"/api/v1/listings/{listing_id}")
    assert refused.status_code == 503
    assert refused.json()["reason"] == "OVERLOADED"
    assert refused.headers["Retry-After"] in {"1", "2"}
    assert service.app.metrics.registry.get_sample_value("listings_calls_shed_total", {"edge": "rest"}) == 1


async def test_health_metrics_and_answers_at_hand_are_given_all_the_same(full):
    service, _, cached = full
    health = health_pb2_grpc.HealthStub(service.channel)
    answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=20)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    async with httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{service.app.http_port}") as http:
        assert (await http.get("/health/ready")).status_code == 200
        assert "listings_calls_waiting 3.0" in (await http.get("/metrics")).text
    assert await service.stub.GetAllCategories(Empty()) == cached


async def test_what_was_refused_is_answered_when_there_is_room_again(start_service):
    async with start_service(server={"max_concurrent_calls": MOST}) as service:
        listing_id = await add_listing(service.connections)
        async with _full(service, listing_id):
            with pytest.raises(grpc.aio.AioRpcError):
                await service.stub.GetListing(pb.GetListingRequest(id=listing_id), timeout=20)
        found = await service.stub.GetListing(pb.GetListingRequest(id=listing_id), timeout=20)
    assert found.listing.title == "Changed title"


async def test_refusing_leaves_nothing_for_the_garbage_collector(full):
    """Objects that hold each other wait for it, and a thousand refusals a second would have it stop everything."""
    service, listing_id, _ = full

    async def refused() -> None:
        with pytest.raises(grpc.aio.AioRpcError):
            await service.stub.GetListing(pb.GetListingRequest(id=listing_id), timeout=20)

    await refused()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(5):
            await refused()
        gc.collect()
        left = [type(each).__name__ for each in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert "_ServicerContext" not in left
    assert "Overloaded" not in left
