"""The demo catalog: the same every time, complete, and true to the rules that its tables state."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from listings.demo.catalog import Catalog, demo_catalog
from listings.demo.categories import ROOTS
from listings.demo.texts import in_cyrillic
from listings.demo.tokens import DEMO_USER, demo_secret, demo_token

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return demo_catalog(NOW)


def test_the_same_moment_gives_the_same_rows(catalog: Catalog):
    assert demo_catalog(NOW) == catalog


def test_eighteen_roots_with_children_in_three_languages(catalog: Catalog):
    roots = [row for row in catalog.categories if row["parent_id"] is None]

    assert len(roots) == len(ROOTS) == 18
    assert {row["parent_id"] for row in catalog.categories} >= {row["id"] for row in roots}
    assert all(row[f"title_{language}"] for row in catalog.categories for language in ("en", "ru", "sr"))
    assert len({row["slug"] for row in catalog.categories}) == len(catalog.categories)


def test_several_hundred_listings_of_all_three_sources(catalog: Catalog):
    sources = Counter(row["source_type"] for row in catalog.listings)

    assert sources.keys() == {"c2c", "b2c", "storefront"}
    assert len(catalog.listings) >= 300
    assert min(sources.values()) >= 50


def test_every_storefront_sells_and_only_storefronts_do(catalog: Catalog):
    sold = Counter(row["storefront_id"] for row in catalog.listings if row["source_type"] != "c2c")

    assert sold == {row["id"]: row["products_count"] for row in catalog.storefronts}
    assert all(row["storefront_id"] is None for row in catalog.listings if row["source_type"] == "c2c")


def test_every_listing_has_one_primary_image_a_place_and_tags(catalog: Catalog):
    ids = {row["id"] for row in catalog.listings}
    primary = Counter(row["listing_id"] for row in catalog.listing_images if row["is_primary"])

    assert primary == dict.fromkeys(ids, 1)
    assert {row["listing_id"] for row in catalog.listing_locations} == ids
    assert {row["listing_id"] for row in catalog.listing_tags} == ids


def test_texts_are_in_three_languages_and_two_scripts(catalog: Catalog):
    titles = " ".join(row["title"] for row in catalog.listings)

    assert all(word in titles for word in ("Bicikl ", "Велосипед ", "Bicycle ", "Бицикл "))


def test_listings_of_people_end_in_the_future_thirty_days_after_they_began(catalog: Catalog):
    for row in catalog.listings:
        if row["source_type"] == "c2c":
            assert row["expires_at"] == row["created_at"] + timedelta(days=30) > NOW
        else:
            assert row["expires_at"] is None


def test_ids_follow_creation(catalog: Catalog):
    moments = [row["created_at"] for row in catalog.listings]

    assert moments == sorted(moments)
    assert len(set(moments)) == len(moments)
    assert moments[-1] < NOW


def test_every_ledger_adds_up_to_its_stock(catalog: Catalog):
    summed: defaultdict[tuple[int, int | None], int] = defaultdict(int)
    for row in catalog.inventory_movements:
        summed[row["listing_id"], row["variant_id"]] += row["delta"]
    stock: dict[tuple[int, int | None], int] = {
        (row["id"], None): row["quantity"] for row in catalog.listings if row["source_type"] == "b2c"
    }
    stock |= {(row["product_id"], row["id"]): row["stock_quantity"] for row in catalog.product_variants}

    assert summed == stock


def test_favorites_are_counted_and_the_demo_user_has_none(catalog: Catalog):
    counted = Counter(row["listing_id"] for row in catalog.listing_favorites)

    assert {
        row["id"]: row["favorites_count"] for row in catalog.listings if row["favorites_count"]
    } == counted
    assert DEMO_USER not in {row["user_id"] for row in catalog.listing_favorites}


def test_prices_are_ones_that_the_service_accepts(catalog: Catalog):
    for row in catalog.listings:
        assert 0 < float(row["price"]) <= 999_999_999.99
        assert row["currency"] in ("EUR", "RSD")


@pytest.mark.parametrize(
    ("latin", "cyrillic"),
    [("Ljubav, njiva i džem", "Љубав, њива и џем"), ("Đorđe", "Ђорђе"), ("54 m²", "54 м²")],
)
def test_serbian_changes_script(latin: str, cyrillic: str):
    assert in_cyrillic(latin) == cyrillic


def test_secret_is_made_once_and_is_its_owners(tmp_path):
    folder = tmp_path / "data"
    secret = demo_secret(folder)

    assert demo_secret(folder) == secret
    assert len(secret) >= 32
    assert (folder / "token-secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["token-secret"]


def test_token_says_who_and_until_when():
    import jwt

    claims = jwt.decode(demo_token("s" * 40, 9, roles=["admin"], days=1), "s" * 40, algorithms=["HS256"])

    assert (claims["sub"], claims["user_id"], claims["roles"]) == ("9", 9, ["admin"])
    assert claims["exp"] - claims["iat"] == 86_400
