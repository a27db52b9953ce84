"""RollbackStock: 13 scenarios."""

from __future__ import annotations

import asyncio
import json

from listings.v1 import listings_pb2 as pb

SHOP = "rollback_stock"


async def take(service, items, order_id):
    answer = await service.stub.DecrementStock(pb.DecrementStockRequest(items=items, order_id=order_id))
    assert answer.success, answer.error


async def give(service, items, order_id="order"):
    return await service.stub.RollbackStock(pb.RollbackStockRequest(items=items, order_id=order_id))


def told(answer):
    return [(result.stock_before, result.stock_after, result.success) for result in answer.results]


class TestHappyPath:
    async def test_what_an_order_took_comes_back_with_its_movement(self, service, shop):
        await take(service, shop.lines(plenty=95), "order")
        answer = await give(service, shop.lines(plenty=95))
        assert answer.success
        assert told(answer) == [(5, 100, True)]
        row = await shop.row("plenty")
        assert (row["quantity"], row["sold_count"], row["stock_status"]) == (100, 0, "in_stock")
        movement = (await shop.movements("plenty"))[-1]
        assert (movement["movement_type"], movement["delta"], movement["reason"]) == (
            "rollback",
            95,
            "rollback",
        )
        assert movement["quantity"] == 95
        assert "order" in movement["notes"]
        assert movement["metadata"] is None
        await shop.prove()

    async def test_several_items_come_back_in_the_order_asked(self, service, shop):
        await take(service, shop.lines(plenty=1, second=2, third=3), "order")
        answer = await give(service, shop.lines(third=3, plenty=1, second=2))
        assert told(answer) == [(27, 30, True), (99, 100, True), (48, 50, True)]
        await shop.prove()

    async def test_a_part_may_come_back_once(self, service, shop):
        await take(service, shop.lines(plenty=10), "order")
        assert told(await give(service, shop.lines(plenty=4))) == [(90, 94, True)]
        assert told(await give(service, shop.lines(plenty=6))) == [(94, 94, True)]
        await shop.prove()


class TestOnce:
    async def test_a_second_rollback_succeeds_and_changes_nothing(self, service, shop):
        await take(service, shop.lines(plenty=10, small=2), "order")
        await give(service, shop.lines(plenty=10, small=2))
        again = await give(service, shop.lines(plenty=10, small=2))
        assert again.success
        assert told(again) == [(100, 100, True), (20, 20, True)]

    async def test_a_third_one_too_and_lines_of_one_item_are_one(self, service, shop):
        await take(service, shop.lines(plenty=10), "order")
        twice = [shop.line("plenty", 4), shop.line("plenty", 6)]
        assert told(await give(service, twice)) == [(90, 94, True), (94, 100, True)]
        for _ in range(2):
            assert told(await give(service, twice)) == [(100, 100, True), (100, 100, True)]
        assert len(await shop.movements("plenty", movement_type="rollback")) == 1

    async def test_concurrent_ones_give_back_once(self, service, shop, start_service):
        await take(service, shop.lines(plenty=10, medium=1), "order")
        async with start_service() as other:
            answers = await asyncio.gather(
                *(give((service, other)[n % 2], shop.lines(plenty=10, medium=1)) for n in range(20))
            )
        assert all(answer.success for answer in answers)
        assert sum(told(answer)[0] == (90, 100, True) for answer in answers) == 1
        assert await shop.stock("plenty") == 100
        assert await shop.stock("medium") == 6
        await shop.prove()


class TestErrors:
    async def test_without_an_order_it_is_refused(self, service, shop):
        answer = await give(service, shop.lines(plenty=1), None)
        assert not answer.success
        assert answer.error == "order_id is required for idempotency protection"
        assert await shop.movements() == []

    async def test_a_request_that_cannot_be_is_refused_inside_the_answer(self, service, shop):
        answer = await give(service, [shop.line("plenty", 1), shop.line("second", 0)])
        assert not answer.success
        assert "quantity must be positive" in answer.error
        assert await shop.movements() == []

    async def test_bad_items_fail_alone(self, service, shop):
        await take(service, shop.lines(plenty=1, second=2), "order")
        answer = await give(
            service,
            [
                shop.line("plenty", 1),
                pb.StockItem(product_id=404, quantity=1),
                shop.line("second", 2),
                pb.StockItem(product_id=shop["plenty"], variant_id=9000, quantity=1),
            ],
        )
        assert not answer.success
        assert "product 404 not found during rollback" in answer.error
        assert f"variant 9000 for product {shop['plenty']} not found during rollback" in answer.error
        assert [result.success for result in answer.results] == [True, False, True, False]
        assert await shop.stock("plenty") == 100
        assert await shop.stock("second") == 50
        await shop.prove()

    async def test_more_than_was_taken_or_than_fits_is_refused_for_that_item(self, service, shop):
        await take(service, shop.lines(plenty=5, second=5), "order")
        answer = await give(service, shop.lines(plenty=6, second=5, third=1))
        assert [result.success for result in answer.results] == [False, True, False]
        assert f"took 5 of product {shop['plenty']}: 6 cannot be given back" in answer.error
        assert f"took 0 of product {shop['third']}" in answer.error
        full = await give(service, shop.lines(full=100), "never-seen")
        assert "would exceed 2147483647" in full.error
        await shop.prove()


class TestSaga:
    async def test_an_order_never_seen_is_given_back_and_marked_unless_that_is_forbidden(
        self, service, shop, start_service
    ):
        answer = await give(service, shop.lines(plenty=3, deleted=1, inactive=2, none=4), "elsewhere")
        assert told(answer) == [(100, 103, True), (40, 41, True), (30, 32, True), (0, 4, True)]
        (movement,) = await shop.movements("plenty")
        assert json.loads(movement["metadata"]) == {"unseen": True}
        assert (await shop.row("none"))["stock_status"] == "low_stock"
        late = await service.stub.DecrementStock(
            pb.DecrementStockRequest(items=shop.lines(plenty=3), order_id="elsewhere")
        )
        assert not late.success, "a decrement that arrives after its rollback must not take"
        async with start_service(stock={"rollback_unseen": "refuse"}) as strict:
            refused = await give(strict, shop.lines(plenty=3), "nowhere")
        assert not refused.success
        assert "order nowhere never took any" in refused.error
        await shop.prove()


class TestLoad:
    async def test_one_takes_less_than_50_ms_and_ten_less_than_200(self, service, shop):
        ten = shop.lines(**{f"load_{number}": 1 for number in range(1, 11)})
        assert await shop.is_within(0.05, lambda n: give(service, shop.lines(plenty=1), f"one-{n}"))
        assert await shop.is_within(0.2, lambda n: give(service, ten, f"ten-{n}"))
        assert (await give(service, ten, "ten")).success


class TestVariants:
    async def test_two_variants_of_one_product_come_back_each_for_itself(self, service, shop):
        await take(service, shop.lines(small=3, medium=2), "order")
        answer = await give(service, shop.lines(small=3, medium=2))
        assert told(answer) == [(17, 20, True), (4, 6, True)]
        assert (await shop.row("shirt"))["sold_count"] == 0
        assert await shop.stock("shirt") == 12
        await shop.prove()
