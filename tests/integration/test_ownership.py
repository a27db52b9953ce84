"""With verified tokens, requests that name no user change only what the token's user owns."""

from __future__ import annotations

import time
from typing import Any

import grpc
import jwt
import pytest
from providers.catalog import add_category, add_listing, add_storefront, insert, rows
from providers.refusals import refused

from listings.transport.policy import POLICIES, Access
from listings.v1 import listings_pb2 as pb

SECRET = "a development secret of 32 bytes or more"
OWNER, STRANGER, ADMIN = 7, 8, 9


def bearer(user_id: int, *roles: str) -> list[tuple[str, str]]:
    claims = {"sub": str(user_id), "exp": int(time.time()) + 60, "roles": list(roles)}
    return [("authorization", f"Bearer {jwt.encode(claims, SECRET, 'HS256')}")]


@pytest.fixture
async def guarded(start_service):
    async with start_service(auth={"enabled": True, "hs256_secret": SECRET}) as service:
        yield service


async def changes(service, listing: int) -> list[tuple[str, Any]]:
    """One request of every kind that changes a listing without naming a user."""
    image = await insert(service.connections, "listing_images", listing_id=listing, url="u")
    doomed = await insert(service.connections, "listing_images", listing_id=listing, url="u")
    variant = await insert(service.connections, "product_variants", product_id=listing)
    doomed_variant = await insert(service.connections, "product_variants", product_id=listing)
    order = pb.ImageOrder(image_id=image, display_order=1)
    return [
        ("AddListingImage", pb.AddImageRequest(listing_id=listing, url="u")),
        ("DeleteListingImage", pb.ImageIDRequest(image_id=doomed)),
        ("ReorderListingImages", pb.ReorderImagesRequest(listing_id=listing, image_orders=[order])),
        ("CreateVariants", pb.CreateVariantsRequest(listing_id=listing, variants=[pb.VariantInput(stock=1)])),
        ("UpdateVariant", pb.UpdateVariantRequest(variant_id=variant, stock=2)),
        ("DeleteVariant", pb.VariantIDRequest(variant_id=doomed_variant)),
    ]


async def test_a_stranger_changes_nothing(guarded):
    listing = await add_listing(guarded.connections, user_id=OWNER)
    for method, request in await changes(guarded, listing):
        error = await refused(getattr(guarded.stub, method)(request, metadata=bearer(STRANGER)))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED, method
        assert error.details() == "unauthorized: user does not own this listing"
    assert await rows(guarded.connections, "SELECT 1 FROM indexing_queue") == []


async def test_without_a_token_nobody_changes_anything(guarded):
    listing = await add_listing(guarded.connections, user_id=OWNER)
    for method, request in await changes(guarded, listing):
        error = await refused(getattr(guarded.stub, method)(request))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED, method


@pytest.mark.parametrize("who", [(OWNER,), (ADMIN, "admin")], ids=["owner", "admin"])
async def test_the_owner_and_an_administrator_may(guarded, who):
    listing = await add_listing(guarded.connections, user_id=OWNER)
    for method, request in await changes(guarded, listing):
        await getattr(guarded.stub, method)(request, metadata=bearer(*who))


async def test_the_ledger_names_who_changed_the_stock(guarded):
    listing = await add_listing(guarded.connections, user_id=OWNER)
    variant = await insert(guarded.connections, "product_variants", product_id=listing)
    await guarded.stub.UpdateVariant(
        pb.UpdateVariantRequest(variant_id=variant, stock=2), metadata=bearer(ADMIN, "admin")
    )
    (movement,) = await rows(guarded.connections, "SELECT user_id FROM inventory_movements")
    assert movement["user_id"] == ADMIN


