"""Private sales end in time, and the indexing queue does not pile up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from providers.catalog import add_category, add_listing, insert, rows

from listings.cache.encoded import EncodedCache
from listings.cache.invalidation import Invalidations
from listings.cache.postgres_bus import PostgresBus
from listings.db.indexing import IndexingRows
from listings.db.listings import ListingRows
from listings.metrics import Metrics
from listings.usecases.expiry import ExpirySweeper, QueuePurge
from listings.v1 import listings_pb2 as pb

_NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
_DUE = _NOW - timedelta(seconds=1)


@pytest.fixture
async def service(service):
    """Give a service whose own first rounds are over, or they would take what a test's sweepers should find."""
    await service.first_rounds()
    return service


@pytest.fixture
def sweeper(service):
    """Make sweepers on the service's own connections, at a time of the test's choice."""

    def make(now: datetime = _NOW, batch: int = 500) -> ExpirySweeper:
        settings, connections = service.app.settings, service.connections
        metrics = Metrics()
        bus = PostgresBus(settings.database, connections)
        invalidations = Invalidations(EncodedCache(metrics.cache), bus, metrics.bus)
        return ExpirySweeper(
            ListingRows(connections), invalidations, metrics.catalog, clock=lambda: now, batch=batch
        )

    return make


async def statuses(service) -> dict[int, str]:
    found = await rows(service.connections, "SELECT id, status FROM listings ORDER BY id")
    return {row["id"]: row["status"] for row in found}


async def queue(service) -> list[tuple[int, str]]:
    found = await rows(service.connections, "SELECT listing_id, operation FROM indexing_queue ORDER BY 1")
    return [(row["listing_id"], row["operation"]) for row in found]


async def test_only_active_listings_whose_expiry_we_set_end(service, sweeper):
    c = service.connections
    due = await add_listing(c, expires_at=_DUE, expiry_managed=True)
    left_alone = [
        await add_listing(c, expires_at=_NOW + timedelta(seconds=1), expiry_managed=True),  # not yet
        await add_listing(c, expires_at=_DUE),  # somebody else's expiry
        await add_listing(c),  # never ends
        await add_listing(c, expires_at=_DUE, expiry_managed=True, status="sold"),
        await add_listing(c, expires_at=_DUE, expiry_managed=True, status="draft"),
        await add_listing(c, expires_at=_DUE, expiry_managed=True, is_deleted=True),
    ]
    before = await statuses(service)

    assert await sweeper().sweep() == 1

    after = await statuses(service)
    assert after[due] == "inactive"
    assert {i: after[i] for i in left_alone} == {i: before[i] for i in left_alone}
    assert await queue(service) == [(due, "update")]


async def test_a_second_sweep_finds_nothing(service, sweeper):
    await add_listing(service.connections, expires_at=_DUE, expiry_managed=True)
    assert await sweeper().sweep() == 1
    assert await sweeper().sweep() == 0


async def test_many_are_ended_in_batches(service, sweeper):
    category = await add_category(service.connections)
    for _ in range(7):
        await add_listing(service.connections, category_id=category, expires_at=_DUE, expiry_managed=True)
    assert await sweeper(batch=3).sweep() == 7
    assert set((await statuses(service)).values()) == {"inactive"}


async def test_sweepers_of_several_processes_share_the_work(service, sweeper):
    category = await add_category(service.connections)
    for _ in range(40):
        await add_listing(service.connections, category_id=category, expires_at=_DUE, expiry_managed=True)
    ended = await asyncio.gather(*(sweeper(batch=4).sweep() for _ in range(4)))
    assert sum(ended) == 40, "each listing is ended by one of them"
    assert len(await queue(service)) == 40


