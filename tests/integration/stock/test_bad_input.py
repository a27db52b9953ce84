"""What no stock call accepts: told with the field and the remedy, and nothing is written.

CheckStockAvailability refuses with a status, DecrementStock and RollbackStock inside their answer: clients
branch on that. Movements and counts have theirs in `test_movements.py`.
"""

from __future__ import annotations

import grpc
import pytest
from providers.refusals import fields_of, refusing
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb

SHOP = "decrement_stock"
PLENTY, DELETED, SHIRT, SMALL = 8000, 8005, 8007, 9000
HIGHEST = 2**31 - 1

# Lines as (product, quantity) or (product, quantity, variant), and what the refusal says.
IMPOSSIBLE = {
    "no-items": ([], "no items"),
    "too-many-items": ([(PLENTY, 1)] * 1001, "too many items: 1001, at most 1000"),
    "product-zero": ([(0, 1)], "invalid product_id"),
    "product-negative": ([(-3, 1)], "invalid product_id"),
    "quantity-zero": ([(PLENTY, 0)], "quantity must be positive"),
    "quantity-negative": ([(PLENTY, -1)], "quantity must be positive"),
    "quantity-lowest": ([(PLENTY, -(2**31))], "quantity must be positive"),
    "variant-zero": ([(SHIRT, 1, 0)], "invalid variant_id"),
    "variant-negative": ([(SHIRT, 1, -1)], "invalid variant_id"),
    "one-bad-line-among-good-ones": ([(PLENTY, 1), (SHIRT, 0), (PLENTY, 1)], "quantity must be positive"),
}
# Possible requests for what is not there, or not so often.
IN_VAIN = {
    "unknown-product": ([(404, 1)], "product 404 not found"),
    "product-beyond-every-id": ([(2**62, 1)], f"product {2**62} not found"),
    "deleted-product": ([(DELETED, 1)], f"product {DELETED} not found"),
    "variant-of-another-product": ([(PLENTY, 1, SMALL)], f"variant {SMALL} for product {PLENTY} not found"),
    "quantity-highest": ([(PLENTY, HIGHEST)], f"insufficient stock for product {PLENTY}"),
    "sum-beyond-an-integer": ([(PLENTY, HIGHEST)] * 2, f"have 100, need {2 * HIGHEST}"),
}


def items(lines):
    return [
        pb.StockItem(product_id=product, quantity=quantity, variant_id=variant[0] if variant else None)
        for product, quantity, *variant in lines
    ]


def cases(table):
    return pytest.mark.parametrize(("lines", "text"), table.values(), ids=table.keys())


async def nothing_written(shop):
    assert await shop.movements() == []
    assert await shop.queued() == {}
    assert await shop.stock("plenty") == 100


@shares_service
@cases(IMPOSSIBLE)
async def test_a_check_that_cannot_be(shared_service, shared_shop, lines, text):
    with pytest.raises(grpc.aio.AioRpcError, match=text) as refused:
        await shared_service.stub.CheckStockAvailability(pb.CheckStockAvailabilityRequest(items=items(lines)))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@shares_service
async def test_a_check_names_the_field_of_each_bad_line(shared_service, shared_shop):
    lines = items([(PLENTY, 0), (PLENTY, 1), (-3, 1), (SHIRT, 1, -1)])
    with refusing(grpc.StatusCode.INVALID_ARGUMENT, "items[0]: quantity must be positive") as caught:
        await shared_service.stub.CheckStockAvailability(pb.CheckStockAvailabilityRequest(items=lines))
    assert fields_of(caught.value) == ["items[0].quantity", "items[2].product_id", "items[3].variant_id"]


@shares_service
@cases(IN_VAIN)
async def test_a_check_in_vain(shared_service, shared_shop, lines, text):
    answer = await shared_service.stub.CheckStockAvailability(
        pb.CheckStockAvailabilityRequest(items=items(lines))
    )
    assert not answer.all_available
    assert not any(item.is_available for item in answer.items)


@shares_service
@cases(IMPOSSIBLE | IN_VAIN)
async def test_an_order_that_cannot_be(shared_service, shared_shop, lines, text):
    answer = await shared_service.stub.DecrementStock(
        pb.DecrementStockRequest(items=items(lines), order_id="order")
    )
    assert not answer.success
    assert text in answer.error
    assert [(result.success, result.stock_before - result.stock_after) for result in answer.results] == [
        (False, 0)
    ] * min(len(lines), 1000)
    await nothing_written(shared_shop)


@shares_service
@cases(IMPOSSIBLE)
async def test_a_rollback_that_cannot_be(shared_service, shared_shop, lines, text):
    answer = await shared_service.stub.RollbackStock(
        pb.RollbackStockRequest(items=items(lines), order_id="order")
    )
    assert not answer.success
    assert text in answer.error
    await nothing_written(shared_shop)


@shares_service
@pytest.mark.parametrize(
    "name",
    ["unknown-product", "product-beyond-every-id", "variant-of-another-product", "sum-beyond-an-integer"],
)
async def test_a_rollback_in_vain(shared_service, shared_shop, name):
    """Deleted products get their stock back; what would not fit is refused for what it would be."""
    lines, text = IN_VAIN[name]
    answer = await shared_service.stub.RollbackStock(
        pb.RollbackStockRequest(items=items(lines), order_id="order")
    )
    assert not answer.success
    assert (text if name != "sum-beyond-an-integer" else "would exceed 2147483647") in answer.error
    await nothing_written(shared_shop)


@shares_service
@pytest.mark.parametrize(
    ("order_id", "text"),
    [
        (None, "order_id is required"),
        ("", "order_id is required"),
        ("  ", "order_id is required"),
        ("o" * 256, "order_id must have at most 255 characters"),
        ("order\n1", "order_id must not contain control characters"),
    ],
    ids=["absent", "empty", "blank", "too-long", "control-character"],
)
async def test_a_rollback_without_a_usable_order(shared_service, shared_shop, order_id, text):
    answer = await shared_service.stub.RollbackStock(
        pb.RollbackStockRequest(items=shared_shop.lines(plenty=1), order_id=order_id)
    )
    assert not answer.success
    assert text in answer.error
    await nothing_written(shared_shop)


@shares_service
@pytest.mark.parametrize("order_id", ["o" * 256, "order\0"], ids=["too-long", "control-character"])
async def test_an_order_with_an_unusable_id(shared_service, shared_shop, order_id):
    answer = await shared_service.stub.DecrementStock(
        pb.DecrementStockRequest(items=shared_shop.lines(plenty=1), order_id=order_id)
    )
    assert not answer.success
    assert "order_id must" in answer.error
    await nothing_written(shared_shop)


async def test_half_of_a_bad_rollback_lands_and_names_the_bad_half(service, shop):
    lines = [(PLENTY, 2), (404, 1), (SHIRT, 1, SMALL), (PLENTY, 1, SMALL)]
    answer = await service.stub.RollbackStock(pb.RollbackStockRequest(items=items(lines), order_id="order"))
    assert [result.success for result in answer.results] == [True, False, True, False]
    assert ["not found" in result.error for result in answer.results] == [False, True, False, True]
    assert (await shop.stock("plenty"), await shop.stock("small")) == (102, 21)
    await shop.prove()
