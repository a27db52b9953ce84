"""The newer variant family: GetVariant, GetVariantsByProductID, {Create,Update,Delete}ProductVariant, bulk."""

from __future__ import annotations

import asyncio
import math

import grpc
import pytest
from providers.refusals import INVALID, NOT_FOUND, TAKEN, fields_of, refusing
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
async def product(shop):
    return await shop.create(has_variants=True, stock_quantity=0)


async def get(shop, variant_id, **fields: int) -> pb.ProductVariant:
    return (await shop.stub.GetVariant(pb.GetVariantRequest(variant_id=variant_id, **fields))).variant


async def of_product(shop, product_id, **fields: bool) -> list[pb.ProductVariant]:
    request = pb.GetVariantsByProductIDRequest(product_id=product_id, **fields)
    return list((await shop.stub.GetVariantsByProductID(request)).variants)


async def update(shop, variant, mask=(), **fields: object) -> pb.ProductVariant:
    given = {"variant_id": variant.id, "product_id": variant.product_id, **fields}
    request = pb.UpdateProductVariantRequest(**given)
    request.update_mask.paths.extend(mask)
    return (await shop.stub.UpdateProductVariant(request)).variant


async def delete(shop, variant, **fields: int) -> pb.DeleteProductVariantResponse:
    given = {"variant_id": variant.id, "product_id": variant.product_id, **fields}
    return await shop.stub.DeleteProductVariant(pb.DeleteProductVariantRequest(**given))


async def create_many(shop, product_id, *items: dict) -> pb.BulkCreateProductVariantsResponse:
    request = pb.BulkCreateProductVariantsRequest(
        product_id=product_id, variants=[pb.ProductVariantInput(**item) for item in items]
    )
    return await shop.stub.BulkCreateProductVariants(request)


async def test_a_variant_is_what_was_asked_for(shop, product):
    request = pb.CreateProductVariantRequest(
        product_id=product.id,
        sku="CH-1-XL",
        barcode="86",
        price=10.5,
        compare_at_price=12,
        cost_price=0,
        stock_quantity=9,
        low_stock_threshold=3,
        weight=1.125,
        is_default=True,
    )
    request.variant_attributes.update({"size": "XL"})
    request.dimensions.update({"height": 90})
    variant = (await shop.stub.CreateProductVariant(request)).variant
    for field, value in request.ListFields():
        assert getattr(variant, field.name) == value, field.name
    assert (variant.is_active, variant.stock_status) == (True, "in_stock")
    assert await get(shop, variant.id) == variant
    assert await shop.movements(product.id) == [(variant.id, "in", 9, 0, 9, "initial_stock")]


@pytest.mark.parametrize(
    ("stock", "threshold", "status"),
    [(0, None, "out_of_stock"), (5, None, "low_stock"), (6, None, "in_stock"), (2, 1, "in_stock"), (9, 9, "low_stock")],
)  # fmt: skip
async def test_stock_status_follows_stock_and_threshold(shop, product, stock, threshold, status):
    variant = await shop.add_variant(product.id, stock_quantity=stock, low_stock_threshold=threshold)
    assert variant.stock_status == status


async def test_the_default_mark_moves_to_the_new_default(shop, product):
    first = await shop.add_variant(product.id, is_default=True)
    second = await shop.add_variant(product.id, is_default=True)
    assert [(v.id, v.is_default) for v in await of_product(shop, product.id)] == [
        (second.id, True),
        (first.id, False),
    ]


async def test_of_concurrent_defaults_one_keeps_the_mark(shop, product):
    await asyncio.gather(*(shop.add_variant(product.id, is_default=True) for _ in range(8)))
    variants = await of_product(shop, product.id)
    assert [v.is_default for v in variants] == [True] + [False] * 7


async def test_a_product_that_has_no_variants_gets_none(shop):
    plain = await shop.create()
    with refusing(PRECONDITION, "variants.product_no_variants"):
        await shop.add_variant(plain.id)


async def test_an_unknown_inactive_or_deleted_product_gets_none(shop, product):
    with refusing(NOT_FOUND, "variants.product_not_found"):
        await shop.add_variant(2**62)
    await shop.update(product.id, is_active=False)
    with refusing(NOT_FOUND, "variants.product_not_found"):
        await shop.add_variant(product.id)
    await shop.delete(product.id)
    with refusing(NOT_FOUND, "variants.product_not_found"):
        await shop.add_variant(product.id)


