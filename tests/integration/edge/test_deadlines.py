"""No call takes longer than its method may, or than its caller wants to wait; what it began is undone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import grpc
import httpx
import pytest
from providers.catalog import add_category

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
    """Lock a listing as a long transaction of somebody else would."""
    other = await asyncpg.connect(dsn)
    try:
        async with other.transaction():
            await other.execute("SELECT FROM listings WHERE id = $1 FOR UPDATE", listing_id)
            yield
    finally:
        await other.close()


@pytest.mark.parametrize(("preset", "seconds"), [("default", "0.2"), ("tight", "0.3")])
async def test_a_call_ends_at_the_limit_of_its_method(patience, start_service, preset, seconds):
    async with start_service(timeouts={"preset": preset}) as service:
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
    async with _held(service.dsn, listing_id):
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await service.stub.UpdateListing(
                pb.UpdateListingRequest(id=listing_id, user_id=7, title="Changed title"), timeout=0.2
            )

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
