"""Listings over REST."""

from __future__ import annotations

import re

import pytest
import pytest_asyncio
from providers.catalog import add_listing
from providers.sharing import shares_service

NEW = {
    "user_id": 7,
    "title": "Gradski bicikl",
    "price": 125.5,
    "currency": "EUR",
    "quantity": 1,
    "source_type": "c2c",
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
ALWAYS = {
    "id", "uuid", "slug", "user_id", "title", "price", "currency", "category_id", "status", "visibility",
    "quantity", "source_type", "views_count", "favorites_count", "created_at", "updated_at", "is_deleted",
    "images", "tags",
}  # fmt: skip


@pytest.fixture
async def listing(rest, new_category) -> dict:
    created = await rest.http.post("/api/v1/listings", json=NEW | {"category_id": await new_category()})
    assert created.status_code == 201, created.text
    return created.json()


async def test_a_new_listing_is_answered_whole(rest, listing):
    assert listing.keys() >= ALWAYS | {"expires_at"}
    assert listing["status"] == "draft"
    assert listing["slug"] == "gradski-bicikl"
    assert (listing["price"], listing["currency"]) == (125.5, "EUR")
    assert listing["images"] == listing["tags"] == []
    assert MOMENT.fullmatch(listing["created_at"])
    assert MOMENT.fullmatch(listing["expires_at"])
    # Absent is left out, never null.
    assert (
        not {"storefront_id", "description", "sku", "published_at", "deleted_at", "location"} & listing.keys()
    )
    shown = await rest.http.get(f"/api/v1/listings/{listing['id']}")
    assert shown.json() == listing
    assert shown.headers["x-served-by"] == "microservice"


async def test_creation_says_where_the_listing_is(rest, new_category):
    created = await rest.http.post("/api/v1/listings", json=NEW | {"category_id": await new_category()})
    assert created.headers["location"] == f"/api/v1/listings/{created.json()['id']}"


async def test_a_partial_body_changes_what_it_names(rest, listing):
    path = f"/api/v1/listings/{listing['id']}"
    changed = await rest.http.put(path, json={"user_id": 7, "price": 99, "status": "active"})
    assert changed.status_code == 200
    assert (changed.json()["price"], changed.json()["status"]) == (99, "active")
    assert changed.json()["title"] == listing["title"]
    assert "published_at" in changed.json()
    assert (await rest.http.get(path)).json() == changed.json()


async def test_only_the_owner_may_change_or_delete(rest, listing):
    path = f"/api/v1/listings/{listing['id']}"
    for answer in (
        await rest.http.put(path, json={"user_id": 8, "price": 1}),
        await rest.http.delete(path, params={"user_id": 8}),
    ):
        assert (answer.status_code, answer.json()["reason"]) == (403, "NOT_OWNER")
    assert (await rest.http.get(path)).json() == listing


async def test_a_status_that_cannot_follow_conflicts(rest, listing):
    answer = await rest.http.put(f"/api/v1/listings/{listing['id']}", json={"user_id": 7, "status": "sold"})
    assert (answer.status_code, answer.json()["reason"]) == (409, "STATUS_TRANSITION")


async def test_a_deleted_listing_is_gone(rest, listing):
    path = f"/api/v1/listings/{listing['id']}"
    deleted = await rest.http.delete(path, params={"user_id": 7})
    assert (deleted.status_code, deleted.content) == (204, b"")
    for answer in (
        await rest.http.get(path),
        await rest.http.put(path, json={"user_id": 7, "price": 1}),
        await rest.http.delete(path, params={"user_id": 7}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "listing not found")


@pytest.mark.parametrize(("method", "where"), [("PUT", "body"), ("DELETE", "query")])
async def test_writing_without_a_user_names_user_id(rest, listing, method, where):
    body = {"price": 1} if method == "PUT" else None
    answer = await rest.http.request(method, f"/api/v1/listings/{listing['id']}", json=body)
    assert answer.status_code == 400
    assert [broken["field"] for broken in answer.json()["fields"]] == ["user_id"]
    assert where in answer.json()["message"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def offered(shared_service) -> list[int]:
    """Three listings that differ in price, and two in something else."""
    return [
        await add_listing(shared_service.connections, **columns)
        for columns in ({"price": 50}, {"price": 100, "user_id": 8}, {"price": 200, "status": "draft"})
    ]


class TestList:
    async def test_nothing_is_an_empty_list(self, rest):
        answer = await rest.http.get("/api/v1/listings")
        assert answer.json() == {"listings": [], "total": 0, "next_page_token": ""}

    async def test_newest_first_with_images_and_total(self, rest, new_listing, execute):
        ids = [await new_listing(title=f"Bicikl {number}") for number in range(3)]
        await execute(
            "INSERT INTO listing_images (listing_id, url, is_primary) VALUES ($1, 'https://i.example/1.jpg', true)",
            ids[2],
        )
        answer = (await rest.http.get("/api/v1/listings", params={"limit": 2, "lang": "ru"})).json()
        assert [one["id"] for one in answer["listings"]] == [ids[2], ids[1]]
        assert answer["total"] == 3
        assert [image["url"] for image in answer["listings"][0]["images"]] == ["https://i.example/1.jpg"]
        assert answer["listings"][1]["images"] == []

    async def test_offset_page_and_token_name_the_same_rows(self, rest, new_listing):
        ids = [await new_listing() for _ in range(5)]
        first = (await rest.http.get("/api/v1/listings", params={"limit": 2})).json()
        for place in ({"offset": 2}, {"page": 2}, {"page_token": first["next_page_token"]}):
            second = (await rest.http.get("/api/v1/listings", params={"limit": 2, **place})).json()
            assert [one["id"] for one in second["listings"]] == [ids[2], ids[1]], place
        last = (await rest.http.get("/api/v1/listings", params={"limit": 2, "offset": 4})).json()
        assert last["next_page_token"] == ""

    @shares_service
    @pytest.mark.parametrize(
        ("filters", "wanted"),
        [
            ({}, {0, 1, 2}),  # every status
            ({"status": "active"}, {0, 1}),
            ({"user_id": 8}, {1}),
            ({"min_price": 100}, {1, 2}),
            ({"max_price": 100}, {0, 1}),  # inclusive
            ({"min_price": 100, "max_price": 100}, {1}),
            ({"source_type": "b2c"}, set()),
            ({"category_id": 999_999}, set()),
            ({"storefront_id": 5}, set()),
        ],
    )
    async def test_filters_narrow(self, shared_rest, offered, filters, wanted):
        answer = (await shared_rest.http.get("/api/v1/listings", params=filters)).json()
        assert {one["id"] for one in answer["listings"]} == {offered[index] for index in wanted}
        assert answer["total"] == len(wanted)


class TestImages:
    @pytest.fixture
    async def images(self, new_listing, execute) -> tuple[int, list[int]]:
        listing_id = await new_listing()
        rows = await execute(
            "INSERT INTO listing_images (listing_id, url, display_order) "
            "SELECT $1, 'https://i.example/' || n || '.jpg', n FROM generate_series(1, 3) n RETURNING id",
            listing_id,
        )
        return listing_id, [row["id"] for row in rows]

    async def test_reordering_takes_effect(self, rest, images):
        listing_id, ids = images
        orders = [{"image_id": one, "display_order": 3 - place} for place, one in enumerate(ids)]
        answer = await rest.http.patch(
            f"/api/v1/listings/{listing_id}/images/reorder", json={"image_orders": orders}
        )
        assert (answer.status_code, answer.content) == (204, b"")
        shown = (await rest.http.get(f"/api/v1/listings/{listing_id}")).json()
        assert [image["id"] for image in shown["images"]] == list(reversed(ids))

    async def test_a_deleted_image_is_gone(self, rest, images):
        listing_id, ids = images
        assert (await rest.http.delete(f"/api/v1/images/{ids[0]}")).status_code == 204
        assert (await rest.http.delete(f"/api/v1/images/{ids[0]}")).status_code == 404
        shown = (await rest.http.get(f"/api/v1/listings/{listing_id}")).json()
        assert [image["id"] for image in shown["images"]] == ids[1:]

    async def test_a_named_user_must_own_the_listing(self, rest, images):
        listing_id, ids = images
        answer = await rest.http.delete(f"/api/v1/images/{ids[0]}", params={"user_id": 8})
        assert answer.status_code == 403
        orders = {"user_id": 8, "image_orders": [{"image_id": ids[0], "display_order": 9}]}
        answer = await rest.http.patch(f"/api/v1/listings/{listing_id}/images/reorder", json=orders)
        assert answer.status_code == 403

    @shares_service
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"image_orders": []}, "image_orders"),
            ({}, "image_orders"),
            ({"image_orders": [{"image_id": 0, "display_order": 1}]}, "image_orders[0].image_id"),
            (
                {"image_orders": [{"image_id": 1, "display_order": 1}, {"image_id": 2}]},
                "image_orders[1].display_order",
            ),
            ({"image_orders": [{"image_id": 1, "display_order": -1}]}, "image_orders[0].display_order"),
        ],
    )
    async def test_a_bad_element_is_named(self, shared_rest, offered, body, field):
        answer = await shared_rest.http.patch(f"/api/v1/listings/{offered[0]}/images/reorder", json=body)
        assert answer.status_code == 400
        assert answer.json()["fields"][0]["field"] == field
