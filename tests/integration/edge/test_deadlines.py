"""No call takes longer than its method may, or than its caller wants to wait; what it began is undone."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import asyncpg
import grpc
import httpx
import pytest
from providers.catalog import add_category
from providers.sessions import COUNT_HELD_UP

from listings.transport.policy import POLICIES
from listings.v1 import listings_pb2 as pb

LATE = grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch):
    """Let UpdateListing take 200 ms at most, and 300 ms where limits are tight."""
    hasty = replace(POLICIES["UpdateListing"], timeout_default=0.2, timeout_tight=0.3)
    monkeypatch.setitem(POLICIES, "UpdateListing", hasty)


async def _listing(service) -> int:
    created = await service.stub.CreateListing(
        pb.CreateListingRequest(
            user_id=7,
            title="City bicycle",
            price=10,
            currency="EUR",
            category_id=await add_category(service.connections),
        )
    )
    return created.listing.id


@asynccontextmanager
async def _held(dsn: str, listing_id: int):
    """Lock a listing as a long transaction of somebody else would; yields how to wait until so many wait for it."""
    other, watcher = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        async with other.transaction():
            await other.execute("SELECT FROM listings WHERE id = $1 FOR UPDATE", listing_id)
            yield partial(_waiting, watcher)
    finally:
        await other.close()
        await watcher.close()


async def _waiting(watcher: asyncpg.Connection, count: int) -> None:
    """Return when so many statements of the database wait for a lock."""
    async with asyncio.timeout(20):
        while count != await watcher.fetchval(COUNT_HELD_UP):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("timeouts", "seconds"),
    [
        ({"preset": "default"}, "0.2"),
        ({"preset": "tight"}, "0.3"),
        ({"preset": "tight", "seconds": {"UpdateListing": 0.4}}, "0.4"),
    ],
)
async def test_a_call_ends_at_the_limit_of_its_method(patience, start_service, timeouts, seconds):
    async with start_service(timeouts=timeouts) as service:
        listing_id = await _listing(service)
        async with _held(service.dsn, listing_id):
            with pytest.raises(grpc.aio.AioRpcError) as late:
                await service.stub.UpdateListing(
                    pb.UpdateListingRequest(id=listing_id, user_id=7, title="Changed title")
                )

        assert late.value.code() is LATE
        assert late.value.details() == f"request timeout after {seconds}s (limit: {seconds}s)"
        shown = await service.stub.GetListing(pb.GetListingRequest(id=listing_id))
        assert shown.listing.title == "City bicycle"


async def test_a_shorter_deadline_of_the_caller_wins(service):
    listing_id = await _listing(service)
    await service.first_rounds()
    async with _held(service.dsn, listing_id) as waiting:
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await service.stub.UpdateListing(
                pb.UpdateListingRequest(id=listing_id, user_id=7, title="Changed title"), timeout=0.2
            )
        await waiting(0)  # the caller may know first

    assert late.value.code() is LATE
    shown = await service.stub.GetListing(pb.GetListingRequest(id=listing_id))
    assert shown.listing.title == "City bicycle"


async def test_rest_ends_at_the_same_limit(patience, start_service):
    async with (
        start_service() as service,
        httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{service.app.http_port}") as http,
    ):
        listing_id = await _listing(service)
        async with _held(service.dsn, listing_id):
            late = await http.put(
                f"/api/v1/listings/{listing_id}", json={"user_id": 7, "title": "Changed title"}
            )

    assert late.status_code == 504
    assert late.json()["error"] == "request timeout after 0.2s (limit: 0.2s)"


async def test_an_unforeseen_failure_is_told_by_the_token_that_clients_know(service, monkeypatch):
    async def fail(*_: object, **__: object):
        raise ZeroDivisionError

    monkeypatch.setattr(service.app.use_cases.products, "delete", fail)
    monkeypatch.setattr(service.app.use_cases.listings, "delete", fail)

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await service.stub.DeleteProduct(pb.DeleteProductRequest(product_id=1, storefront_id=1))
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    assert failed.value.details() == "products.delete_failed"

    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await service.stub.DeleteListing(pb.DeleteListingRequest(id=1, user_id=1))
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    assert failed.value.details().startswith("internal error, request id ")


# What waits while somebody holds a listing or the tables: writes, batches of stock and of views, shared reads.
_BLOCKED = {
    "UpdateListing": lambda listing_id: pb.UpdateListingRequest(
        id=listing_id, user_id=7, title="Changed title"
    ),
    "GetListing": lambda listing_id: pb.GetListingRequest(id=listing_id),
    "ListListings": lambda _: pb.ListListingsRequest(limit=10),
    "SearchListings": lambda _: pb.SearchListingsRequest(query="bicycle", limit=10),
    "CheckStockAvailability": lambda listing_id: pb.CheckStockAvailabilityRequest(
        items=[pb.StockItem(product_id=listing_id, quantity=1)]
    ),
    "DecrementStock": lambda listing_id: pb.DecrementStockRequest(
        items=[pb.StockItem(product_id=listing_id, quantity=1)]
    ),
    "IncrementProductViews": lambda listing_id: pb.IncrementProductViewsRequest(product_id=listing_id),
}


@pytest.fixture
async def held_service(start_service):
    """A service whose own upkeep is done, a lock on its tables, and who tells how many statements wait for it."""
    hours = {"queue_look_interval_seconds": 3600, "catalog_count_interval_seconds": 3600}
    async with start_service(cache={"enabled": False}, maintenance=hours) as service:
        listing_id = await _listing(service)
        holder, watcher = await asyncpg.connect(service.dsn), await asyncpg.connect(service.dsn)
        try:
            await service.first_rounds()
            async with holder.transaction():
                await holder.execute("LOCK TABLE listings, categories IN ACCESS EXCLUSIVE MODE")
                yield service, listing_id, partial(_waiting, watcher)
        finally:
            await holder.close()
            await watcher.close()


@pytest.mark.parametrize("name", _BLOCKED)
async def test_no_statement_outlives_its_callers(held_service, name):
    service, listing_id, waiting = held_service
    request = _BLOCKED[name](listing_id)
    callers = [getattr(service.stub, name)(request) for _ in range(3)]
    started = [asyncio.ensure_future(caller.code()) for caller in callers]
    await waiting(3 if name == "UpdateListing" else 1)  # the others share a statement
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*started)
    await waiting(0)


async def test_no_statement_outlives_the_deadline_of_its_caller(held_service):
    """Our limit and grpcio's cancellation come at the same moment."""
    service, listing_id, waiting = held_service
    for seconds in (1, 5, 15):  # on a busy machine a second may be over before the statements begin
        late = [
            service.stub.UpdateListing(_BLOCKED["UpdateListing"](listing_id), timeout=seconds)
            for _ in range(4)
        ]
        ended = asyncio.gather(*(call.code() for call in late))
        begun = asyncio.ensure_future(waiting(4))
        await asyncio.wait([ended, begun], return_when=asyncio.FIRST_COMPLETED)
        assert set(await ended) == {LATE}
        if begun.done():
            await begun
            await waiting(0)
            return
        begun.cancel()
        await asyncio.wait([begun])
    pytest.fail("no four statements began within the deadline of their calls")


async def test_no_statement_outlives_its_http_client(held_service):
    service, listing_id, waiting = held_service
    _, writer = await asyncio.open_connection("127.0.0.1", service.app.http_port)
    writer.write(f"GET /api/v1/listings/{listing_id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await waiting(1)
    writer.close()
    await waiting(0)