async def of_a_shop(service, shop: int) -> list[tuple[str, Any]]:
    """One request of every kind that changes a shop, or reads what is its owner's business."""
    category = await add_category(service.connections)
    product, doomed, doomed_too = [await add_product(service, shop, category) for _ in range(3)]
    variant = await insert(service.connections, "product_variants", product_id=product)
    doomed_variant = await insert(service.connections, "product_variants", product_id=product)
    new = {"name": "Oak chair", "price": 10.0, "currency": "EUR", "category_id": category}
    listing = {"title": "Oak chair", "price": 10.0, "currency": "EUR", "category_id": category}
    return [
        (
            "CreateListing",
            pb.CreateListingRequest(storefront_id=shop, quantity=1, source_type="b2c", **listing),
        ),
        ("CreateProduct", pb.CreateProductRequest(storefront_id=shop, **new)),
        ("UpdateProduct", pb.UpdateProductRequest(storefront_id=shop, product_id=product, price=11)),
        ("DeleteProduct", pb.DeleteProductRequest(storefront_id=shop, product_id=doomed)),
        (
            "BulkCreateProducts",
            pb.BulkCreateProductsRequest(storefront_id=shop, products=[pb.ProductInput(**new)]),
        ),
        (
            "BulkUpdateProducts",
            pb.BulkUpdateProductsRequest(
                storefront_id=shop, updates=[pb.ProductUpdateInput(product_id=product, price=12)]
            ),
        ),
        ("BulkDeleteProducts", pb.BulkDeleteProductsRequest(storefront_id=shop, product_ids=[doomed_too])),
        ("CreateProductVariant", pb.CreateProductVariantRequest(product_id=product, stock_quantity=1)),
        (
            "BulkCreateProductVariants",
            pb.BulkCreateProductVariantsRequest(
                product_id=product, variants=[pb.ProductVariantInput(stock_quantity=1)]
            ),
        ),
        (
            "UpdateProductVariant",
            pb.UpdateProductVariantRequest(product_id=product, variant_id=variant, stock_quantity=2),
        ),
        (
            "DeleteProductVariant",
            pb.DeleteProductVariantRequest(product_id=product, variant_id=doomed_variant),
        ),
        (
            "RecordInventoryMovement",
            pb.RecordInventoryMovementRequest(
                storefront_id=shop, product_id=product, movement_type="in", quantity=1
            ),
        ),
        (
            "BatchUpdateStock",
            pb.BatchUpdateStockRequest(
                storefront_id=shop, items=[pb.StockUpdateItem(product_id=product, quantity=3)]
            ),
        ),
        ("GetProductStats", pb.GetProductStatsRequest(storefront_id=shop)),
        ("GetInventoryHistory", pb.GetInventoryHistoryRequest(storefront_id=shop)),
        ("GetInventoryHistory", pb.GetInventoryHistoryRequest(product_id=product)),
    ]


async def add_product(service, shop: int, category: int) -> int:
    return await add_listing(
        service.connections,
        user_id=OWNER,
        storefront_id=shop,
        category_id=category,
        source_type="b2c",
        has_variants=True,
    )


async def test_a_shop_is_its_owners_alone(guarded):
    shop = await add_storefront(guarded.connections, user_id=OWNER)
    requests = await of_a_shop(guarded, shop)
    before = await rows(guarded.connections, "SELECT * FROM listings ORDER BY id")
    for method, request in requests:
        error = await refused(getattr(guarded.stub, method)(request, metadata=bearer(STRANGER)))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED, method
        assert error.details() == "unauthorized: user does not own this storefront", method
    assert await rows(guarded.connections, "SELECT * FROM listings ORDER BY id") == before
    assert await rows(guarded.connections, "SELECT 1 FROM inventory_movements") == []
    assert await rows(guarded.connections, "SELECT 1 FROM indexing_queue") == []


@pytest.mark.parametrize("who", [(OWNER,), (ADMIN, "admin")], ids=["owner", "admin"])
async def test_a_shops_owner_and_an_administrator_may_do_all_of_it(guarded, who):
    shop = await add_storefront(guarded.connections, user_id=OWNER)
    for method, request in await of_a_shop(guarded, shop):
        await getattr(guarded.stub, method)(request, metadata=bearer(*who))


async def test_the_history_of_all_shops_is_no_users(guarded):
    everything = pb.GetInventoryHistoryRequest()
    error = await refused(guarded.stub.GetInventoryHistory(everything, metadata=bearer(OWNER)))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    await guarded.stub.GetInventoryHistory(everything, metadata=bearer(ADMIN, "admin"))


async def test_what_does_not_exist_is_not_found_whoever_asks(guarded):
    asked = pb.DeleteProductVariantRequest(product_id=10**9, variant_id=10**9)
    error = await refused(guarded.stub.DeleteProductVariant(asked, metadata=bearer(STRANGER)))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_every_change_is_somebodys(guarded):
    """Whoever adds an RPC says here how it is held to its owner, or that nobody has to own anything."""
    shop = await add_storefront(guarded.connections, user_id=OWNER)
    listing = await add_listing(guarded.connections, user_id=OWNER)
    owned = {method for method, _ in (*await changes(guarded, listing), *await of_a_shop(guarded, shop))}
    by_named_user = {"UpdateListing", "DeleteListing", "AddToFavorites", "RemoveFromFavorites"}
    nobodys = {"IncrementProductViews"}
    for_services = {name for name, policy in POLICIES.items() if policy.access is Access.SERVICE}
    writes = {name for name, policy in POLICIES.items() if policy.writes}
    assert writes <= owned | by_named_user | nobodys | for_services
