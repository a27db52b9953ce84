"""Favorites over REST."""

from __future__ import annotations

import pytest
from providers.sharing import shares_service


async def test_a_favorite_is_created_listed_and_removed(rest, new_listing):
    listing_id = await new_listing()

    created = await rest.http.post(f"/api/v1/favorites/{listing_id}", json={"user_id": 7})
    assert created.status_code == 201
    assert created.json().keys() == {"user_id", "listing_id", "created_at"}
    assert (created.json()["user_id"], created.json()["listing_id"]) == (7, listing_id)

    listed = await rest.http.get("/api/v1/favorites", params={"user_id": 7})
    assert listed.status_code == 200
    assert [one["id"] for one in listed.json()["favorites"]] == [listing_id]
    assert listed.json()["total"] == 1

    removed = await rest.http.delete(f"/api/v1/favorites/{listing_id}", params={"user_id": 7})
    assert (removed.status_code, removed.content) == (204, b"")
    again = await rest.http.get("/api/v1/favorites", params={"user_id": 7})
    assert again.json() == {"favorites": [], "total": 0, "next_page_token": ""}


async def test_adding_twice_answers_the_first_favorite(rest, new_listing):
    listing_id = await new_listing()
    first = await rest.http.post(f"/api/v1/favorites/{listing_id}", json={"user_id": 7})
    second = await rest.http.post(f"/api/v1/favorites/{listing_id}", json={"user_id": 7})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


@shares_service
async def test_removing_what_is_not_there_is_fine(shared_rest):
    removed = await shared_rest.http.delete("/api/v1/favorites/1", params={"user_id": 7})
    assert removed.status_code == 204


@shares_service
async def test_an_unknown_listing_is_not_found(shared_rest):
    answer = await shared_rest.http.post("/api/v1/favorites/404", json={"user_id": 7})
    assert answer.status_code == 404
    assert answer.json()["reason"] == "LISTING_NOT_FOUND"


@shares_service
@pytest.mark.parametrize(
    ("method", "path", "where"),
    [
        ("POST", "/api/v1/favorites/1", "body"),
        ("DELETE", "/api/v1/favorites/1", "query"),
        ("GET", "/api/v1/favorites", "query"),
        ("GET", "/api/v1/favorites/1/is-favorite", "query"),
    ],
)
async def test_without_token_and_user_id_the_answer_names_user_id(shared_rest, method, path, where):
    answer = await shared_rest.http.request(method, path)
    assert answer.status_code == 400
    assert answer.json()["reason"] == "USER_REQUIRED"
    assert [broken["field"] for broken in answer.json()["fields"]] == ["user_id"]
    assert where in answer.json()["error"]


async def test_the_client_librarys_paths_answer_wrapped(rest, new_listing):
    listing_id = await new_listing()
    await rest.http.post(f"/api/v1/favorites/{listing_id}", json={"user_id": 7})

    ids = await rest.http.get("/api/v1/users/7/favorites")
    assert ids.json() == {"data": {"listing_ids": [listing_id], "total": 1}}
    kept = await rest.http.get(f"/api/v1/favorites/{listing_id}/is-favorite", params={"user_id": 7})
    assert kept.json() == {"data": {"is_favorite": True}}
    other = await rest.http.get(f"/api/v1/favorites/{listing_id}/is-favorite", params={"user_id": 8})
    assert other.json() == {"data": {"is_favorite": False}}
    users = await rest.http.get(f"/api/v1/favorites/{listing_id}/users")
    assert users.json() == {"data": {"user_ids": [7]}}


async def test_deleted_listings_are_left_out_of_a_users_list(rest, new_listing, execute):
    kept, gone = await new_listing(), await new_listing()
    for listing_id in (kept, gone):
        await rest.http.post(f"/api/v1/favorites/{listing_id}", json={"user_id": 7})
    await execute("UPDATE listings SET is_deleted = true, deleted_at = now() WHERE id = $1", gone)
    listed = await rest.http.get("/api/v1/favorites", params={"user_id": 7})
    assert [one["id"] for one in listed.json()["favorites"]] == [kept]


async def test_pages_continue_where_the_last_one_ended(rest, new_listing):
    ids = [await new_listing() for _ in range(5)]
    for listing_id in ids:
        await rest.http.post(f"/api/v1/favorites/{listing_id}", json={"user_id": 7})
    by_token, token = [], ""
    while True:
        params = {"user_id": 7, "limit": 2, "page_token": token}
        page = (await rest.http.get("/api/v1/favorites", params=params)).json()
        by_token += [one["id"] for one in page["favorites"]]
        token = page["next_page_token"]
        if not token:
            break
    assert by_token == list(reversed(ids))
    second = await rest.http.get("/api/v1/favorites", params={"user_id": 7, "limit": 2, "page": 2})
    assert [one["id"] for one in second.json()["favorites"]] == by_token[2:4]
