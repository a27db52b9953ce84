"""With verified tokens, requests that name no user change only what the token's user owns."""

from __future__ import annotations

import time
from typing import Any

import grpc
import jwt
import pytest
from providers.catalog import add_listing, insert, rows
from providers.refusals import refused

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
