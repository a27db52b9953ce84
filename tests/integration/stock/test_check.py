"""CheckStockAvailability: 17 scenarios on 57 products and 6 variants."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb

SHOP = "check_stock"


async def check(service, items):
    return await service.stub.CheckStockAvailability(pb.CheckStockAvailabilityRequest(items=items))


def told(answer):
    return [(item.requested_quantity, item.available_quantity, item.is_available) for item in answer.items]


class TestCore:
    @shares_service
    async def test_a_quantity_that_is_there_is_available(self, shared_service, shared_shop):
        answer = await check(shared_service, shared_shop.lines(plenty=10))
        assert answer.all_available
        assert told(answer) == [(10, 100, True)]

    @shares_service
    async def test_a_quantity_beyond_stock_is_not(self, shared_service, shared_shop):
        answer = await check(shared_service, shared_shop.lines(few=6))
        assert not answer.all_available
        assert told(answer) == [(6, 5, False)]

    @shares_service
    async def test_the_last_unit_is_available(self, shared_service, shared_shop):
        assert told(await check(shared_service, shared_shop.lines(exactly_ten=10))) == [(10, 10, True)]

    @shares_service
    async def test_an_empty_shelf_is_not(self, shared_service, shared_shop):
        assert told(await check(shared_service, shared_shop.lines(none=1))) == [(1, 0, False)]

    @shares_service
    async def test_several_lines_answer_in_the_order_asked(self, shared_service, shared_shop):
        answer = await check(shared_service, shared_shop.lines(few=5, plenty=1, exactly_ten=2))
        assert answer.all_available
        assert [item.product_id for item in answer.items] == [
            shared_shop["few"],
            shared_shop["plenty"],
            shared_shop["exactly_ten"],
        ]

    @shares_service
    async def test_one_short_line_makes_the_whole_unavailable(self, shared_service, shared_shop):
        answer = await check(shared_service, shared_shop.lines(plenty=1, few=9, exactly_ten=1))
        assert not answer.all_available
        assert [item.is_available for item in answer.items] == [True, False, True]

    @shares_service
    async def test_an_unknown_or_deleted_product_has_nothing(self, shared_service, shared_shop):
        unknown = pb.StockItem(product_id=404, quantity=1)
        answer = await check(
            shared_service, [unknown, shared_shop.line("deleted", 1), shared_shop.line("inactive", 1)]
        )
        assert told(answer) == [(1, 0, False), (1, 0, False), (1, 30, True)]

    @shares_service
    async def test_lines_of_one_product_are_summed(self, shared_service, shared_shop):
        answer = await check(shared_service, [shared_shop.line("few", 3), shared_shop.line("few", 3)])
        assert told(answer) == [(3, 5, False), (3, 5, False)]
        assert (
            await check(shared_service, [shared_shop.line("few", 3), shared_shop.line("few", 2)])
        ).all_available


class TestValidation:
    @shares_service
    async def test_no_items_is_refused(self, shared_service, shared_shop):
        with pytest.raises(grpc.aio.AioRpcError, match="no items") as refused:
            await check(shared_service, [])
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    @shares_service
    async def test_an_impossible_product_is_refused(self, shared_service, shared_shop):
        with pytest.raises(grpc.aio.AioRpcError, match="invalid product_id") as refused:
            await check(shared_service, [pb.StockItem(product_id=0, quantity=1)])
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    @shares_service
    async def test_an_impossible_quantity_is_refused(self, shared_service, shared_shop):
        with pytest.raises(grpc.aio.AioRpcError, match="quantity must be positive") as refused:
            await check(shared_service, shared_shop.lines(plenty=0))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


class TestVariants:
    @shares_service
    async def test_a_variant_has_its_own_stock(self, shared_service, shared_shop):
        answer = await check(shared_service, shared_shop.lines(small=20, medium=4, extra_large=7, shirt=12))
        assert told(answer) == [(20, 20, True), (4, 3, False), (7, 7, True), (12, 12, True)]
        assert [item.HasField("variant_id") for item in answer.items] == [True, True, True, False]

    @shares_service
    async def test_a_variant_of_another_product_has_nothing(self, shared_service, shared_shop):
        variant = shared_shop.variants["plenty_red"][1]
        answer = await check(
            shared_service, [pb.StockItem(product_id=shared_shop["shirt"], variant_id=variant, quantity=1)]
        )
        assert told(answer) == [(1, 0, False)]


class TestLoad:
    @shares_service
    async def test_one_check_takes_less_than_100_ms(self, shared_service, shared_shop):
        assert await shared_shop.is_within(0.1, lambda _: check(shared_service, shared_shop.lines(plenty=1)))

    @shares_service
    async def test_a_check_of_ten_takes_less_than_200_ms(self, shared_service, shared_shop):
        ten = shared_shop.lines(**{f"load_{number}": 1 for number in range(1, 11)})
        assert await shared_shop.is_within(0.2, lambda _: check(shared_service, ten))
        assert (await check(shared_service, ten)).all_available

    @shares_service
    async def test_twenty_concurrent_checks_each_get_their_own_answer(self, shared_service, shared_shop):
        answers = await asyncio.gather(
            *(
                check(shared_service, shared_shop.lines(**{f"load_{number}": number, "few": number}))
                for number in range(1, 21)
            )
        )
        for number, answer in enumerate(answers, start=1):
            assert told(answer) == [(number, 1000, True), (number, 5, number <= 5)]


class TestIntegrity:
    @shares_service
    async def test_checking_changes_nothing(self, shared_service, shared_shop):
        before = await shared_shop.query("SELECT * FROM listings ORDER BY id")
        await check(shared_service, shared_shop.lines(plenty=10, few=50, small=1))
        assert await shared_shop.query("SELECT * FROM listings ORDER BY id") == before
        assert await shared_shop.movements() == []
        assert await shared_shop.queued() == {}
