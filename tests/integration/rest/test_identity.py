"""Who may do what over REST when tokens are verified."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt
import pytest

SECRET = "a development secret of 32 bytes or more"
EVERYWHERE = {"enabled": True, "hs256_secret": SECRET}
WRITES_ONLY = {"rest_writes": True, "hs256_secret": SECRET}
MODES = pytest.mark.parametrize("auth", [EVERYWHERE, WRITES_ONLY], ids=["everywhere", "writes-only"])


def bearer(user_id: int, **changes: Any) -> dict[str, str]:
    claims = {"sub": str(user_id), "exp": int(time.time()) + 60, **changes}
    return {"authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}


def client_of(service) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{service.app.http_port}")


PRIVATE = [
    ("POST", "/api/v1/listings"),
    ("PUT", "/api/v1/listings/1"),
    ("DELETE", "/api/v1/listings/1?user_id=7"),
    ("DELETE", "/api/v1/images/1"),
    ("PATCH", "/api/v1/listings/1/images/reorder"),
    ("POST", "/api/v1/favorites/1"),
    ("GET", "/api/v1/favorites?user_id=7"),
    ("DELETE", "/api/v1/favorites/1?user_id=7"),
    ("GET", "/api/v1/users/7/favorites"),
    ("GET", "/api/v1/favorites/1/is-favorite?user_id=7"),
    ("GET", "/api/v1/favorites/1/users"),
]
PUBLIC = [
    "/api/v1/listings",
    "/api/v1/listings/search",
    "/api/v1/categories",
    "/api/v1/storefronts",
    "/health",
    "/metrics",
    "/openapi.json",
]


@MODES
async def test_favorites_and_writes_need_a_token_and_reads_do_not(start_service, auth):
    async with start_service(auth=auth) as service, client_of(service) as http:
        for method, path in PRIVATE:
            answer = await http.request(method, path, json={"user_id": 7} if method != "GET" else None)
            assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_MISSING"), path
            assert answer.headers["www-authenticate"] == "Bearer"
            assert [each["field"] for each in answer.json()["fields"]] == ["authorization"], path
        for path in PUBLIC:
            assert (await http.get(path)).status_code == 200, path


@MODES
async def test_a_bad_token_is_refused_where_one_is_needed(start_service, auth):
    async with start_service(auth=auth) as service, client_of(service) as http:
        expired = bearer(7, exp=int(time.time()) - 60)
        answer = await http.post("/api/v1/favorites/1", headers=expired)
        assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_EXPIRED")
        assert answer.json()["error"] == "invalid authentication token"


async def test_a_bad_token_on_a_public_read_is_refused_only_where_tokens_are_read(start_service):
    garbage = {"authorization": "Bearer garbage"}
    async with start_service(auth=EVERYWHERE) as service, client_of(service) as http:
        assert (await http.get("/api/v1/listings", headers=garbage)).status_code == 401
    async with start_service(auth=WRITES_ONLY) as service, client_of(service) as http:
        assert (await http.get("/api/v1/listings", headers=garbage)).status_code == 200


async def test_a_token_wins_over_the_user_id_of_the_request(start_service, new_listing):
    listing_id = await new_listing()
    async with start_service(auth=WRITES_ONLY) as service, client_of(service) as http:
        created = await http.post(f"/api/v1/favorites/{listing_id}", json={"user_id": 8}, headers=bearer(7))
        assert (created.status_code, created.json()["user_id"]) == (201, 7)
        bodyless = await http.post(f"/api/v1/favorites/{listing_id}", headers=bearer(9))
        assert (bodyless.status_code, bodyless.json()["user_id"]) == (201, 9)
        listed = await http.get("/api/v1/favorites", params={"user_id": 8}, headers=bearer(7))
        assert [one["id"] for one in listed.json()["favorites"]] == [listing_id]
        # Another's listing stays another's, whatever user_id says.
        answer = await http.put(
            f"/api/v1/listings/{listing_id}", json={"user_id": 7, "price": 1}, headers=bearer(8)
        )
        assert (answer.status_code, answer.json()["reason"]) == (403, "NOT_OWNER")


async def test_anothers_favorites_are_closed_except_to_an_admin(start_service):
    async with start_service(auth=WRITES_ONLY) as service, client_of(service) as http:
        answer = await http.get("/api/v1/users/8/favorites", headers=bearer(7))
        assert (answer.status_code, answer.json()["reason"]) == (403, "USER_MISMATCH")
        admin = bearer(7, roles=["admin"])
        assert (await http.get("/api/v1/users/8/favorites", headers=admin)).status_code == 200


async def test_an_admin_deletes_anybodys_listing_and_acts_for_whom_it_names(start_service, new_listing):
    listing_id = await new_listing()
    admin = bearer(1, roles=["admin"])
    async with start_service(auth=EVERYWHERE) as service, client_of(service) as http:
        changed = await http.put(
            f"/api/v1/listings/{listing_id}", json={"user_id": 7, "price": 1}, headers=admin
        )
        assert changed.status_code == 200
        assert (await http.delete(f"/api/v1/listings/{listing_id}", headers=admin)).status_code == 204


async def test_images_are_their_owners_to_change(start_service, new_listing, execute):
    listing_id = await new_listing()
    rows = await execute(
        "INSERT INTO listing_images (listing_id, url) VALUES ($1, 'https://i.example/1.jpg') RETURNING id",
        listing_id,
    )
    path = f"/api/v1/images/{rows[0]['id']}"
    async with start_service(auth=WRITES_ONLY) as service, client_of(service) as http:
        other = await http.delete(path, params={"user_id": 7}, headers=bearer(8))
        assert other.status_code == 403
        assert (await http.delete(path, headers=bearer(7))).status_code == 204