async def test_a_sku_is_given_once_over_all_products(shop, product):
    other = await shop.create(has_variants=True)
    await shop.add_variant(product.id, sku="V-1")
    with refusing(TAKEN, "variants.sku_duplicate"):
        await shop.add_variant(other.id, sku="V-1", stock_quantity=4)
    assert await of_product(shop, other.id) == []
    assert [row[0] for row in await shop.movements(other.id)] == [None]


@shares_service
@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("product_id", 0, "variants.invalid_product_id"),
        ("stock_quantity", -1, "variants.invalid_stock_quantity"),
        ("price", -0.01, "price"),
        ("compare_at_price", math.nan, "compare_at_price"),
        ("cost_price", 1.234, "cost_price"),
        ("weight", -1, "weight"),
        ("weight", 1e9, "weight"),
        ("low_stock_threshold", -1, "low_stock_threshold"),
        ("sku", "x" * 101, "sku"),
        ("barcode", "x" * 101, "barcode"),
    ],
)
async def test_bad_values_are_refused_by_name_and_nothing_is_written(
    shared_shop, shared_product, field, value, text
):
    with refusing(INVALID, text) as refusal:
        await shared_shop.add_variant(**{"product_id": shared_product.id, field: value})
    assert fields_of(refusal.value) == [field]
    assert await shared_shop.counted("product_variants") == 0


async def test_a_variant_of_another_product_is_not_found(shop, product):
    variant = await shop.add_variant(product.id)
    assert (await get(shop, variant.id, product_id=product.id)).id == variant.id
    with refusing(NOT_FOUND, "variants.not_found"):
        await get(shop, variant.id, product_id=product.id + 1)
    with refusing(NOT_FOUND, "variants.not_found"):
        await update(shop, variant, product_id=product.id + 1, barcode="1")
    with refusing(NOT_FOUND, "variants.not_found"):
        await delete(shop, variant, product_id=product.id + 1)


@shares_service
@pytest.mark.parametrize("variant_id", [404, 2**40, 2**62])
async def test_an_unknown_variant_is_not_found(shared_shop, shared_product, variant_id):
    unknown = pb.ProductVariant(id=variant_id, product_id=shared_product.id)
    for call in (
        get(shared_shop, variant_id),
        update(shared_shop, unknown, barcode="1"),
        update(shared_shop, unknown),
        delete(shared_shop, unknown),
    ):
        with refusing(NOT_FOUND, "variants.not_found"):
            await call


async def test_only_active_variants_on_demand(shop, product):
    first, second = await shop.add_variant(product.id), await shop.add_variant(product.id)
    await update(shop, first, is_active=False)
    assert [v.id for v in await of_product(shop, product.id)] == [first.id, second.id]
    assert [v.id for v in await of_product(shop, product.id, is_active_only=True)] == [second.id]


@shares_service
async def test_an_unknown_product_has_no_variants(shared_shop):
    assert await of_product(shared_shop, 2**62) == []


async def test_changed_stock_is_in_the_ledger_and_its_status_follows(shop, product):
    variant = await shop.add_variant(product.id, stock_quantity=9)
    for stock, status in ((4, "low_stock"), (0, "out_of_stock"), (20, "in_stock")):
        changed = await update(shop, variant, stock_quantity=stock)
        assert (changed.stock_quantity, changed.stock_status) == (stock, status)
    assert await shop.movements(product.id) == [
        (variant.id, "in", 9, 0, 9, "initial_stock"),
        (variant.id, "adjustment", 4, 9, 4, "variant_updated"),
        (variant.id, "adjustment", 0, 4, 0, "variant_updated"),
        (variant.id, "adjustment", 20, 0, 20, "variant_updated"),
    ]


async def test_unchanged_stock_is_no_movement(shop, product):
    variant = await shop.add_variant(product.id, stock_quantity=9)
    await update(shop, variant, stock_quantity=9, barcode="1")
    assert len(await shop.movements(product.id)) == 1


async def test_a_mask_picks_among_the_fields_that_are_present(shop, product):
    variant = await shop.add_variant(product.id, sku="V-1", price=5)
    changed = await update(shop, variant, mask=["price"], price=6, sku="V-2")
    assert (changed.price, changed.sku) == (6, "V-1")
    with refusing(INVALID, "update_mask"):
        await update(shop, variant, mask=["prise"], price=7)


async def test_a_change_of_nothing_gives_the_variant_as_it_is(shop, product):
    variant = await shop.add_variant(product.id, sku="V-1")
    assert await update(shop, variant) == variant


