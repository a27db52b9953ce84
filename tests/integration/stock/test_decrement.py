"""DecrementStock: 18 scenarios on 58 products and 3 variants."""

from __future__ import annotations

import asyncio

from listings.v1 import listings_pb2 as pb

SHOP = "decrement_stock"


async def take(service, items, order_id=None):
    return await service.stub.DecrementStock(pb.DecrementStockRequest(items=items, order_id=order_id))


def told(answer):
    return [(result.stock_before, result.stock_after, result.success) for result in answer.results]


class TestHappyPath:
    async def test_an_order_takes_its_line_and_leaves_its_movement(self, service, shop):
        answer = await take(service, shop.lines(plenty=10), "order-1")
        assert answer.success
        assert told(answer) == [(100, 90, True)]
        row = await shop.row("plenty")
        assert (row["quantity"], row["sold_count"], row["stock_status"]) == (90, 10, "in_stock")
        (movement,) = await shop.movements("plenty")
        assert {
            name: movement[name]
            for name in ("movement_type", "quantity", "delta", "stock_before", "stock_after", "reason")
        } == {
            "movement_type": "decrement",
            "quantity": 10,
            "delta": -10,
            "stock_before": 100,
            "stock_after": 90,
            "reason": "sale",
        }
        assert (movement["order_id"], movement["user_id"]) == ("order-1", 0)
        assert await shop.queued() == {shop["plenty"]: "update"}
        await shop.prove()

    async def test_an_order_of_several_lines_takes_them_all(self, service, shop):
        answer = await take(service, shop.lines(third=5, plenty=1, second=7), "order-2")
        assert told(answer) == [(30, 25, True), (100, 99, True), (50, 43, True)]
        assert len(await shop.movements(order_id="order-2")) == 3
        await shop.prove()

    async def test_a_variant_takes_from_its_own_stock_and_counts_as_its_products_sale(self, service, shop):
        answer = await take(service, shop.lines(medium=2, shirt=1), "order-3")
        assert told(answer) == [(6, 4, True), (12, 11, True)]
        medium = await shop.row("medium")
        assert (medium["quantity"], medium["sold_count"], medium["stock_status"]) == (4, 2, "low_stock")
        shirt = await shop.row("shirt")
        assert (shirt["quantity"], shirt["sold_count"]) == (11, 3)
        await shop.prove()

    async def test_the_stock_status_follows_what_is_left(self, service, shop):
        for units, status in ((19, "in_stock"), (1, "low_stock"), (10, "out_of_stock")):
            await take(service, shop.lines(third=units))
            assert (await shop.row("third"))["stock_status"] == status


class TestErrors:
    async def test_every_short_line_is_named_and_nothing_is_taken(self, service, shop):
        answer = await take(service, shop.lines(plenty=1, few=6, none=2), "order-4")
        assert not answer.success
        assert f"failed to decrement stock for product {shop['few']}" in answer.error
        assert f"insufficient stock for product {shop['few']}: have 5, need 6" in answer.error
        assert f"insufficient stock for product {shop['none']}: have 0, need 2" in answer.error
        assert told(answer) == [(100, 100, False), (5, 5, False), (0, 0, False)]
        assert [result.HasField("error") for result in answer.results] == [False, True, True]
        assert await shop.movements() == []

    async def test_lines_of_one_product_are_summed_before_they_are_judged(self, service, shop):
        answer = await take(service, [shop.line("few", 3), shop.line("few", 3)])
        assert not answer.success
        assert "have 5, need 6" in answer.error
        answer = await take(service, [shop.line("few", 3), shop.line("few", 2)], "order-5")
        assert told(answer) == [(5, 2, True), (2, 0, True)]
        (movement,) = await shop.movements("few")
        assert movement["quantity"] == 5

    async def test_an_unknown_or_deleted_product_is_not_found(self, service, shop):
        answer = await take(service, [pb.StockItem(product_id=404, quantity=1), shop.line("deleted", 1)])
        assert not answer.success
        assert "product 404 not found" in answer.error
        assert f"product {shop['deleted']} not found" in answer.error
        assert await shop.stock("deleted") == 40

    async def test_a_variant_of_another_product_is_not_found(self, service, shop):
        variant = shop.variants["small"][1]
        answer = await take(
            service, [pb.StockItem(product_id=shop["plenty"], variant_id=variant, quantity=1)]
        )
        assert f"variant {variant} for product {shop['plenty']} not found" in answer.error
        short = await take(service, shop.lines(large=1))
        assert f"insufficient stock for variant {shop.variants['large'][1]}: have 0, need 1" in short.error

    async def test_a_request_that_cannot_be_is_refused_inside_the_answer(self, service, shop):
        answer = await take(service, [shop.line("plenty", 1), shop.line("few", 0), pb.StockItem(quantity=1)])
        assert not answer.success
        assert "quantity must be positive" in answer.error
        assert "invalid product_id" in answer.error
        assert await shop.movements() == []

    async def test_an_order_that_contradicts_its_first_attempt_is_refused(self, service, shop):
        await take(service, shop.lines(plenty=2, second=1), "order-6")
        more = await take(service, shop.lines(plenty=3, second=1), "order-6")
        assert f"order order-6 already took 2 of product {shop['plenty']}, not 3" in more.error
        other = await take(service, shop.lines(plenty=2, third=1), "order-6")
        assert not other.success
        assert f"already took 2 of product {shop['plenty']}" in other.error
        assert told(other) == [(98, 98, False), (30, 30, False)]
        await service.stub.RollbackStock(
            pb.RollbackStockRequest(items=shop.lines(second=1), order_id="order-6")
        )
        again = await take(service, shop.lines(second=1), "order-6")
        assert not again.success
        assert "already gave 1" in again.error
        await shop.prove()


