"""The older family of variant calls on a real database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from providers.catalog import add_listing, insert, rows
from providers.refusals import INVALID, NOT_FOUND, TAKEN, fields_of, refused
from providers.sharing import shares_service

from listings.v1 import listings_pb2 as pb


async def create(service, listing_id: int, *variants: dict[str, Any]) -> list[pb.ListingVariant]:
    await service.stub.CreateVariants(
        pb.CreateVariantsRequest(
            listing_id=listing_id, variants=[pb.VariantInput(**fields) for fields in variants]
        )
    )
    return await variants_of(service, listing_id)


async def variants_of(service, listing_id: int) -> list[pb.ListingVariant]:
    answer = await service.stub.GetVariants(pb.ListingIDRequest(listing_id=listing_id))
    return list(answer.variants)


async def update(service, variant_id: int, **fields: Any) -> None:
    await service.stub.UpdateVariant(pb.UpdateVariantRequest(variant_id=variant_id, **fields))


async def movements(service) -> list[tuple[Any, ...]]:
    found = await rows(
        service.connections,
        """SELECT variant_id, movement_type, quantity, delta, stock_before, stock_after, reason
           FROM inventory_movements ORDER BY id""",
    )
    return [tuple(row.values()) for row in found]


async def stored(service, variant_id: int) -> dict[str, Any]:
    (row,) = await rows(service.connections, "SELECT * FROM product_variants WHERE id = $1", variant_id)
    return row


async def has_variants(service, listing_id: int) -> bool:
    (row,) = await rows(service.connections, "SELECT has_variants FROM listings WHERE id = $1", listing_id)
    return bool(row["has_variants"])


async def queued(service) -> list[int]:
    return [
        row["listing_id"] for row in await rows(service.connections, "SELECT listing_id FROM indexing_queue")
    ]


async def test_created_variants_come_back_in_order_with_every_field(service):
    listing = await add_listing(service.connections)
    first, second = await create(
        service,
        listing,
        {
            "sku": "TS-XL",
            "price": 12.5,
            "stock": 7,
            "attributes": {"size": "XL", "цвет": "красный"},
            "image_url": "https://img.example/xl.jpg",
        },
        {"sku": "TS-S"},
    )
    assert (first.listing_id, first.sku, first.price, first.stock) == (listing, "TS-XL", 12.5, 7)
    assert dict(first.attributes) == {"size": "XL", "цвет": "красный"}
    assert (first.image_url, first.is_active) == ("https://img.example/xl.jpg", True)
    assert first.created_at.endswith("Z")
    assert (second.sku, second.stock, second.is_active) == ("TS-S", 0, True)
    assert not second.HasField("price")
    assert not second.HasField("image_url")
    assert first.id < second.id
    assert await has_variants(service, listing)
    assert await queued(service) == [listing]


async def test_opening_stock_is_in_the_ledger_and_the_status_follows_it(service):
    listing = await add_listing(service.connections)
    plenty, few, none = await create(service, listing, {"stock": 6}, {"stock": 5}, {"stock": 0})
    assert await movements(service) == [
        (plenty.id, "in", 6, 6, 0, 6, "initial_stock"),
        (few.id, "in", 5, 5, 0, 5, "initial_stock"),
    ]
    assert [(await stored(service, v.id))["stock_status"] for v in (plenty, few, none)] == [
        "in_stock",
        "low_stock",
        "out_of_stock",
    ]


@shares_service
async def test_an_empty_list_creates_nothing_and_succeeds(shared_service):
    assert await create(shared_service, 404) == []
    assert await queued(shared_service) == []


async def test_variants_without_a_sku_do_not_collide(service):
    listing = await add_listing(service.connections)
    assert len(await create(service, listing, {"sku": ""}, {"sku": ""})) == 2


@pytest.mark.parametrize("state", ["unknown", "deleted", "beyond"])
async def test_no_variants_of_a_listing_that_is_not_there(service, state):
    listing = {"unknown": 404, "beyond": 2**63 - 1}.get(state) or await add_listing(
        service.connections, is_deleted=True
    )
    error = await refused(create(service, listing, {"sku": "A"}))
    assert (error.code(), error.details()) == (NOT_FOUND, "listing not found")
    assert await variants_of(service, listing) == []


async def test_a_taken_sku_creates_none_of_the_variants(service):
    listing, other = await add_listing(service.connections), await add_listing(service.connections)
    await create(service, other, {"sku": "TAKEN"})
    error = await refused(create(service, listing, {"sku": "FREE", "stock": 3}, {"sku": "TAKEN"}))
    assert (error.code(), error.details()) == (TAKEN, "variants.sku_duplicate")
    assert await variants_of(service, listing) == []
    assert await movements(service) == []
    assert not await has_variants(service, listing)
    assert await queued(service) == [other]


@shares_service
async def test_a_sku_twice_in_one_call_names_the_second(shared_service, shared_listing):
    error = await refused(create(shared_service, shared_listing, {"sku": "A"}, {"sku": "A"}))
    assert (error.code(), fields_of(error)) == (TAKEN, ["variants[1].sku"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_variant(shared_service) -> int:
    """A variant whose changes are refused, of a listing that no other test names."""
    listing = await add_listing(shared_service.connections)
    return await insert(
        shared_service.connections, "product_variants", product_id=listing, sku="KEPT", stock_quantity=2
    )


BAD_VALUES = [
    ({"price": -0.01}, "price"),
    ({"price": float("nan")}, "price"),
    ({"price": float("inf")}, "price"),
    ({"price": 9.999}, "price"),  # three decimals
    ({"price": 1e9}, "price"),
    ({"stock": -1}, "stock"),
    ({"sku": "s" * 101}, "sku"),
    ({"image_url": "u" * 2049}, "image_url"),
    ({"attributes": {"": "XL"}}, "attributes"),
    ({"attributes": {"n" * 101: "XL"}}, "attributes"),
    ({"attributes": {"size": "v" * 1001}}, "attributes[size]"),
    ({"attributes": {str(n): "v" for n in range(51)}}, "attributes"),
]


@shares_service
@pytest.mark.parametrize(("fields", "field"), BAD_VALUES)
async def test_bad_values_of_a_new_variant_name_their_field(shared_service, shared_listing, fields, field):
    error = await refused(create(shared_service, shared_listing, {"sku": "OK"}, fields))
    assert (error.code(), fields_of(error)) == (INVALID, [f"variants[1].{field}"])
    assert await variants_of(shared_service, shared_listing) == []


@shares_service
@pytest.mark.parametrize(("fields", "field"), BAD_VALUES)
async def test_bad_values_of_a_change_name_their_field(shared_service, shared_variant, fields, field):
    before = await stored(shared_service, shared_variant)
    error = await refused(update(shared_service, shared_variant, **fields))
    assert (error.code(), fields_of(error)) == (INVALID, [field])
    assert await stored(shared_service, shared_variant) == before


@shares_service
async def test_too_many_variants_are_refused(shared_service, shared_listing):
    error = await refused(create(shared_service, shared_listing, *[{}] * 1001))
    assert (error.code(), fields_of(error)) == (INVALID, ["variants"])


async def test_control_characters_do_not_reach_the_database(service):
    listing = await add_listing(service.connections)
    (variant,) = await create(service, listing, {"sku": "A\x00B", "attributes": {"si\x00ze": "X\x07L"}})
    assert variant.sku == "AB"
    assert dict(variant.attributes) == {"size": "XL"}


async def test_only_what_is_present_changes(service):
    listing = await add_listing(service.connections)
    (variant,) = await create(
        service, listing, {"sku": "A", "price": 5, "stock": 9, "attributes": {"size": "S"}, "image_url": "u"}
    )
    await update(service, variant.id, price=0)
    (after,) = await variants_of(service, listing)
    assert after.price == 0
    after.price, after.updated_at = variant.price, variant.updated_at
    assert after == variant

    await update(service, variant.id, sku="B", attributes={"size": "M"}, image_url="", is_active=False)
    (after,) = await variants_of(service, listing)
    assert (after.sku, dict(after.attributes), after.is_active) == ("B", {"size": "M"}, False)
    assert not after.HasField("image_url")


async def test_a_change_that_names_nothing_changes_nothing(service):
    listing = await add_listing(service.connections)
    (variant,) = await create(service, listing, {"sku": "A", "attributes": {"size": "S"}})
    await update(service, variant.id, attributes={})
    (after,) = await variants_of(service, listing)
    assert (after.sku, dict(after.attributes)) == ("A", {"size": "S"})


async def test_a_changed_stock_is_in_the_ledger_and_the_status_follows_it(service):
    listing = await add_listing(service.connections)
    (variant,) = await create(service, listing, {"stock": 9})
    await update(service, variant.id, stock=3)
    assert (await stored(service, variant.id))["stock_status"] == "low_stock"
    await update(service, variant.id, stock=0)
    assert (await stored(service, variant.id))["stock_status"] == "out_of_stock"
    await update(service, variant.id, stock=0)  # no change, no movement
    assert (await movements(service))[1:] == [
        (variant.id, "adjustment", 3, -6, 9, 3, "variant_updated"),
        (variant.id, "adjustment", 0, -3, 3, 0, "variant_updated"),
    ]


async def test_the_ledger_stays_unbroken_under_concurrent_changes(service):
    listing = await add_listing(service.connections)
    (variant,) = await create(service, listing, {"stock": 50})
    await asyncio.gather(*(update(service, variant.id, stock=stock) for stock in range(1, 21)))
    lines = await movements(service)
    before = 0
    for _, _, _, delta, stock_before, stock_after, _ in lines:
        assert (stock_before, stock_after) == (before, before + delta)
        before = stock_after
    assert (await stored(service, variant.id))["stock_quantity"] == before


async def test_a_taken_sku_changes_nothing(service):
    listing = await add_listing(service.connections)
    _, second = await create(service, listing, {"sku": "A"}, {"sku": "B", "stock": 4})
    error = await refused(update(service, second.id, sku="A", stock=1))
    assert (error.code(), error.details()) == (TAKEN, "variants.sku_duplicate")
    assert (await stored(service, second.id))["stock_quantity"] == 4


async def test_a_removed_variant_is_gone_its_stock_written_off(service):
    listing = await add_listing(service.connections)
    first, second = await create(service, listing, {"stock": 2}, {"stock": 0})
    await service.stub.DeleteVariant(pb.VariantIDRequest(variant_id=first.id))
    assert [variant.id for variant in await variants_of(service, listing)] == [second.id]
    assert (await movements(service))[-1] == (first.id, "adjustment", 0, -2, 2, 0, "variant_deleted")
    assert await has_variants(service, listing)

    error = await refused(service.stub.DeleteVariant(pb.VariantIDRequest(variant_id=first.id)))
    assert (error.code(), error.details()) == (NOT_FOUND, "variants.not_found")

    await service.stub.DeleteVariant(pb.VariantIDRequest(variant_id=second.id))
    assert not await has_variants(service, listing)


async def test_the_oldest_left_becomes_the_default(service):
    listing = await add_listing(service.connections)
    default = await insert(service.connections, "product_variants", product_id=listing, is_default=True)
    oldest, _ = (await create(service, listing, {}, {}))[1:]
    await service.stub.DeleteVariant(pb.VariantIDRequest(variant_id=default))
    found = await rows(service.connections, "SELECT id FROM product_variants WHERE is_default")
    assert [row["id"] for row in found] == [oldest.id]


async def test_the_newer_familys_attributes_are_shown_as_texts(service):
    listing = await add_listing(service.connections)
    await insert(
        service.connections,
        "product_variants",
        product_id=listing,
        variant_attributes='{"size": "XL", "count": 3, "dims": {"w": 1}}',
    )
    (variant,) = await variants_of(service, listing)
    assert dict(variant.attributes) == {"size": "XL", "count": "3", "dims": '{"w": 1}'}


async def test_a_change_is_seen_in_the_cached_listing(service):
    listing = await add_listing(service.connections)
    asked = pb.GetListingRequest(id=listing)
    assert len((await service.stub.GetListing(asked)).listing.variants) == 0
    await create(service, listing, {"sku": "A"})
    assert [v.sku for v in (await service.stub.GetListing(asked)).listing.variants] == ["A"]


@shares_service
@pytest.mark.parametrize(
    ("variant_id", "code"), [(0, INVALID), (-1, INVALID), (404, NOT_FOUND), (2**63 - 1, NOT_FOUND)]
)
async def test_bad_variant_ids(shared_service, variant_id, code):
    for call in (
        update(shared_service, variant_id, stock=1),
        shared_service.stub.DeleteVariant(pb.VariantIDRequest(variant_id=variant_id)),
    ):
        assert (await refused(call)).code() is code


async def test_a_variant_of_a_deleted_listing_is_not_found(service):
    listing = await add_listing(service.connections)
    (variant,) = await create(service, listing, {"stock": 1})
    await rows(
        service.connections, "UPDATE listings SET is_deleted = true WHERE id = $1 RETURNING id", listing
    )
    for call in (
        update(service, variant.id, stock=5),
        service.stub.DeleteVariant(pb.VariantIDRequest(variant_id=variant.id)),
    ):
        assert (await refused(call)).code() is NOT_FOUND
    assert (await stored(service, variant.id))["stock_quantity"] == 1
