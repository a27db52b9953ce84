"""The rows of the demo catalog, table by table: the same for the same moment, without a database.

Ids follow the order of creation, as they would have. Listings of people expire 30 days after their creation, so
dates are counted back from the moment of loading.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from listings.demo.categories import ROOTS
from listings.demo.goods import GOODS, Goods
from listings.demo.places import CITIES, SHOPS, City
from listings.demo.texts import LANGUAGES, described, written
from listings.demo.tokens import DEMO_USER

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]

_SEED: Final = 20
_SOURCES: Final = {"c": "c2c", "b": "b2c", "s": "storefront"}
_DINARS: Final = 117
_EXPIRES: Final = timedelta(days=30)
_YOUNGEST: Final = timedelta(minutes=20)
_FIRST_SHOP_USER: Final = 100
_USERS: Final = range(1, 61)
_KINDS: Final = {"services": "service", "real-estate": "estate"}


@dataclass
class Catalog:
    """Rows by table, in the order in which foreign keys allow to write them."""

    categories: list[Row] = field(default_factory=list)
    storefronts: list[Row] = field(default_factory=list)
    listings: list[Row] = field(default_factory=list)
    listing_images: list[Row] = field(default_factory=list)
    listing_attributes: list[Row] = field(default_factory=list)
    listing_tags: list[Row] = field(default_factory=list)
    listing_locations: list[Row] = field(default_factory=list)
    listing_stats: list[Row] = field(default_factory=list)
    product_variants: list[Row] = field(default_factory=list)
    inventory_movements: list[Row] = field(default_factory=list)
    listing_favorites: list[Row] = field(default_factory=list)
    indexing_queue: list[Row] = field(default_factory=list)

    def tables(self) -> Iterator[tuple[str, list[Row]]]:
        """Every table with its rows."""
        yield from vars(self).items()


def demo_catalog(now: datetime) -> Catalog:
    """The whole catalog as if it had grown until `now`."""
    return _Builder(now).build()


class _Builder:
    def __init__(self, now: datetime) -> None:
        self._now = now
        self._random = random.Random(_SEED)
        self._catalog = Catalog()
        self._category_ids: dict[str, int] = {}
        self._root_of: dict[str, str] = {}

    def build(self) -> Catalog:
        self._add_categories()
        self._add_storefronts()
        offers = [
            (goods, make, seller) for goods in GOODS for make in goods.makes for seller in goods.sellers
        ]
        self._random.shuffle(offers)
        # People's listings must be younger than their 30 days; shops' products may be older.
        ages = sorted((self._random.uniform(0, 1) ** 2 * 27 for _ in offers), reverse=True)
        for number, ((goods, make, seller), age) in enumerate(zip(offers, ages, strict=True), start=1):
            self._add_listing(number, goods, make, seller, self._now - _YOUNGEST - timedelta(days=age))
        self._add_favorites()
        self._count_products()
        return self._catalog

    def _add_categories(self) -> None:
        rows = self._catalog.categories
        created = (self._now - timedelta(days=400)).replace(tzinfo=None)
        for order, root in enumerate(ROOTS, start=1):
            level: tuple[tuple[str, Any, int | None], ...] = ((root.slug, root.name, None),)
            level += tuple((slug, name, len(rows) + 1) for slug, name in root.children.items())
            for slug, name, parent in level:
                self._category_ids[slug] = len(rows) + 1
                self._root_of[slug] = root.slug
                rows.append({
                    "id": len(rows) + 1, "name": name.en, "slug": slug, "parent_id": parent,
                    "icon": root.icon, "level": 0 if parent is None else 1, "sort_order": order,
                    "is_active": True, "has_custom_ui": False, "count": 0, "created_at": created,
                    "description": f"{name.en}: buy and sell",
                    "title_en": name.en, "title_ru": name.ru, "title_sr": name.sr,
                })  # fmt: skip

    def _add_storefronts(self) -> None:
        for number, shop in enumerate(SHOPS, start=1):
            city = CITIES[shop.city]
            since = (self._now - timedelta(days=420 - number * 30)).replace(tzinfo=None)
            self._catalog.storefronts.append({
                "id": number, "user_id": _FIRST_SHOP_USER + number, "slug": shop.slug, "name": shop.name,
                "description": shop.description, "logo_url": f"https://images.example.com/shops/{shop.slug}/logo.png",
                "banner_url": f"https://images.example.com/shops/{shop.slug}/banner.jpg",
                "phone": f"+381 11 555 01{number:02d}", "email": f"info@{shop.slug}.example", "website": f"https://{shop.slug}.example",
                "address": f"{city.streets[0]} {number * 3}", "city": city.name, "postal_code": city.postal_code,
                "country": "RS", "latitude": f"{city.latitude + number / 1000:.8f}", "longitude": f"{city.longitude:.8f}",
                "is_active": True, "is_verified": number % 4 != 0, "rating": f"{4 + number / 10:.2f}",
                "reviews_count": number * 13, "products_count": 0, "sales_count": number * 41,
                "views_count": number * 977, "followers_count": number * 29, "created_at": since, "updated_at": since,
            })  # fmt: skip

    def _add_listing(self, number: int, goods: Goods, make: str, seller: str, created: datetime) -> None:
        pick = self._random
        shop = self._shop_for(goods) if seller != "c" else None
        city = CITIES[SHOPS[shop - 1].city] if shop else pick.choice(CITIES)
        language = pick.choices(LANGUAGES, (5, 3, 2, 1))[0]
        price, currency = self._price(goods, make, in_dinars=shop is not None or pick.random() < 0.4)
        attributes = {key: pick.choice(values) for key, values in goods.attributes.items()}
        versions = self._variants(number, goods, price) if seller == "b" else []
        quantity = sum(each["stock_quantity"] for each in versions) or (pick.randint(0, 60) if shop else 1)
        status = (
            pick.choices(("active", "inactive", "sold", "draft"), (94, 2, 2, 2))[0]
            if number > 5
            else "active"
        )
        attributes_of_product = (
            {**attributes, "brand": make.split(maxsplit=1)[0]} if seller == "b" and make[0].isupper() else {}
        )
        self._catalog.listings.append({
            "id": number, "uuid": str(uuid.UUID(int=pick.getrandbits(128), version=4)),
            "user_id": _FIRST_SHOP_USER + shop if shop else pick.choice([user for user in _USERS if user != DEMO_USER]),
            "storefront_id": shop, "title": written(goods.name, make, language),
            "description": described(pick, language, city.name, self._kind(goods, shop)),
            "price": f"{price:.2f}", "currency": currency, "category_id": self._category_ids[goods.category],
            "status": status, "visibility": "public", "quantity": quantity,
            "sku": f"{goods.category[:3].upper()}-{number:05d}" if seller == "b" else None,
            "view_count": 0, "favorites_count": 0, "created_at": created, "updated_at": created,
            "published_at": None if status == "draft" else created, "is_deleted": False,
            "source_type": _SOURCES[seller], "attributes": attributes_of_product,
            "stock_status": "out_of_stock" if quantity == 0 else "low_stock" if shop and quantity < 6 else "in_stock",
            "sold_count": pick.randint(0, 40) if shop else 0, "has_individual_location": False,
            "location_privacy": "exact" if shop else "approximate", "show_on_map": True,
            "has_variants": bool(versions), "slug": None,
            "expires_at": None if shop else created + _EXPIRES, "expiry_managed": shop is None,
            "barcode": f"860{number:09d}" if seller == "b" else None,
        })  # fmt: skip
        self._add_belongings(number, goods, attributes, city, created)
        self._catalog.product_variants += versions
        if seller == "b":
            self._open_ledger(number, None, quantity, created)
            for version in versions:
                version["created_at"] = version["updated_at"] = created
                self._open_ledger(number, version["id"], version["stock_quantity"], created)

    def _add_belongings(
        self, number: int, goods: Goods, attributes: dict[str, str], city: City, created: datetime
    ) -> None:
        pick, catalog = self._random, self._catalog
        listing = catalog.listings[-1]
        for position in range(1 if self._root_of[goods.category] in _KINDS else pick.randint(1, 5)):
            path = f"listings/{listing['uuid']}/{position + 1}"
            catalog.listing_images.append({
                "id": len(catalog.listing_images) + 1, "listing_id": number,
                "url": f"https://images.example.com/{path}.jpg", "storage_path": f"{path}.jpg",
                "thumbnail_url": f"https://images.example.com/{path}-320.jpg", "display_order": position,
                "is_primary": position == 0, "width": 1600, "height": 1200, "mime_type": "image/jpeg",
                "file_size": pick.randint(90_000, 900_000), "created_at": created, "updated_at": created,
            })  # fmt: skip
        for key, value in attributes.items():
            catalog.listing_attributes.append({
                "id": len(catalog.listing_attributes) + 1, "listing_id": number,
                "attribute_key": key, "attribute_value": value, "created_at": created,
            })  # fmt: skip
        tags = dict.fromkeys((goods.category, self._root_of[goods.category], goods.name.sr.lower()))
        for tag in tags:
            catalog.listing_tags.append({
                "id": len(catalog.listing_tags) + 1, "listing_id": number, "tag": tag, "created_at": created,
            })  # fmt: skip
        catalog.listing_locations.append({
            "id": number, "listing_id": number, "country": "RS", "city": city.name,
            "postal_code": city.postal_code, "address_line1": f"{pick.choice(city.streets)} {pick.randint(1, 120)}",
            "latitude": f"{city.latitude + pick.uniform(-0.03, 0.03):.8f}",
            "longitude": f"{city.longitude + pick.uniform(-0.04, 0.04):.8f}",
            "created_at": created, "updated_at": created,
        })  # fmt: skip
        views = int(pick.expovariate(1 / 140))
        listing["view_count"] = views
        catalog.listing_stats.append({
            "listing_id": number, "views_count": views, "favorites_count": 0, "inquiries_count": views // 30,
            "last_viewed_at": self._now - timedelta(minutes=pick.randint(1, 900)), "updated_at": created,
        })  # fmt: skip
        catalog.indexing_queue.append({
            "id": number, "listing_id": number, "operation": "index", "status": "pending",
            "retry_count": 0, "max_retries": 3, "created_at": created, "updated_at": created,
        })  # fmt: skip

    def _kind(self, goods: Goods, shop: int | None) -> str:
        return _KINDS.get(self._root_of[goods.category], "shop" if shop else "person")

    def _shop_for(self, goods: Goods) -> int:
        root = self._root_of[goods.category]
        return next(number for number, shop in enumerate(SHOPS, start=1) if root in shop.roots)

    def _price(self, goods: Goods, make: str, *, in_dinars: bool) -> tuple[float, str]:
        """What such a make would cost: its share of the range, the dearest make first."""
        share = 1 - (goods.makes.index(make) + self._random.random()) / len(goods.makes)
        euros = goods.low + (goods.high - goods.low) * share**1.5
        if in_dinars:
            return max(round(euros * _DINARS, -1), 50.0) - (0.01 if self._random.random() < 0.3 else 0), "RSD"
        return float(round(euros, -1) if euros > 100 else round(euros)), "EUR"

    def _variants(self, number: int, goods: Goods, price: float) -> list[Row]:
        first = len(self._catalog.product_variants) + 1
        rows = []
        for offset, values in enumerate(product(*goods.versions.values()) if goods.versions else ()):
            stock = self._random.randint(0, 25)
            rows.append({
                "id": first + offset, "product_id": number, "sku": f"{goods.category[:3].upper()}-{number:05d}-{offset + 1}",
                "price": f"{price * (1 + offset / 50):.2f}", "stock_quantity": stock,
                "stock_status": "out_of_stock" if stock == 0 else "low_stock" if stock <= 5 else "in_stock",
                "low_stock_threshold": 5, "variant_attributes": dict(zip(goods.versions, values, strict=True)),
                "is_active": True, "is_default": offset == 0, "view_count": 0, "sold_count": 0,
            })  # fmt: skip
        return rows

    def _open_ledger(self, number: int, variant: int | None, stock: int, created: datetime) -> None:
        """A ledger begins with what was there, so that the sum of its deltas is the stock."""
        movements = self._catalog.inventory_movements
        movements.append({
            "id": len(movements) + 1, "listing_id": number, "variant_id": variant, "movement_type": "opening",
            "quantity": stock, "delta": stock, "stock_before": 0, "stock_after": stock, "user_id": 0,
            "reason": "opening balance", "created_at": created,
        })  # fmt: skip

    def _add_favorites(self) -> None:
        active = [row for row in self._catalog.listings if row["status"] == "active"]
        stats = {row["listing_id"]: row for row in self._catalog.listing_stats}
        for user in _USERS:
            if user == DEMO_USER:
                continue  # whose list is empty, so that a first favorite is seen to arrive
            for listing in self._random.sample(active, self._random.randint(0, 12)):
                age = (self._now - listing["created_at"]) * self._random.random()
                self._catalog.listing_favorites.append({
                    "user_id": user, "listing_id": listing["id"], "created_at": (self._now - age).replace(tzinfo=None),
                })  # fmt: skip
                listing["favorites_count"] += 1
                stats[listing["id"]]["favorites_count"] += 1

    def _count_products(self) -> None:
        for storefront in self._catalog.storefronts:
            storefront["products_count"] = sum(
                1 for row in self._catalog.listings if row["storefront_id"] == storefront["id"]
            )