class TestConcurrency:
    async def test_the_last_units_are_sold_once(self, service, shop):
        answers = await asyncio.gather(
            *(take(service, shop.lines(few=1), f"buyer-{number}") for number in range(40))
        )
        assert sum(answer.success for answer in answers) == 5
        assert await shop.stock("few") == 0
        await shop.prove()

    async def test_one_order_sent_many_times_at_once_is_taken_once(self, service, shop):
        answers = await asyncio.gather(
            *(take(service, shop.lines(plenty=3, medium=1), "same") for _ in range(20))
        )
        assert {tuple(told(answer)) for answer in answers} == {((100, 97, True), (6, 5, True))}
        assert len(await shop.movements(order_id="same")) == 2
        await shop.prove()

    async def test_two_services_sell_the_same_shelf_without_deadlock_or_oversale(
        self, service, shop, start_service
    ):
        names = ["plenty", "second", "third", "small"]
        async with start_service() as other:
            answers = await asyncio.gather(
                *(
                    take(
                        (service, other)[number % 2],
                        shop.lines(**dict.fromkeys(names if number % 3 else reversed(names), 1)),
                        f"pair-{number}",
                    )
                    for number in range(60)
                )
            )
        assert sum(answer.success for answer in answers) == 20
        assert await shop.stock("small") == 0
        assert await shop.stock("plenty") == 80
        await shop.prove()


class TestTransactions:
    async def test_a_poisoned_request_of_a_batch_fails_alone(self, service, shop):
        """A trigger refuses one product, as a constraint that nobody foresaw would."""
        await shop.query(
            f"""DO $$ BEGIN
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $f$
                BEGIN RAISE check_violation USING MESSAGE = 'poisoned'; END $f$;
                CREATE TRIGGER refuse BEFORE UPDATE ON listings FOR EACH ROW
                    WHEN (NEW.id = {shop["third"]}) EXECUTE FUNCTION refuse();
            END $$"""
        )
        answers = await asyncio.gather(
            *(take(service, shop.lines(**{name: 1})) for name in ("plenty", "third", "second", "plenty")),
            return_exceptions=True,
        )
        assert [isinstance(answer, Exception) for answer in answers] == [False, True, False, False]
        assert await shop.stock("plenty") == 98
        assert await shop.stock("second") == 49
        await shop.prove()

    async def test_repeating_an_order_gives_the_first_outcome_again_even_after_more_sales(
        self, service, shop
    ):
        first = await take(service, shop.lines(plenty=5), "order-7")
        await take(service, shop.lines(plenty=20), "order-8")
        again = await take(service, shop.lines(plenty=5), "order-7")
        assert again == first
        assert await shop.stock("plenty") == 75
        without = [await take(service, shop.lines(plenty=1)) for _ in range(2)]
        assert [told(answer) for answer in without] == [[(75, 74, True)], [(74, 73, True)]]


class TestLoad:
    async def test_an_order_takes_less_than_50_ms(self, service, shop):
        assert await shop.is_within(0.05, lambda n: take(service, shop.lines(plenty=1), f"one-{n}"))

    async def test_an_order_of_fifty_lines_takes_less_than_500_ms(self, service, shop):
        fifty = shop.lines(**{f"load_{number}": 2 for number in range(1, 51)})
        assert await shop.is_within(0.5, lambda n: take(service, fifty, f"fifty-{n}"))
        answer = await take(service, fifty, "fifty")
        assert answer.success
        assert len(answer.results) == 50

    async def test_a_hundred_orders_at_once_are_all_taken(self, service, shop):
        answers = await asyncio.gather(
            *(take(service, shop.lines(**{f"load_{number % 50 + 1}": 1})) for number in range(100))
        )
        assert all(answer.success for answer in answers)
        left = await shop.query("SELECT sum(quantity) AS left FROM listings WHERE id >= 8100")
        assert left[0]["left"] == 50 * 1000 - 100
        await shop.prove()
