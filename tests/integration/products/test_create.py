"""CreateProduct."""

from __future__ import annotations

import asyncio
import math

import grpc
import pytest
from providers.catalog import add_category, add_storefront
from providers.refusals import INVALID, NOT_FOUND, fields_of, refusing
from providers.sharing import shares_service

EXISTS = grpc.StatusCode.ALREADY_EXISTS


async def test_a_product_is_what_was_asked_for(shop):
    attributes = {"wood": "oak", "legs": 4, "sizes": [1.5, None, True], "maker": {"town": "Niš"}}
    request = shop.new(
        description="Two\nlines",
        sku="CH-1",
        barcode="8600000000017",
        has_individual_location=True,
        individual_address="Trg 1",
        individual_latitude=44.8,
        individual_longitude=20.5,
        location_privacy="approximate",
        show_on_map=True,
        has_variants=True,
    )
    request.attributes.update(attributes)
    product = (await shop.stub.CreateProduct(request)).product
    assert product.id > 0
    for field in (
        "storefront_id", "name", "description", "price", "currency", "category_id", "sku", "barcode",
        "stock_quantity", "attributes", "has_individual_location", "individual_address", "individual_latitude",
        "individual_longitude", "location_privacy", "show_on_map", "has_variants",
    ):  # fmt: skip
        assert getattr(product, field) == getattr(request, field), field
    assert (product.is_active, product.stock_status) == (True, "in_stock")
    assert await shop.get(product.id) == product


async def test_a_product_is_created_active_whatever_the_plain_flag_says(shop):
    # Absent and false look alike on the wire, and old clients leave it out.
    for asked in (False, True):
        assert (await shop.create(name=f"Chair {asked}", is_active=asked)).is_active
    product = await shop.create(name="Chair without a map", show_on_map=False)
    assert not product.show_on_map


async def test_a_product_belongs_to_the_owner_of_the_storefront(shop):
    product = await shop.create()
    [row] = await shop.rows("SELECT user_id, source_type, slug FROM listings WHERE id = $1", product.id)
    assert row == {"user_id": 70, "source_type": "b2c", "slug": "oak-chair"}


async def test_opening_stock_is_in_the_ledger(shop):
    product = await shop.create(stock_quantity=7)
    assert await shop.movements(product.id) == [(None, "in", 7, 0, 7, "initial_stock")]


async def test_no_stock_is_out_of_stock_and_no_movement(shop):
    product = await shop.create(stock_quantity=0)
    assert product.stock_status == "out_of_stock"
    assert await shop.movements(product.id) == []


async def test_a_new_product_is_queued_for_the_index_once(shop):
    product = await shop.create()
    assert await shop.queued(product.id) == ["index"]


async def test_a_new_product_shows_on_a_page_read_before(shop):
    assert (await shop.listed()).total_count == 0
    product = await shop.create()
    page = await shop.listed()
    assert [shown.id for shown in page.products] == [product.id]


async def test_a_sku_is_given_once_in_a_storefront(shop):
    await shop.create(sku="CH-1")
    with refusing(EXISTS, "products.sku_duplicate") as refusal:
        await shop.create(sku="CH-1")
    assert fields_of(refusal.value) == ["sku"]
    assert (await shop.listed()).total_count == 1


async def test_another_storefront_may_have_the_sku(shop):
    other = await add_storefront(shop.service.connections)
    await shop.create(sku="CH-1")
    assert (await shop.create(sku="CH-1", storefront_id=other)).sku == "CH-1"


async def test_a_deleted_product_gives_its_sku_free(shop):
    await shop.delete((await shop.create(sku="CH-1")).id)
    assert (await shop.create(sku="CH-1")).sku == "CH-1"


async def test_of_concurrent_creations_of_one_sku_one_wins(shop):
    answers = await asyncio.gather(
        *(shop.stub.CreateProduct(shop.new(sku="CH-1")) for _ in range(12)), return_exceptions=True
    )
    codes = [answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert codes == [EXISTS] * 11
    assert await shop.counted("listings") == 1
    assert await shop.counted("inventory_movements") == 1


async def test_concurrent_creations_of_one_name_get_slugs_of_their_own(shop):
    await asyncio.gather(*(shop.create() for _ in range(12)))
    slugs = await shop.rows("SELECT DISTINCT slug FROM listings")
    assert len(slugs) == 12


@pytest.mark.parametrize("name", ["Столица", "商品名称", "🪑🪑🪑"])
async def test_a_name_of_any_script_is_accepted(shop, name):
    assert (await shop.create(name=name)).name == name


async def test_public_is_another_word_for_exact(shop):
    assert (await shop.create(location_privacy="public")).location_privacy == "exact"


async def test_control_characters_are_dropped(shop):
    request = shop.new(name="Oak\x00 chair\n", sku="C\x00H", description="a\x00b")
    request.attributes.update({"a\x00": "b\x00"})
    product = (await shop.stub.CreateProduct(request)).product
    assert (product.name, product.sku, product.description) == ("Oak chair", "CH", "ab")
    assert dict(product.attributes) == {"a": "b"}


@shares_service
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("storefront_id", 0),
        ("name", ""),
        ("name", "ab"),
        ("name", "x" * 256),
        ("name", "\u200b\u200b\u200b\u200b"),
        ("description", "x" * 5001),
        ("price", 0),
        ("price", -1),
        ("price", 9.999),
        ("price", math.nan),
        ("price", 1e12),
        ("currency", ""),
        ("currency", "eur"),
        ("category_id", 0),
        ("category_id", -5),
        ("sku", "x" * 101),
        ("barcode", "x" * 101),
        ("stock_quantity", -1),
        ("individual_latitude", 91),
        ("individual_longitude", math.nan),
        ("individual_address", "x" * 1001),
        ("location_privacy", "secret"),
    ],
)
async def test_bad_values_are_refused_by_name_and_nothing_is_written(shared_shop, field, value):
    with refusing(INVALID, field) as refusal:
        await shared_shop.create(**{field: value})
    assert fields_of(refusal.value) == [field]
    assert await shared_shop.counted("listings") == 0
    assert await shared_shop.counted("inventory_movements") == 0


@shares_service
async def test_attributes_hold_only_what_can_be_stored(shared_shop):
    request = shared_shop.new()
    request.attributes.update({"size": {"width": math.inf}})
    with refusing(INVALID, "attributes.size.width"):
        await shared_shop.stub.CreateProduct(request)


@shares_service
async def test_an_unknown_category_is_not_found(shared_shop):
    with refusing(NOT_FOUND, "products.invalid_category_id"):
        await shared_shop.create(category_id=2**40)


async def test_an_inactive_category_takes_no_products(shop):
    inactive = await add_category(shop.service.connections, is_active=False)
    with refusing(NOT_FOUND, "products.invalid_category_id"):
        await shop.create(category_id=inactive)


@shares_service
async def test_an_unknown_storefront_is_not_found(shared_shop):
    with refusing(NOT_FOUND, "storefront not found"):
        await shared_shop.create(storefront_id=2**40)
