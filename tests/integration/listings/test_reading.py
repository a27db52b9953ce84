"""Reading listings over gRPC on a real database."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from prometheus_client import CollectorRegistry
from providers.catalog import add_listing, insert, rows
from providers.listing_calls import create, get
from providers.refusals import INVALID, NOT_FOUND, fields_of, refused

from listings.cache.encoded import EncodedCache
from listings.metrics import CacheMetrics
from listings.transport.call import Call
from listings.transport.grpc.listings import ListingHandlers
from listings.v1 import listings_pb2 as pb


async def test_a_listing_is_read_with_all_that_belongs_to_it(service):
    c = service.connections
    listing_id = await add_listing(c, title="Oak table", price=10.5, sku="A-1")
    await insert(c, "listing_images", listing_id=listing_id, url="second", display_order=1)
    await insert(c, "listing_images", listing_id=listing_id, url="third", display_order=1)
    await insert(c, "listing_images", listing_id=listing_id, url="first", display_order=9, is_primary=True)
    await insert(c, "listing_attributes", listing_id=listing_id, attribute_key="wood", attribute_value="oak")
    await insert(c, "listing_tags", listing_id=listing_id, tag="furniture")
    await insert(c, "listing_locations", listing_id=listing_id, city="Novi Sad", latitude=45.25)
    await insert(
        c,
        "product_variants",
        product_id=listing_id,
        sku="A-1-L",
        price=12,
        stock_quantity=4,
        variant_attributes='{"size": "L", "legs": 4}',
    )

    listing = await get(service, listing_id)

    assert (listing.title, listing.price, listing.sku, listing.status) == ("Oak table", 10.5, "A-1", "active")
    assert [image.url for image in listing.images] == ["first", "second", "third"]
    assert [(a.attribute_key, a.attribute_value) for a in listing.attributes] == [("wood", "oak")]
    assert list(listing.tags) == ["furniture"]
    assert (listing.location.city, listing.location.latitude) == ("Novi Sad", 45.25)
    assert not listing.location.HasField("longitude")
    (variant,) = listing.variants
    assert (variant.sku, variant.price, variant.stock) == ("A-1-L", 12, 4)
    assert dict(variant.attributes) == {"size": "L", "legs": "4"}
    assert not listing.HasField("storefront_id")
    assert not listing.HasField("deleted_at")
    assert listing.created_at.endswith("Z")


async def test_listings_of_every_status_are_read(service):
    for status in ("draft", "active", "inactive", "sold", "archived"):
        assert (await get(service, await add_listing(service.connections, status=status))).status == status


async def test_an_unknown_listing_is_not_found(service):
    for listing_id in (404, 2**63 - 1):
        error = await refused(service.stub.GetListing(pb.GetListingRequest(id=listing_id)))
        assert error.code() is NOT_FOUND
        assert error.details().startswith("listing not found")


async def test_an_id_that_no_listing_can_have_is_refused(service):
    for listing_id in (0, -1):
        error = await refused(service.stub.GetListing(pb.GetListingRequest(id=listing_id)))
        assert (error.code(), fields_of(error)) == (INVALID, ["id"])


async def test_many_readers_at_once_each_get_their_own_listing(service):
    ids = [await add_listing(service.connections) for _ in range(20)]
    answers = await asyncio.gather(*(get(service, listing_id) for listing_id in ids * 5))
    assert [answer.id for answer in answers] == ids * 5


async def test_a_cached_answer_leaves_at_once(service, new):
    created = await create(service, new())
    cache = EncodedCache(CacheMetrics(CollectorRegistry()))
    handlers = ListingHandlers(service.app.use_cases.listings, cache, service.app.use_cases.ownership)
    for handle, request in (
        (handlers.get, pb.GetListingRequest(id=created.id)),
        (handlers.list, pb.ListListingsRequest(limit=5)),
    ):
        data, call = request.SerializeToString(), Call("test")
        first = await handle(data, call)
        assert handle(data, call) == first, "bytes, not something to wait for"


async def test_without_the_cache_every_read_is_fresh(start_service):
    async with start_service(cache={"enabled": False}) as service:
        listing_id = await add_listing(service.connections, price=1)
        for price in (1, 2, 3):
            # Another writer, who tells nobody.
            await rows(
                service.connections,
                "UPDATE listings SET price = $2 WHERE id = $1 RETURNING id",
                listing_id,
                Decimal(price),
            )
            assert (await get(service, listing_id)).price == price
