"""Categories, storefronts and search over REST."""

from __future__ import annotations

import pytest
from providers.sharing import shares_service


class TestCategories:
    @pytest.fixture
    async def tree(self, new_category) -> tuple[int, int]:
        root = await new_category(
            "Transport", title_en="Transport", title_ru="Транспорт", title_sr="Transport"
        )
        child = await new_category("Bikes", title_en="Bikes", title_ru="Велосипеды", parent_id=root, level=1)
        await new_category("Hidden", is_active=False)
        return root, child

    async def test_roots_are_listed_in_the_language_asked_for(self, rest, tree):
        answer = await rest.http.get("/api/v1/categories", params={"lang": "ru"})
        assert answer.status_code == 200
        body = answer.json()
        assert [(one["id"], one["name"]) for one in body["categories"]] == [(tree[0], "Транспорт")]
        assert body["total"] == 1
        assert body["categories"][0]["translations"]["en"] == "Transport"

    async def test_a_name_without_translation_stays(self, rest, tree):
        answer = await rest.http.get(f"/api/v1/categories/{tree[1]}", params={"lang": "sr"})
        assert answer.json()["name"] == "Bikes"

    async def test_all_and_children_are_listed_on_request(self, rest, tree):
        root, child = tree
        everything = (await rest.http.get("/api/v1/categories", params={"all": "true"})).json()
        assert {one["id"] for one in everything["categories"]} == {root, child}
        below = (await rest.http.get("/api/v1/categories", params={"parent_id": root})).json()
        assert [one["id"] for one in below["categories"]] == [child]
        assert below["categories"][0]["parent_id"] == root

    @shares_service
    @pytest.mark.parametrize(
        ("query", "status"),
        [("lang=fr", 400), ("all=maybe", 400), ("parent_id=0", 400), ("parent_id=999", 404)],
    )
    async def test_bad_parameters_are_refused(self, shared_rest, query, status):
        assert (await shared_rest.http.get(f"/api/v1/categories?{query}")).status_code == status

    async def test_both_languages_and_level_cannot_be_asked_at_once(self, rest, tree):
        answer = await rest.http.get("/api/v1/categories", params={"all": "true", "parent_id": tree[0]})
        assert (answer.status_code, answer.json()["fields"][0]["field"]) == (400, "parent_id")


class TestStorefronts:
    @pytest.fixture
    async def shops(self, execute) -> list[int]:
        rows = await execute(
            "INSERT INTO storefronts (user_id, slug, name, city, country) "
            "SELECT n, 'shop-' || n, 'Shop ' || n, CASE WHEN n = 2 THEN 'Niš' END, 'RS' "
            "FROM generate_series(1, 3) n RETURNING id"
        )
        return [row["id"] for row in rows]

    async def test_a_storefront_is_shown_by_id_and_by_slug(self, rest, shops):
        by_id = await rest.http.get(f"/api/v1/storefronts/{shops[0]}")
        by_slug = await rest.http.get("/api/v1/storefronts/slug/shop-1")
        assert by_id.status_code == by_slug.status_code == 200
        assert by_id.json() == by_slug.json()
        assert by_id.json()["name"] == "Shop 1"
        assert "city" not in by_id.json()

    async def test_the_list_counts_filters_and_pages(self, rest, shops):
        answer = (await rest.http.get("/api/v1/storefronts", params={"limit": 2})).json()
        assert answer["total"] == 3
        assert len(answer["storefronts"]) == 2
        rest_of_them = (
            await rest.http.get(
                "/api/v1/storefronts", params={"limit": 2, "page_token": answer["next_page_token"]}
            )
        ).json()
        assert {one["id"] for one in answer["storefronts"] + rest_of_them["storefronts"]} == set(shops)
        in_city = (await rest.http.get("/api/v1/storefronts", params={"city": "Niš"})).json()
        assert [one["id"] for one in in_city["storefronts"]] == [shops[1]]

    @pytest.mark.parametrize("limit", [0, -5, 1000])
    async def test_odd_limits_are_understood(self, rest, shops, limit):
        answer = await rest.http.get("/api/v1/storefronts", params={"limit": limit, "offset": -1})
        assert (answer.status_code, len(answer.json()["storefronts"])) == (200, 3)

    @shares_service
    @pytest.mark.parametrize(
        ("path", "status", "text"),
        [
            ("404", 404, "storefront not found"),
            (str(2**40), 404, "storefront not found"),
            ("slug/nobody", 404, "storefront not found"),
            ("slug/%00", 400, "slug"),
            ("slug/" + "x" * 150, 400, "slug"),
            ("abc", 400, "invalid id parameter"),
            ("?sort_by=price", 400, "sort_by"),
            ("?sort_order=up", 400, "sort_order"),
        ],
    )
    async def test_what_is_not_there_or_wrong_is_said(self, shared_rest, path, status, text):
        separator = "" if path.startswith("?") else "/"
        answer = await shared_rest.http.get(f"/api/v1/storefronts{separator}{path}")
        assert (answer.status_code, text in answer.json()["error"]) == (status, True), answer.text


class TestSearch:
    async def test_words_and_filters_find_active_listings(self, rest, new_listing):
        bike = await new_listing(title="Crveni bicikl", price=100)
        await new_listing(title="Plavi bicikl", price=300)
        await new_listing(title="Crveni bicikl", status="draft")
        for name in ("q", "query"):
            answer = await rest.http.get("/api/v1/listings/search", params={name: "crveni", "max_price": 200})
            assert answer.status_code == 200, answer.text
            found = answer.json()["data"]
            assert [one["id"] for one in found["listings"]] == [bike]
            assert found["total"] == 1

    async def test_without_words_every_active_listing_is_found(self, rest, new_listing):
        ids = [await new_listing(), await new_listing()]
        found = (await rest.http.get("/api/v1/listings/search")).json()["data"]
        assert [one["id"] for one in found["listings"]] == list(reversed(ids))

    @shares_service
    @pytest.mark.parametrize(
        ("query", "field"),
        [("q=x", "query"), ("q=" + "x" * 300, "q"), ("q=bike&sort=best", "sort"), ("limit=500", "limit")],
    )
    async def test_a_bad_question_is_refused(self, shared_rest, query, field):
        answer = await shared_rest.http.get(f"/api/v1/listings/search?{query}")
        assert answer.status_code == 400
        assert answer.json()["fields"][0]["field"] == field

    @shares_service
    async def test_control_characters_do_no_harm(self, shared_rest):
        answer = await shared_rest.http.get("/api/v1/listings/search?q=bi%00ke%27%3B--&lang=sr")
        assert answer.status_code == 200
