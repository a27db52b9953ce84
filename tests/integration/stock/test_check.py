"""CheckStockAvailability: 17 scenarios on 57 products and 6 variants."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from listings.v1 import listings_pb2 as pb

SHOP = "check_stock"


async def check(service, items):
    return await service.stub.CheckStockAvailability(pb.CheckStockAvailabilityRequest(items=items))


def told(answer):
    return [(item.requested_quantity, item.available_quantity, item.is_available) for item in answer.items]


class TestCore:
    async def test_a_quantity_that_is_there_is_available(self, service, shop):
        answer = await check(service, shop.lines(plenty=10))
        assert answer.all_available
        assert told(answer) == [(10, 100, True)]

    async def test_a_quantity_beyond_stock_is_not(self, service, shop):
        answer = await check(service, shop.lines(few=6))
        assert not answer.all_available
        assert told(answer) == [(6, 5, False)]

    async def test_the_last_unit_is_available(self, service, shop):
        assert told(await check(service, shop.lines(exactly_ten=10))) == [(10, 10, True)]

    async def test_an_empty_shelf_is_not(self, service, shop):
        assert told(await check(service, shop.lines(none=1))) == [(1, 0, False)]

    async def test_several_lines_answer_in_the_order_asked(self, service, shop):
        answer = await check(service, shop.lines(few=5, plenty=1, exactly_ten=2))
        assert answer.all_available
        assert [item.product_id for item in answer.items] == [
            shop["few"],
            shop["plenty"],
            shop["exactly_ten"],
        ]

    async def test_one_short_line_makes_the_whole_unavailable(self, service, shop):
        answer = await check(service, shop.lines(plenty=1, few=9, exactly_ten=1))
        assert not answer.all_available
        assert [item.is_available for item in answer.items] == [True, False, True]

    async def test_an_unknown_or_deleted_product_has_nothing(self, service, shop):
        unknown = pb.StockItem(product_id=404, quantity=1)
        answer = await check(service, [unknown, shop.line("deleted", 1), shop.line("inactive", 1)])
        assert told(answer) == [(1, 0, False), (1, 0, False), (1, 30, True)]

    async def test_lines_of_one_product_are_summed(self, service, shop):
        answer = await check(service, [shop.line("few", 3), shop.line("few", 3)])
        assert told(answer) == [(3, 5, False), (3, 5, False)]
        assert (await check(service, [shop.line("few", 3), shop.line("few", 2)])).all_available


class TestValidation:
    async def test_no_items_is_refused(self, service, shop):
        with pytest.raises(grpc.aio.AioRpcError, match="no items") as refused:
            await check(service, [])
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    async def test_an_impossible_product_is_refused(self, service, shop):
        with pytest.raises(grpc.aio.AioRpcError, match="invalid product_id") as refused:
            await check(service, [pb.StockItem(product_id=0, quantity=1)])
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    async def test_an_impossible_quantity_is_refused(self, service, shop):
        with pytest.raises(grpc.aio.AioRpcError, match="quantity must be positive") as refused:
            await check(service, shop.lines(plenty=0))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


class TestVariants:
    async def test_a_variant_has_its_own_stock(self, service, shop):
        answer = await check(service, shop.lines(small=20, medium=4, extra_large=7, shirt=12))
        assert told(answer) == [(20, 20, True), (4, 3, False), (7, 7, True), (12, 12, True)]
        assert [item.HasField("variant_id") for item in answer.items] == [True, True, True, False]

    async def test_a_variant_of_another_product_has_nothing(self, service, shop):
        variant = shop.variants["plenty_red"][1]
        answer = await check(
            service, [pb.StockItem(product_id=shop["shirt"], variant_id=variant, quantity=1)]
        )
        assert told(answer) == [(1, 0, False)]


class TestLoad:
    async def test_one_check_takes_less_than_100_ms(self, service, shop):
        assert await shop.fastest(lambda _: check(service, shop.lines(plenty=1))) < 0.1

    async def test_a_check_of_ten_takes_less_than_200_ms(self, service, shop):
        ten = shop.lines(**{f"load_{number}": 1 for number in range(1, 11)})
        assert await shop.fastest(lambda _: check(service, ten)) < 0.2
        assert (await check(service, ten)).all_available

    async def test_twenty_concurrent_checks_each_get_their_own_answer(self, service, shop):
        answers = await asyncio.gather(
            *(
                check(service, shop.lines(**{f"load_{number}": number, "few": number}))
                for number in range(1, 21)
            )
        )
        for number, answer in enumerate(answers, start=1):
            assert told(answer) == [(number, 1000, True), (number, 5, number <= 5)]


class TestIntegrity:
    async def test_checking_changes_nothing(self, service, shop):
        before = await shop.query("SELECT * FROM listings ORDER BY id")
        await check(service, shop.lines(plenty=10, few=50, small=1))
        assert await shop.query("SELECT * FROM listings ORDER BY id") == before
        assert await shop.movements() == []
        assert await shop.queued() == {}
