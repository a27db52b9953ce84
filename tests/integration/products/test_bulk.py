"""BulkCreateProducts, BulkUpdateProducts, BulkDeleteProducts."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from providers.catalog import add_category, add_storefront
from providers.refusals import INVALID, NOT_FOUND, refusing

from listings.v1 import listings_pb2 as pb


def errors_of(answer) -> list[tuple[int, str]]:
    return [(error.index, error.error_code) for error in answer.errors]


def counts_of(answer) -> tuple[int, int]:
    return answer.successful_count, answer.failed_count


async def update(shop, *items: pb.ProductUpdateInput, **fields: int) -> pb.BulkUpdateProductsResponse:
    request = pb.BulkUpdateProductsRequest(**{"storefront_id": shop.storefront, "updates": items, **fields})
    return await shop.stub.BulkUpdateProducts(request)


def change(product, mask=(), **fields: object) -> pb.ProductUpdateInput:
    item = pb.ProductUpdateInput(product_id=product.id, **fields)
    item.update_mask.paths.extend(mask)
    return item


async def delete(
    shop, *ids: int, within: float | None = None, **fields: object
) -> pb.BulkDeleteProductsResponse:
    request = pb.BulkDeleteProductsRequest(**{"storefront_id": shop.storefront, "product_ids": ids, **fields})
    return await shop.stub.BulkDeleteProducts(request, timeout=within)


async def test_all_good_items_are_created_in_request_order(shop):
    answer = await shop.bulk_create(
        [shop.item(name=f"Chair {n}", sku=f"C-{n}", stock_quantity=n) for n in range(50)]
    )
    assert counts_of(answer) == (50, 0)
    assert [product.sku for product in answer.products] == [f"C-{n}" for n in range(50)]
    assert [product.id for product in answer.products] == sorted(product.id for product in answer.products)
    assert await shop.get(answer.products[7].id) == answer.products[7]
    assert await shop.counted("indexing_queue") == 50
    assert await shop.counted("inventory_movements") == 49


async def test_the_good_half_lands_and_each_bad_item_is_named(shop):
    await shop.create(sku="TAKEN")
    inactive = await add_category(shop.service.connections, is_active=False)
    bad = {
        1: ({"name": "ab"}, "products.validation_failed"),
        3: ({"price": 0}, "products.validation_failed"),
        5: ({"category_id": 2**40}, "products.invalid_category_id"),
        7: ({"category_id": inactive}, "products.invalid_category_id"),
        9: ({"sku": "TAKEN"}, "products.sku_duplicate"),
        11: ({"sku": "C-0"}, "products.sku_duplicate"),
        13: ({"stock_quantity": -1}, "products.validation_failed"),
        15: ({"currency": "x"}, "products.validation_failed"),
    }
    items = [shop.item(**{"sku": f"C-{n}", **bad.get(n, ({},))[0]}) for n in range(16)]
    answer = await shop.bulk_create(items)
    assert errors_of(answer) == [(index, code) for index, (_, code) in bad.items()]
    assert counts_of(answer) == (8, 8)
    assert [product.sku for product in answer.products] == [f"C-{n}" for n in range(0, 16, 2)]
    assert all(error.error_message and not error.HasField("product_id") for error in answer.errors)
    assert await shop.counted("listings") == 9


async def test_the_first_good_item_of_a_sku_is_kept(shop):
    answer = await shop.bulk_create(
        [shop.item(sku="A", name="x"), shop.item(sku="A", name="Kept"), shop.item(sku="A")]
    )
    assert errors_of(answer) == [(0, "products.validation_failed"), (2, "products.sku_duplicate")]
    assert [product.name for product in answer.products] == ["Kept"]


async def test_items_of_one_name_get_slugs_of_their_own(shop):
    await shop.create(name="Oak chair 2")
    for _ in range(2):
        answer = await shop.bulk_create([shop.item() for _ in range(20)] + [shop.item(name="Oak chair 3")])
        assert counts_of(answer) == (21, 0)
    assert (await shop.rows("SELECT count(DISTINCT slug) FROM listings"))[0]["count"] == 43


async def test_bulk_items_have_no_variants_and_are_active(shop):
    answer = await shop.bulk_create([shop.item(has_variants=True, is_active=False)])
    assert (answer.products[0].has_variants, answer.products[0].is_active) == (False, True)


async def test_a_thousand_items_are_the_most(shop):
    assert counts_of(await shop.bulk_create([shop.item()] * 1000)) == (1000, 0)
    with refusing(INVALID, "products.bulk_too_large"):
        await shop.bulk_create([shop.item()] * 1001)
    with refusing(INVALID, "products.bulk_empty"):
        await shop.bulk_create([])


async def test_an_unknown_storefront_creates_nothing(shop):
    shop.storefront = 404
    with refusing(NOT_FOUND, "storefront not found"):
        await shop.bulk_create([shop.item(), shop.item(name="")])


async def test_overlapping_bulks_create_each_sku_once(shop):
    skus = [f"C-{n}" for n in range(30)]
    orders = [skus, skus[::-1], skus[15:] + skus[:15]]
    answers = await asyncio.gather(
        *(shop.bulk_create([shop.item(sku=sku) for sku in order]) for order in orders)
    )
    assert sum(answer.successful_count for answer in answers) == 30
    assert all(sum(counts_of(answer)) == 30 for answer in answers)
    assert await shop.counted("listings") == 30


@pytest.fixture
async def ten(shop):
    return list((await shop.bulk_create([shop.item(sku=f"C-{n}") for n in range(10)])).products)


async def test_updates_land_in_request_order(shop, ten):
    answer = await update(shop, *(change(product, name=f"New {product.sku}") for product in ten[::-1]))
    assert counts_of(answer) == (10, 0)
    assert [product.name for product in answer.products] == [f"New {product.sku}" for product in ten[::-1]]
    assert await shop.get(ten[3].id) == answer.products[6]


async def test_every_field_of_an_update_is_written(shop, ten):
    category = await add_category(shop.service.connections)
    item = change(
        ten[0], name="Elm", description="d", price=3, currency="RSD", category_id=category, sku="X", barcode="1",
        is_active=False,
    )  # fmt: skip
    item.attributes.update({"a": 1})
    [product] = (await update(shop, item)).products
    for field, value in item.ListFields():
        if field.name not in {"product_id", "update_mask"}:
            assert getattr(product, field.name) == value, field.name


async def test_bad_updates_are_named_and_the_others_land(shop, ten):
    other = await add_storefront(shop.service.connections)
    foreign = await shop.create(storefront_id=other)
    await shop.delete(ten[4].id)
    broken = change(ten[6])
    broken.attributes.update({"a": float("nan")})
    items = [
        change(ten[0], name="ab"),
        change(ten[1], price=1),
        change(foreign, price=1),
        change(ten[2], sku="C-3"),
        change(ten[4], price=1),
        change(ten[5], category_id=2**40),
        broken,
        change(ten[7], mask=["price"], name="Unseen"),
        change(ten[8], mask=["title"], name="Unseen"),
        change(ten[9], mask=["price"], price=2, name="Unseen"),
    ]
    answer = await update(shop, *items)
    assert errors_of(answer) == [
        (0, "products.validation_failed"),
        (2, "products.not_found"),
        (3, "products.sku_duplicate"),
        (4, "products.not_found"),
        (5, "products.invalid_category_id"),
        (6, "products.invalid_attributes"),
        (7, "products.no_fields_to_update"),
        (8, "products.validation_failed"),
    ]
    assert [error.product_id for error in answer.errors][:2] == [ten[0].id, foreign.id]
    assert counts_of(answer) == (2, 8)
    assert [(product.price, product.name) for product in answer.products] == [
        (1, "Oak chair"),
        (2, "Oak chair"),
    ]


async def test_skus_move_on_within_a_batch_one_after_the_other(shop, ten):
    answer = await update(
        shop,
        change(ten[0], sku="FREE"),
        change(ten[1], sku="C-0"),
        change(ten[2], sku="C-1"),
        change(ten[3], sku="C-4"),
    )
    assert errors_of(answer) == [(3, "products.sku_duplicate")]
    assert [product.sku for product in answer.products] == ["FREE", "C-0", "C-1"]


async def test_a_sku_goes_over_to_whichever_row_is_written_first(shop, ten):
    bare = (await shop.bulk_create([shop.item()])).products[0]
    await update(shop, change(ten[0], sku=""))
    for wanted in (
        ((ten[2], "FREE"), (ten[1], "C-2")),  # down the ids
        ((ten[4], "OTHER"), (ten[5], "C-4")),  # up the ids
        ((ten[9], "LAST"), (ten[0], "C-9")),  # to one that had none
        ((ten[8], ""), (bare, "C-8")),  # from one that has none then
    ):
        answer = await update(shop, *(change(product, sku=sku) for product, sku in wanted))
        assert errors_of(answer) == []
        assert [product.sku for product in answer.products] == [sku for _, sku in wanted]


async def test_bulk_changes_reach_cached_answers(shop, ten):
    await shop.listed()
    await shop.get(ten[0].id)
    await update(shop, change(ten[0], name="Elm chair"))
    assert (await shop.get(ten[0].id)).name == "Elm chair"
    assert (await shop.listed()).products[-1].name == "Elm chair"
    await delete(shop, ten[0].id)
    assert (await shop.listed()).total_count == 9
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.get(ten[0].id)
    await shop.bulk_create([shop.item()])
    assert (await shop.listed()).total_count == 10


async def test_a_product_named_twice_is_changed_twice(shop, ten):
    answer = await update(shop, change(ten[0], name="First"), change(ten[0], price=7))
    assert counts_of(answer) == (2, 0)
    product = await shop.get(ten[0].id)
    assert (product.name, product.price) == ("First", 7)


async def test_no_update_is_no_error(shop):
    assert counts_of(await update(shop)) == (0, 0)


async def test_an_update_without_id_or_field_refuses_the_call(shop, ten):
    for item, text in ((pb.ProductUpdateInput(price=1), "updates[1]"), (change(ten[1]), "updates[1]")):
        with refusing(INVALID, text):
            await update(shop, change(ten[0], name="Elm chair"), item)
    with refusing(INVALID, "products.bulk_update_limit_exceeded"):
        await update(shop, *[change(ten[0], price=1)] * 1001)
    assert (await shop.get(ten[0].id)).name == "Oak chair"


async def test_bulk_updates_in_opposite_order_both_land(shop, ten):
    answers = await asyncio.gather(
        *(
            update(shop, *(change(product, price=n + 1) for product in (ten if n % 2 else ten[::-1])))
            for n in range(8)
        )
    )
    assert all(counts_of(answer) == (10, 0) for answer in answers)


@pytest.mark.parametrize("hard", [False, True])
async def test_deletions_count_every_id_once(shop, ten, hard):
    parent = await shop.create(has_variants=True)
    await shop.add_variant(parent.id)
    await shop.add_variant(parent.id)
    await shop.delete(ten[0].id)
    ids = [ten[0].id, 404, ten[1].id, ten[1].id, parent.id, 2**62]
    answer = await delete(shop, *ids, hard_delete=hard)
    assert counts_of(answer) == (3, 2)
    assert answer.variants_deleted == 2
    assert errors_of(answer) == [(1, "products.not_found"), (5, "products.not_found")]
    assert [error.product_id for error in answer.errors] == [404, 2**62]
    assert (await shop.listed()).total_count == 8


async def test_a_second_soft_deletion_succeeds_and_takes_no_more_variants(shop, ten):
    await delete(shop, ten[0].id)
    answer = await delete(shop, ten[0].id)
    assert (*counts_of(answer), answer.variants_deleted) == (1, 0, 0)


async def test_products_of_another_storefront_stay(shop, ten):
    other = await add_storefront(shop.service.connections)
    answer = await delete(shop, ten[0].id, storefront_id=other, hard_delete=True)
    assert errors_of(answer) == [(0, "products.not_found")]
    assert (await shop.get(ten[0].id)).id == ten[0].id


async def test_bad_deletions_are_refused(shop, ten):
    for ids, text in (
        ((), "products.bulk_empty"),
        (range(1, 1002), "products.bulk_too_large"),
        ((ten[0].id, 0), "product_ids[1]"),
    ):
        with refusing(INVALID, text):
            await delete(shop, *ids)
    with refusing(grpc.StatusCode.DEADLINE_EXCEEDED, "at least 5 seconds"):
        await delete(shop, ten[0].id, within=4)
    assert (await shop.listed()).total_count == 10


async def test_an_update_whose_skus_others_keep_taking_is_given_up_and_changes_nothing(shop):
    """A trigger takes the SKU every time, as a crowd of others would."""
    product = await shop.create(sku="mine")
    await shop.rows(
        """DO $$ BEGIN
            CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS $f$
            BEGIN RAISE unique_violation USING CONSTRAINT = 'listings_storefront_sku_unique'; END $f$;
            CREATE TRIGGER taken BEFORE UPDATE ON listings FOR EACH ROW EXECUTE FUNCTION taken();
        END $$"""
    )
    update = pb.ProductUpdateInput(product_id=product.id, sku="yours", name="Another name")
    with refusing(grpc.StatusCode.ABORTED, "retry"):
        await shop.stub.BulkUpdateProducts(
            pb.BulkUpdateProductsRequest(storefront_id=shop.storefront, updates=[update])
        )
    assert (await shop.get(product.id)).sku == "mine"
