"""UpdateProduct."""

from __future__ import annotations

import asyncio
import math

import grpc
import pytest
from providers.catalog import add_category, add_storefront
from providers.refusals import INVALID, NOT_FOUND, TAKEN, fields_of, refusing
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb


@pytest.fixture
async def product(shop):
    return await shop.create(sku="CH-1", barcode="86", description="Old", location_privacy="hidden")


async def test_every_field_that_is_present_is_written(shop, product):
    category = await add_category(shop.service.connections)
    request = pb.UpdateProductRequest(
        storefront_id=shop.storefront,
        product_id=product.id,
        name="Elm chair",
        description="New",
        price=12.34,
        currency="RSD",
        category_id=category,
        sku="CH-2",
        barcode="87",
        is_active=False,
        has_individual_location=True,
        individual_address="Trg 2",
        individual_latitude=-44.5,
        individual_longitude=-20.25,
        location_privacy="exact",
        show_on_map=True,
    )
    request.attributes.update({"wood": "elm"})
    changed = (await shop.stub.UpdateProduct(request)).product
    for field, value in request.ListFields():
        if field.name not in {"storefront_id", "product_id"}:
            assert getattr(changed, field.name) == value, field.name
    assert await shop.get(product.id) == changed


async def test_fields_that_are_absent_stay(shop, product):
    changed = await shop.update(product.id, name="Elm chair")
    changed.name = product.name
    changed.updated_at.CopyFrom(product.updated_at)
    assert changed == product


async def test_an_empty_text_removes_what_may_be_absent(shop, product):
    changed = await shop.update(product.id, sku="", barcode="", description="", location_privacy="")
    assert not changed.HasField("sku")
    assert not changed.HasField("barcode")
    assert not changed.HasField("location_privacy")
    assert changed.description == ""


async def test_a_mask_picks_among_the_fields_that_are_present(shop, product):
    changed = await shop.update(product.id, mask=["name", "sku"], name="Elm chair", price=1, sku="CH-2")
    assert (changed.name, changed.sku, changed.price) == ("Elm chair", "CH-2", product.price)


async def test_a_masked_field_that_is_absent_stays(shop, product):
    changed = await shop.update(product.id, mask=["name", "description"], name="Elm chair")
    assert (changed.name, changed.description) == ("Elm chair", "Old")


@shares_service
@pytest.mark.parametrize("path", ["title", "stock_quantity", "product_id", "attributes.wood", "*", ""])
async def test_a_mask_path_that_is_no_field_is_refused(shared_shop, shared_product, path):
    with refusing(INVALID, "update_mask") as refusal:
        await shared_shop.update(shared_product.id, mask=["name", path], name="Elm chair")
    assert fields_of(refusal.value) == ["update_mask"]
    assert (await shared_shop.get(shared_product.id)).name == shared_product.name


@shares_service
async def test_nothing_to_change_is_refused(shared_shop, shared_product):
    with refusing(INVALID, "nothing to change"):
        await shared_shop.update(shared_product.id)
    with refusing(INVALID, "nothing to change"):
        await shared_shop.update(shared_product.id, mask=["price"], name="Elm chair")


@shares_service
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 256),
        ("description", "x" * 5001),
        ("price", 0),
        ("price", math.inf),
        ("currency", "euro"),
        ("category_id", -1),
        ("sku", "x" * 101),
        ("location_privacy", "secret"),
        ("individual_latitude", -90.5),
        ("product_id", 0),
        ("storefront_id", 0),
    ],
)
async def test_bad_values_are_refused_by_name_and_nothing_changes(shared_shop, shared_product, field, value):
    with refusing(INVALID, field) as refusal:
        await shared_shop.update(**{"product_id": shared_product.id, "description": "New", field: value})
    assert fields_of(refusal.value) == [field]
    assert await shared_shop.get(shared_product.id) == shared_product


@shares_service
async def test_an_unknown_product_is_not_found(shared_shop):
    for product_id in (404, 2**62):
        with refusing(NOT_FOUND, "products.not_found"):
            await shared_shop.update(product_id, name="Elm chair")


async def test_a_product_of_another_storefront_is_not_found(shop, product):
    other = await add_storefront(shop.service.connections)
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.update(product.id, storefront_id=other, name="Elm chair")


async def test_a_deleted_product_is_not_found(shop, product):
    await shop.delete(product.id)
    with refusing(NOT_FOUND, "products.not_found"):
        await shop.update(product.id, name="Elm chair")


async def test_an_unknown_or_inactive_category_is_not_found(shop, product):
    inactive = await add_category(shop.service.connections, is_active=False)
    for category in (2**40, inactive):
        with refusing(NOT_FOUND, "products.invalid_category_id"):
            await shop.update(product.id, category_id=category)


async def test_the_sku_of_another_product_is_taken_and_ones_own_is_not(shop, product):
    other = await shop.create(sku="CH-2")
    with refusing(TAKEN, "products.sku_duplicate"):
        await shop.update(other.id, sku="CH-1")
    assert (await shop.update(product.id, sku="CH-1", name="Elm chair")).name == "Elm chair"


async def test_of_concurrent_updates_to_one_sku_one_wins(shop):
    products = [await shop.create() for _ in range(8)]
    answers = await asyncio.gather(
        *(shop.update(product.id, sku="CH-9") for product in products), return_exceptions=True
    )
    codes = [answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert codes == [TAKEN] * 7
    held = await shop.rows("SELECT count(*) FROM listings WHERE sku = 'CH-9'")
    assert held[0]["count"] == 1


async def test_concurrent_updates_of_different_fields_lose_nothing(shop, product):
    await asyncio.gather(
        shop.update(product.id, name="Elm chair"),
        shop.update(product.id, price=1),
        shop.update(product.id, barcode="99"),
    )
    changed = await shop.get(product.id)
    assert (changed.name, changed.price, changed.barcode) == ("Elm chair", 1, "99")


async def test_an_update_leaves_stock_and_views_alone(shop, product):
    await shop.rows("UPDATE listings SET quantity = 3, view_count = 9 WHERE id = $1", product.id)
    changed = await shop.update(product.id, name="Elm chair")
    assert (changed.stock_quantity, changed.view_count) == (3, 9)


async def test_activity_follows_the_flag_and_publishes_anew(shop, product):
    [before] = await shop.rows("SELECT published_at FROM listings WHERE id = $1", product.id)
    assert (await shop.update(product.id, is_active=False)).is_active is False
    assert (await shop.update(product.id, is_active=True)).is_active is True
    [after] = await shop.rows("SELECT published_at FROM listings WHERE id = $1", product.id)
    assert before["published_at"] < after["published_at"]


async def test_a_draft_that_is_set_inactive_stays_a_draft(shop, product):
    await shop.rows("UPDATE listings SET status = 'draft' WHERE id = $1", product.id)
    await shop.update(product.id, is_active=False)
    assert await shop.rows("SELECT status FROM listings WHERE id = $1", product.id) == [{"status": "draft"}]


async def test_an_update_is_queued_once_and_reaches_cached_answers(shop, product):
    await shop.drain_queue()
    await shop.get(product.id)
    await shop.listed()
    await shop.stub.GetListing(pb.GetListingRequest(id=product.id))
    await shop.update(product.id, name="Elm chair")
    await shop.update(product.id, name="Ash chair")
    assert await shop.queued(product.id) == ["update"]
    assert (await shop.get(product.id)).name == "Ash chair"
    assert (await shop.listed()).products[0].name == "Ash chair"
    listing = (await shop.stub.GetListing(pb.GetListingRequest(id=product.id))).listing
    assert listing.title == "Ash chair"
