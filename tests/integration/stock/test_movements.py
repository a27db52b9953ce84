"""RecordInventoryMovement and BatchUpdateStock: what people do to stock."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from providers.refusals import fields_of, refusing
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb

SHOP = "inventory"


async def record(service, shop, name="counted", kind="in", quantity=1, **fields: Any):
    line = shop.line(name, quantity)
    asked = {
        "storefront_id": shop.storefronts["main"],
        "product_id": line.product_id,
        "variant_id": line.variant_id or None,
        "movement_type": kind,
        "quantity": quantity,
        "user_id": 7,
        **fields,
    }
    return await service.stub.RecordInventoryMovement(pb.RecordInventoryMovementRequest(**asked))


async def count(service, shop, counts, **fields: Any):
    items = [
        pb.StockUpdateItem(product_id=line.product_id, variant_id=line.variant_id or None, quantity=quantity)
        for name, quantity in counts
        for line in [shop.line(name, quantity)]
    ]
    asked = {"storefront_id": shop.storefronts["main"], "items": items, "user_id": 7, **fields}
    return await service.stub.BatchUpdateStock(pb.BatchUpdateStockRequest(**asked))


def told(answer):
    return [(r.stock_before, r.stock_after, r.success) for r in answer.results]


class TestMovements:
    @pytest.mark.parametrize(
        ("kind", "quantity", "after", "delta"),
        [("in", 20, 120, 20), ("out", 20, 80, -20), ("adjustment", 42, 42, -58), ("adjustment", 0, 0, -100)],
        ids=["in", "out", "adjustment", "adjustment-to-zero"],
    )
    async def test_each_type_moves_stock_its_way(self, service, shop, kind, quantity, after, delta):
        answer = await record(service, shop, kind=kind, quantity=quantity, reason="audit", notes="shelf\n3")
        assert (answer.success, answer.stock_before, answer.stock_after) == (True, 100, after)
        (movement,) = await shop.movements("counted")
        facts = ("movement_type", "quantity", "delta", "reason", "notes", "user_id")
        assert tuple(movement[fact] for fact in facts) == (kind, quantity, delta, "audit", "shelf\n3", 7)
        assert await shop.queued() == {shop["counted"]: "update"}
        assert (await shop.row("counted"))["sold_count"] == 0
        await shop.prove()

    async def test_a_variant_moves_alone_and_keeps_its_own_threshold(self, service, shop):
        await record(service, shop, "medium", "in", 2)
        medium = await shop.row("medium")
        assert (medium["quantity"], medium["stock_status"]) == (8, "low_stock")
        await record(service, shop, "medium", "in", 1)
        assert (await shop.row("medium"))["stock_status"] == "in_stock"
        assert await shop.stock("shirt") == 12
        await shop.prove()

    async def test_concurrent_movements_do_not_lose_each_other(self, service, shop):
        await asyncio.gather(
            *(record(service, shop, kind="in", quantity=2) for _ in range(20)),
            *(record(service, shop, kind="out", quantity=1) for _ in range(20)),
        )
        assert await shop.stock("counted") == 120
        await shop.prove()

    async def test_a_key_moves_once(self, service, shop):
        first = await record(service, shop, quantity=5, idempotency_key="k1")
        await record(service, shop, quantity=50)
        again = await record(service, shop, quantity=5, idempotency_key="k1")
        assert again == first
        await asyncio.gather(*(record(service, shop, quantity=3, idempotency_key="k2") for _ in range(10)))
        assert await shop.stock("counted") == 158
        await shop.prove()

    @pytest.mark.parametrize(
        "other",
        [
            {"quantity": 6},
            {"kind": "out"},
            {"name": "few"},
            {"user_id": 8},
            {"reason": "other"},
            {"notes": "other"},
        ],
        ids=["quantity", "type", "product", "user", "reason", "notes"],
    )
    async def test_a_key_of_another_request_is_refused(self, service, shop, other):
        await record(service, shop, quantity=5, idempotency_key="k1")
        with refusing(grpc.StatusCode.INVALID_ARGUMENT, "idempotency_key was used") as caught:
            await record(service, shop, **{"quantity": 5, "idempotency_key": "k1", **other})
        assert fields_of(caught.value) == ["idempotency_key"]
        assert len(await shop.movements()) == 1

    @shares_service
    @pytest.mark.parametrize(
        ("fields", "text", "field"),
        [
            ({"storefront_id": 0}, "storefront_id", "storefront_id"),
            ({"product_id": -1}, "product_id", "product_id"),
            ({"variant_id": 0}, "variant_id", "variant_id"),
            ({"user_id": 0}, "user_id", "user_id"),
            ({"kind": "steal"}, "movement_type", "movement_type"),
            ({"kind": ""}, "movement_type", "movement_type"),
            ({"kind": "decrement"}, "movement_type", "movement_type"),
            ({"quantity": -1}, "quantity", "quantity"),
            ({"quantity": 0}, "quantity must be positive", "quantity"),
            ({"kind": "out", "quantity": 0}, "quantity must be positive", "quantity"),
            ({"reason": "x" * 256}, "reason", "reason"),
            ({"idempotency_key": ""}, "idempotency_key", "idempotency_key"),
            ({"idempotency_key": "x" * 256}, "idempotency_key", "idempotency_key"),
            ({"idempotency_key": "a\x00b"}, "idempotency_key", "idempotency_key"),
        ],
    )
    async def test_a_request_that_cannot_be_names_its_field(
        self, shared_service, shared_shop, fields, text, field
    ):
        with refusing(grpc.StatusCode.INVALID_ARGUMENT, text) as caught:
            await record(shared_service, shared_shop, **fields)
        assert fields_of(caught.value) == [field]
        assert await shared_shop.movements() == []

    @shares_service
    @pytest.mark.parametrize(
        ("name", "fields", "code", "text"),
        [
            ("deleted", {}, "NOT_FOUND", "inventory.product_not_found"),
            ("theirs", {}, "NOT_FOUND", "inventory.product_not_found"),
            ("counted", {"product_id": 2**62}, "NOT_FOUND", "inventory.product_not_found"),
            ("counted", {"variant_id": 9000}, "NOT_FOUND", "inventory.variant_not_found"),
            ("few", {"kind": "out", "quantity": 6}, "FAILED_PRECONDITION", "inventory.insufficient_stock"),
            (
                "full",
                {"storefront_id": 1001, "quantity": 8},
                "FAILED_PRECONDITION",
                "inventory.update_failed",
            ),
        ],
        ids=["deleted", "other-storefront", "unknown", "variant", "short", "too-much"],
    )
    async def test_what_stock_does_not_allow_is_told_by_its_token(
        self, shared_service, shared_shop, name, fields, code, text
    ):
        with refusing(grpc.StatusCode[code], text):
            await record(shared_service, shared_shop, name, **fields)
        assert await shared_shop.movements() == []


class TestCounts:
    async def test_counts_are_set_in_the_order_asked(self, service, shop):
        answer = await count(
            service, shop, [("few", 9), ("counted", 0), ("medium", 1), ("inactive", 30)], reason="stocktaking"
        )
        assert (answer.successful_count, answer.failed_count) == (4, 0)
        assert told(answer) == [(5, 9, True), (100, 0, True), (6, 1, True), (30, 30, True)]
        assert (await shop.row("counted"))["stock_status"] == "out_of_stock"
        movements = await shop.movements(movement_type="adjustment")
        assert [(m["quantity"], m["delta"], m["reason"], m["user_id"]) for m in movements] == [
            (9, 4, "stocktaking", 7),
            (0, -100, "stocktaking", 7),
            (1, -5, "stocktaking", 7),
            (30, 0, "stocktaking", 7),
        ]
        await shop.prove()

    async def test_the_reason_of_an_item_goes_before_the_one_of_the_request(self, service, shop):
        await service.stub.BatchUpdateStock(
            pb.BatchUpdateStockRequest(
                storefront_id=1000,
                user_id=7,
                reason="all",
                items=[
                    pb.StockUpdateItem(product_id=shop["few"], quantity=1, reason="own"),
                    pb.StockUpdateItem(product_id=shop["counted"], quantity=1),
                ],
            )
        )
        assert [m["reason"] for m in await shop.movements()] == ["own", "all"]

    async def test_a_bad_item_fails_alone(self, service, shop):
        answer = await count(service, shop, [("few", 9), ("theirs", 1), ("deleted", 1), ("counted", 3)])
        assert (answer.successful_count, answer.failed_count) == (2, 2)
        assert [r.error for r in answer.results] == ["", "not found", "not found", ""]
        assert told(answer)[3] == (100, 3, True)
        await shop.prove()

    async def test_an_item_named_twice_is_set_once_and_told(self, service, shop):
        answer = await count(service, shop, [("few", 9), ("counted", 1), ("few", 10)])
        assert told(answer) == [(5, 9, True), (100, 1, True), (9, 9, False)]
        assert answer.results[2].error == "duplicate item: items[0] names it too"

    async def test_a_key_counts_once_even_when_stock_moved_on(self, service, shop):
        asked = [("few", 9), ("theirs", 1), ("medium", 3)]
        first = await count(service, shop, asked, idempotency_key="night")
        await record(service, shop, "few", "out", 4)
        again = await count(service, shop, asked, idempotency_key="night")
        assert again == first
        assert await shop.stock("few") == 5
        with refusing(grpc.StatusCode.INVALID_ARGUMENT, "idempotency_key was used") as caught:
            await count(service, shop, asked[:2], idempotency_key="night")
        assert fields_of(caught.value) == ["idempotency_key"]
        await shop.prove()

    async def test_a_thousand_items_are_one_call(self, service, shop):
        items = [pb.StockUpdateItem(product_id=8100 + n % 20, quantity=n) for n in range(1000)]
        answer = await service.stub.BatchUpdateStock(
            pb.BatchUpdateStockRequest(storefront_id=1001, items=items, user_id=7)
        )
        assert (answer.successful_count, answer.failed_count) == (20, 980)

    @shares_service
    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({"items": []}, "no items"),
            ({"items": [pb.StockUpdateItem(product_id=1)] * 1001}, "too many items"),
            (
                {"items": [pb.StockUpdateItem(product_id=8000), pb.StockUpdateItem(product_id=0)]},
                "items[1]: product_id",
            ),
            ({"items": [pb.StockUpdateItem(product_id=8000, quantity=-1)]}, "items[0]: quantity"),
            ({"items": [pb.StockUpdateItem(product_id=8000, variant_id=0)]}, "items[0]: variant_id"),
            ({"items": [pb.StockUpdateItem(product_id=8000, reason="x" * 256)]}, "items[0].reason"),
            ({"storefront_id": 0}, "storefront_id"),
            ({"user_id": -2}, "user_id"),
        ],
    )
    async def test_a_request_that_cannot_be_names_the_index(self, shared_service, shared_shop, fields, text):
        with refusing(grpc.StatusCode.INVALID_ARGUMENT, text):
            await count(shared_service, shared_shop, [("few", 1)], **fields)
        assert await shared_shop.movements() == []

    @shares_service
    async def test_too_little_time_is_refused_before_anything_is_set(self, shared_service, shared_shop):
        request = pb.BatchUpdateStockRequest(
            storefront_id=1000,
            user_id=7,
            items=[pb.StockUpdateItem(product_id=shared_shop["few"], quantity=1)],
        )
        with refusing(grpc.StatusCode.DEADLINE_EXCEEDED, "at least 5 seconds"):
            await shared_service.stub.BatchUpdateStock(request, timeout=4)
        assert await shared_shop.stock("few") == 5
