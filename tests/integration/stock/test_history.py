"""GetInventoryHistory, GetProductStats and IncrementProductViews: what can be looked up afterwards."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
import pytest_asyncio
from providers.refusals import fields_of, refusing
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb

SHOP = "inventory"


async def history(service, **asked: Any):
    return await service.stub.GetInventoryHistory(pb.GetInventoryHistoryRequest(**asked))


async def trade(service, shop):
    """A morning: one of each kind of movement."""
    await service.stub.DecrementStock(
        pb.DecrementStockRequest(items=shop.lines(counted=3, medium=2), order_id="order-1")
    )
    await service.stub.RollbackStock(pb.RollbackStockRequest(items=shop.lines(medium=1), order_id="order-1"))
    await service.stub.RecordInventoryMovement(
        pb.RecordInventoryMovementRequest(
            storefront_id=1000,
            product_id=shop["counted"],
            movement_type="in",
            quantity=10,
            user_id=7,
            reason="delivery",
            notes="two boxes",
            idempotency_key="delivery-1",
        )
    )
    await service.stub.BatchUpdateStock(
        pb.BatchUpdateStockRequest(
            storefront_id=1001,
            user_id=8,
            items=[pb.StockUpdateItem(product_id=shop["theirs"], quantity=4)],
        )
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traded(shared_service, shared_shop):
    """A shop after such a morning, to read from."""
    await trade(shared_service, shared_shop)


class TestHistory:
    async def test_every_kind_of_call_is_read_by_the_same_query_newest_first(self, service, shop):
        await trade(service, shop)
        movements = (await history(service, page_size=5)).movements
        assert [(m.movement_type, m.product_id, m.variant_id, m.delta) for m in movements] == [
            ("adjustment", shop["theirs"], 0, -5),
            ("in", shop["counted"], 0, 10),
            ("rollback", shop["shirt"], 9001, 1),
            ("decrement", shop["shirt"], 9001, -2),
            ("decrement", shop["counted"], 0, -3),
        ]
        delivered = movements[1]
        assert (delivered.stock_before, delivered.stock_after, delivered.quantity) == (97, 107, 10)
        assert (delivered.reason, delivered.notes, delivered.user_id) == ("delivery", "two boxes", 7)
        assert delivered.idempotency_key == "delivery-1"
        assert not delivered.metadata.fields, "what the engine keeps for itself is not shown"
        assert movements[0].user_id == 8
        age = datetime.now(UTC) - delivered.created_at.ToDatetime(UTC)
        assert timedelta(0) <= age < timedelta(minutes=1)

    @shares_service
    @pytest.mark.parametrize(
        ("asked", "kinds"),
        [
            ({"product_id": 8005}, ["rollback", "decrement", "opening", "opening", "opening"]),
            ({"variant_id": 9001}, ["rollback", "decrement", "opening"]),
            ({"order_id": "order-1"}, ["rollback", "decrement", "decrement"]),
            ({"movement_types": ["in", "adjustment"]}, ["adjustment", "in"]),
            ({"storefront_id": 1001, "movement_types": ["adjustment", "in"]}, ["adjustment"]),
            ({"order_id": "nobody"}, []),
            ({"product_id": 404}, []),
        ],
        ids=["product", "variant", "order", "types", "storefront", "unknown-order", "unknown-product"],
    )
    async def test_filters_narrow(self, shared_service, traded, asked, kinds):
        assert [m.movement_type for m in (await history(shared_service, **asked)).movements] == kinds

    async def test_a_period_includes_its_beginning_and_not_its_end(self, service, shop):
        await trade(service, shop)
        (delivery,) = (await history(service, movement_types=["in"])).movements
        at = delivery.created_at
        assert len((await history(service, movement_types=["in"], created_after=at)).movements) == 1
        assert len((await history(service, movement_types=["in"], created_before=at)).movements) == 0

    async def test_pages_join_without_a_gap_while_movements_go_on(self, service, shop):
        await trade(service, shop)
        whole = [m.id for m in (await history(service, page_size=200)).movements]
        walked, token = [], ""
        while True:
            page = await history(service, page_size=7, page_token=token)
            walked += [m.id for m in page.movements]
            token = page.next_page_token
            await service.stub.DecrementStock(pb.DecrementStockRequest(items=shop.lines(counted=1)))
            if not token:
                break
        assert walked == whole
        assert len(walked) == len(shop.products) + len(shop.variants) + 5

    async def test_movements_outlive_their_product(self, service, shop):
        await trade(service, shop)
        await shop.query("DELETE FROM listings WHERE id = $1 RETURNING id", shop["counted"])
        found = await history(service, product_id=shop["counted"])
        assert [m.movement_type for m in found.movements] == ["in", "decrement", "opening"]
        again = await service.stub.DecrementStock(
            pb.DecrementStockRequest(items=shop.lines(counted=3, medium=2), order_id="order-1")
        )
        assert "already gave 1" in again.error, "and the order is still known"

    @shares_service
    @pytest.mark.parametrize(
        ("asked", "field"),
        [
            ({"product_id": 0}, "product_id"),
            ({"variant_id": -1}, "variant_id"),
            ({"storefront_id": 0}, "storefront_id"),
            ({"movement_types": ["in", "theft"]}, "movement_types"),
            ({"page_size": -1}, "page_size"),
            ({"page_token": "forged"}, "page_token"),
            ({"order_id": "a\x00"}, "order_id"),
            ({"created_after": {"seconds": 10}, "created_before": {"seconds": 10}}, "created_after"),
            ({"created_before": {"seconds": 10**12}}, "created_before"),
        ],
    )
    async def test_a_filter_that_cannot_be_is_named(self, shared_service, shared_shop, asked, field):
        with refusing(grpc.StatusCode.INVALID_ARGUMENT, field) as caught:
            await history(shared_service, **asked)
        assert fields_of(caught.value) == [field]

    @shares_service
    async def test_a_cursor_belongs_to_its_filters(self, shared_service, shared_shop):
        token = (await history(shared_service, page_size=1)).next_page_token
        with refusing(grpc.StatusCode.INVALID_ARGUMENT, "page_token"):
            await history(shared_service, page_size=1, page_token=token, product_id=8000)


class TestStats:
    async def test_figures_are_over_undeleted_products(self, service, shop):
        await service.stub.DecrementStock(pb.DecrementStockRequest(items=shop.lines(counted=3, medium=2)))
        answer = await service.stub.GetProductStats(pb.GetProductStatsRequest(storefront_id=1000))
        stats = answer.stats
        assert (stats.total_products, stats.active_products) == (5, 4)
        assert (stats.out_of_stock, stats.low_stock) == (1, 1)
        assert stats.total_value == pytest.approx(97 * 10 + 5 * 2.5 + 30 + 12)
        assert stats.total_sold == 5

    @shares_service
    async def test_an_unknown_or_empty_storefront_has_zeros(self, shared_service, shared_shop):
        for storefront in (1002, 999_999):
            answer = await shared_service.stub.GetProductStats(
                pb.GetProductStatsRequest(storefront_id=storefront)
            )
            assert answer.stats == pb.ProductStats()
        with refusing(grpc.StatusCode.INVALID_ARGUMENT, "storefront_id"):
            await shared_service.stub.GetProductStats(pb.GetProductStatsRequest())


class TestViews:
    async def test_concurrent_views_are_all_counted_and_acknowledged_after_they_are(self, service, shop):
        await asyncio.gather(
            *(
                service.stub.IncrementProductViews(pb.IncrementProductViewsRequest(product_id=shop[name]))
                for name in ("counted", "few") * 25
            )
        )
        assert (await shop.row("counted"))["view_count"] == 25
        assert (await shop.row("few"))["view_count"] == 25
        assert await shop.stock("counted") == 100

    async def test_a_view_of_no_product_is_not_found_and_spoils_no_other(self, service, shop):
        views = [
            service.stub.IncrementProductViews(pb.IncrementProductViewsRequest(product_id=id_))
            for id_ in (shop["few"], 404, shop["deleted"], 2**62)
        ]
        answers = await asyncio.gather(*views, return_exceptions=True)
        assert not isinstance(answers[0], Exception)
        for answer in answers[1:]:
            assert answer.code() is grpc.StatusCode.NOT_FOUND
            assert "products.increment_views_failed" in answer.details()
        with refusing(grpc.StatusCode.INVALID_ARGUMENT, "product_id"):
            await service.stub.IncrementProductViews(pb.IncrementProductViewsRequest())
