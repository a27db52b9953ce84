"""End-to-end workflows of an order: 6 scenarios."""

from __future__ import annotations

from listings.v1 import listings_pb2 as pb

SHOP = "decrement_stock"


async def check(service, items):
    return await service.stub.CheckStockAvailability(pb.CheckStockAvailabilityRequest(items=items))


async def take(service, items, order_id):
    return await service.stub.DecrementStock(pb.DecrementStockRequest(items=items, order_id=order_id))


async def give(service, items, order_id):
    return await service.stub.RollbackStock(pb.RollbackStockRequest(items=items, order_id=order_id))


async def audit(service, order_id):
    answer = await service.stub.GetInventoryHistory(pb.GetInventoryHistoryRequest(order_id=order_id))
    return [(m.movement_type, m.product_id, m.variant_id, m.delta) for m in reversed(answer.movements)]


async def test_fulfilment(service, shop):
    cart = shop.lines(plenty=3, second=1)
    assert (await check(service, cart)).all_available
    assert (await take(service, cart, "order")).success
    after = await check(service, cart)
    assert [item.available_quantity for item in after.items] == [97, 49]
    assert await audit(service, "order") == [
        ("decrement", shop["plenty"], 0, -3),
        ("decrement", shop["second"], 0, -1),
    ]
    await shop.prove()


async def test_cancellation(service, shop):
    cart = shop.lines(plenty=3, second=1)
    await take(service, cart, "order")
    assert (await give(service, cart, "order")).success
    after = await check(service, cart)
    assert [item.available_quantity for item in after.items] == [100, 50]
    assert [kind for kind, *_ in await audit(service, "order")] == ["decrement"] * 2 + ["rollback"] * 2
    await shop.prove()


async def test_partial_fulfilment(service, shop):
    await take(service, shop.lines(plenty=10, third=4), "order")
    assert (await give(service, shop.lines(plenty=4), "order")).success
    assert (await shop.stock("plenty"), await shop.stock("third")) == (94, 26)
    rest = await give(service, shop.lines(third=4), "order")
    assert rest.success
    assert (await shop.stock("plenty"), await shop.stock("third")) == (94, 30)
    await shop.prove()


async def test_check_decrement_rollback(service, shop):
    cart = shop.lines(few=5)
    assert (await check(service, cart)).all_available
    await take(service, cart, "first")
    assert not (await check(service, cart)).all_available
    assert not (await take(service, cart, "second")).success
    await give(service, cart, "first")
    assert (await check(service, cart)).all_available
    assert (await take(service, cart, "second")).success
    await shop.prove()


async def test_variant_rollback(service, shop):
    await take(service, shop.lines(small=4, medium=6), "order")
    assert not (await check(service, shop.lines(medium=1))).all_available
    assert (await shop.row("medium"))["stock_status"] == "out_of_stock"
    await give(service, shop.lines(medium=6), "order")
    assert (await shop.row("medium"))["stock_status"] == "in_stock"
    assert (await shop.stock("small"), await shop.stock("medium")) == (16, 6)
    product, variant = shop.variants["medium"]
    assert ("rollback", product, variant, 6) in await audit(service, "order")
    await shop.prove()


async def test_rollback_after_decrement_that_was_repeated(service, shop):
    """A client that lost an answer repeats its order, then cancels it, then repeats the cancellation."""
    cart = shop.lines(plenty=2, small=1)
    for _ in range(3):
        assert (await take(service, cart, "order")).success
    for _ in range(3):
        assert (await give(service, cart, "order")).success
    assert (await shop.stock("plenty"), await shop.stock("small")) == (100, 20)
    assert len(await audit(service, "order")) == 4
    await shop.prove()
