"""What is asked of the service: one generator of requests per workload, repeatable by seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.load import Request

WORDS = ("велосипед", "phone", "laptop", "stan", "куртка", "bicikl", "samsung", "книга", "sto", "шины")


@dataclass(frozen=True)
class Catalog:
    """Which ids the seeded database holds."""

    listing_ids: Sequence[int]
    category_ids: Sequence[int]
    root_category_ids: Sequence[int]


@dataclass(frozen=True)
class Workload:
    """A named source of requests; `cached` says which service answers it: with its cache or without."""

    name: str
    requests: Callable[[Catalog, int], Iterator[Request]]
    cached: bool
    calls: int
    clients: int = 32


def _get_listing(catalog: Catalog, seed: int) -> Iterator[Request]:
    chance = random.Random(seed)
    while True:
        yield "GetListing", pb.GetListingRequest(id=chance.choice(catalog.listing_ids)).SerializeToString()


def _get_hot_listing(catalog: Catalog, seed: int) -> Iterator[Request]:
    data = pb.GetListingRequest(id=catalog.listing_ids[0]).SerializeToString()
    while True:
        yield "GetListing", data


def _list_by_category(catalog: Catalog, seed: int) -> Iterator[Request]:
    chance = random.Random(seed)
    while True:
        request = pb.ListListingsRequest(category_id=chance.choice(catalog.category_ids), limit=20)
        yield "ListListings", request.SerializeToString()


def _all_categories(catalog: Catalog, seed: int) -> Iterator[Request]:
    while True:
        yield "GetAllCategories", b""


def _category_tree(catalog: Catalog, seed: int) -> Iterator[Request]:
    chance = random.Random(seed)
    while True:
        request = pb.CategoryIDRequest(category_id=chance.choice(catalog.root_category_ids))
        yield "GetCategoryTree", request.SerializeToString()


def _search(catalog: Catalog, seed: int) -> Iterator[Request]:
    chance = random.Random(seed)
    while True:
        request = pb.SearchListingsRequest(query=chance.choice(WORDS), limit=20)
        if chance.random() < 0.5:
            request.category_id = chance.choice(catalog.category_ids)
        yield "SearchListings", request.SerializeToString()


def _create_listing(catalog: Catalog, seed: int) -> Iterator[Request]:
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        request = pb.CreateListingRequest(
            user_id=chance.randrange(1, 1_000_000),
            title=f"{chance.choice(WORDS)} {seed} {number} {chance.randrange(10**9)}",
            description="As good as new, used for one season only.",
            price=chance.randrange(100, 10_000_000) / 100,
            currency="RSD",
            category_id=chance.choice(catalog.category_ids),
            quantity=1,
        )
        yield "CreateListing", request.SerializeToString()


WORKLOADS = (
    Workload("GetListing cached", _get_hot_listing, cached=True, calls=4000),
    Workload("GetListing uncached", _get_listing, cached=False, calls=3000),
    Workload("ListListings by category", _list_by_category, cached=False, calls=640),
    Workload("GetAllCategories", _all_categories, cached=True, calls=1280),
    Workload("GetCategoryTree", _category_tree, cached=True, calls=1280),
    Workload("SearchListings", _search, cached=False, calls=320),
    Workload("CreateListing", _create_listing, cached=False, calls=1280),
)


def mixed_reads(catalog: Catalog, seed: int) -> Iterator[Request]:
    """What a marketplace's visitors do: mostly single listings, then pages, searches, categories."""
    chance = random.Random(seed)
    sources = (
        [_get_listing(catalog, seed)] * 60
        + [_list_by_category(catalog, seed)] * 15
        + [_search(catalog, seed)] * 10
        + [_category_tree(catalog, seed)] * 8
        + [_all_categories(catalog, seed)] * 7
    )
    while True:
        yield next(chance.choice(sources))