async def test_a_listing_that_somebody_is_changing_waits_for_the_next_sweep(service, sweeper):
    busy = await add_listing(service.connections, expires_at=_DUE, expiry_managed=True)
    free = await add_listing(service.connections, expires_at=_DUE, expiry_managed=True)
    async with service.connections.transaction() as session:
        await session.connection.execute(f"SELECT FROM listings WHERE id = {busy} FOR UPDATE")
        assert await sweeper().sweep() == 1
    assert await statuses(service) == {busy: "active", free: "inactive"}
    assert await sweeper().sweep() == 1


async def test_a_private_sale_ends_thirty_days_after_it_last_became_active(service, sweeper):
    category = await add_category(service.connections)
    created = await service.stub.CreateListing(
        pb.CreateListingRequest(
            user_id=7, title="Oak table", price=1, currency="RSD", category_id=category, quantity=1
        )
    )

    async def activate() -> datetime:
        changed = await service.stub.UpdateListing(
            pb.UpdateListingRequest(id=created.listing.id, user_id=7, status="active")
        )
        return datetime.fromisoformat(changed.listing.expires_at)

    ends = await activate()
    assert await sweeper(ends - timedelta(minutes=1)).sweep() == 0
    assert await sweeper(ends + timedelta(minutes=1)).sweep() == 1
    assert await activate() >= ends, "reactivation renews"
    assert await sweeper(ends - timedelta(minutes=1)).sweep() == 0


async def test_the_running_service_sweeps_and_forgets_what_it_had_cached(dsn, start_service):
    async with start_service(maintenance={"expiry_interval_seconds": 0.02}) as service:
        listing_id = await add_listing(service.connections)
        request = pb.GetListingRequest(id=listing_id)
        assert (await service.stub.GetListing(request)).listing.status == "active"
        await rows(
            service.connections,
            "UPDATE listings SET expires_at = now(), expiry_managed = true WHERE id = $1 RETURNING id",
            listing_id,
        )
        async with asyncio.timeout(10):
            while (await service.stub.GetListing(request)).listing.status == "active":
                await asyncio.sleep(0.01)
        assert service.app.metrics.registry.get_sample_value("listings_listings_expired_total") == 1


# ---- the indexing queue ----

_WEEK = timedelta(days=7)


def purge_of(service, *, consumed: bool, batch: int = 500) -> QueuePurge:
    return QueuePurge(
        IndexingRows(service.connections),
        Metrics().catalog,
        retention=_WEEK,
        consumed=consumed,
        clock=lambda: _NOW,
        batch=batch,
    )


async def add_queue_row(service, status: str, age: timedelta) -> int:
    moment = _NOW - age
    return await insert(
        service.connections,
        "indexing_queue",
        listing_id=await add_listing(service.connections),
        operation="update",
        status=status,
        created_at=moment,
        updated_at=moment,
        processed_at=moment if status == "completed" else None,
    )


async def kept(service) -> set[int]:
    return {row["id"] for row in await rows(service.connections, "SELECT id FROM indexing_queue")}


_OLD, _YOUNG = _WEEK + timedelta(seconds=1), _WEEK - timedelta(seconds=1)


async def test_old_rows_go_and_young_ones_stay(service):
    await add_queue_row(service, "completed", _OLD)
    await add_queue_row(service, "pending", _OLD)
    young = {await add_queue_row(service, status, _YOUNG) for status in ("completed", "pending")}
    under_way = {await add_queue_row(service, status, _OLD) for status in ("processing", "failed")}

    assert await purge_of(service, consumed=False).purge() == 2
    assert await kept(service) == young | under_way


async def test_waiting_rows_stay_while_an_index_takes_them(service):
    await add_queue_row(service, "completed", _OLD)
    waiting = await add_queue_row(service, "pending", _OLD)
    assert await purge_of(service, consumed=True).purge() == 1
    assert await kept(service) == {waiting}


async def test_a_purge_works_in_batches_beside_others(service):
    for _ in range(7):
        await add_queue_row(service, "completed", _OLD)
    removed = await asyncio.gather(*(purge_of(service, consumed=False, batch=2).purge() for _ in range(3)))
    assert sum(removed) == 7
    assert await kept(service) == set()