async def test_the_only_active_variant_stays_active(shop, product):
    first, second = await shop.add_variant(product.id), await shop.add_variant(product.id)
    await update(shop, first, is_active=False)
    with refusing(PRECONDITION, "variants.last_variant"):
        await update(shop, second, is_active=False, barcode="1")
    assert not (await get(shop, second.id)).HasField("barcode")


async def test_of_concurrent_deactivations_one_variant_stays_active(shop, product):
    variants = [await shop.add_variant(product.id) for _ in range(5)]
    answers = await asyncio.gather(
        *(update(shop, variant, is_active=False) for variant in variants), return_exceptions=True
    )
    codes = [answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert codes == [PRECONDITION]


async def test_a_taken_sku_changes_nothing(shop, product):
    await shop.add_variant(product.id, sku="V-1")
    variant = await shop.add_variant(product.id, sku="V-2", stock_quantity=3)
    with refusing(TAKEN, "variants.sku_duplicate"):
        await update(shop, variant, sku="V-1", stock_quantity=8)
    assert await get(shop, variant.id) == variant
    assert len(await shop.movements(product.id)) == 1


async def test_the_default_goes_to_the_lowest_id_that_remains(shop, product):
    first, second = await shop.add_variant(product.id), await shop.add_variant(product.id)
    default = await shop.add_variant(product.id, is_default=True)
    assert (await delete(shop, default)).success
    assert [(v.id, v.is_default) for v in await of_product(shop, product.id)] == [
        (first.id, True),
        (second.id, False),
    ]


async def test_deleting_the_last_variant_leaves_a_plain_product(shop, product):
    variant = await shop.add_variant(product.id, stock_quantity=2)
    await delete(shop, variant)
    assert (await shop.get(product.id)).has_variants is False
    assert (await shop.movements(product.id))[-1] == (variant.id, "out", 2, 2, 0, "variant_deleted")
    with refusing(NOT_FOUND, "variants.not_found"):
        await delete(shop, variant)


async def test_every_change_is_queued_and_reaches_cached_answers(shop, product):
    await shop.drain_queue()
    await shop.get(product.id)
    variant = await shop.add_variant(product.id)
    assert len((await shop.get(product.id)).variants) == 1
    await update(shop, variant, barcode="77")
    assert (await shop.get(product.id)).variants[0].barcode == "77"
    await delete(shop, variant)
    assert len((await shop.get(product.id)).variants) == 0
    assert await shop.queued(product.id) == ["update"]


async def test_many_variants_are_created_in_request_order(shop, product):
    answer = await create_many(
        shop, product.id, *({"sku": f"V-{n}", "stock_quantity": n, "is_default": n == 2} for n in range(5))
    )
    assert [v.sku for v in answer.variants] == [f"V-{n}" for n in range(5)]
    assert (answer.successful_count, answer.failed_count, len(answer.errors)) == (5, 0, 0)
    assert [row[2] for row in await shop.movements(product.id)] == [1, 2, 3, 4]


@shares_service
@pytest.mark.parametrize(
    ("items", "code", "text", "fields"),
    [
        ((), INVALID, "variants.bulk_empty", ["variants"]),
        (({"is_default": True},) * 2, INVALID, "variants.multiple_defaults", ["variants"]),
        (({}, {"stock_quantity": -1}), INVALID, "variants.invalid_stock_quantity", ["variants[1].stock_quantity"]),
        (({}, {"price": -1}), INVALID, "variants[1]", ["variants[1].price"]),
        (({"sku": "A"}, {"sku": "A"}), TAKEN, "variants.sku_duplicate", ["variants[1].sku"]),
        (({},) * 1001, INVALID, "variants.bulk_too_many", ["variants"]),
    ],
)  # fmt: skip
async def test_one_bad_variant_keeps_all_from_being_created(
    shared_shop, shared_product, items, code, text, fields
):
    with refusing(code, text) as refusal:
        await create_many(shared_shop, shared_product.id, *items)
    assert fields_of(refusal.value) == fields
    assert await shared_shop.counted("product_variants") == 0


async def test_a_sku_that_exists_keeps_all_from_being_created(shop, product):
    await shop.add_variant(product.id, sku="V-1")
    with refusing(TAKEN, "variants.sku_duplicate") as refusal:
        await create_many(shop, product.id, {"sku": "V-0"}, {}, {"sku": "V-1"})
    assert fields_of(refusal.value) == ["variants[2].sku"]
    assert await shop.counted("product_variants") == 1
