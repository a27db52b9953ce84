"""Search on 100,000 listings: how long each kind of query takes.

    LISTINGS_PROVE=1 python -m pytest -n0 -s tests/prove/test_search_speed.py

Without LISTINGS_PROVE a tenth of the catalog is written. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time

import pytest
from providers import big_catalog

from listings.db.connections import Connections
from listings.domain.search import SearchQuery
from listings.metrics import Metrics
from listings.search.postgres import PostgresSearch
from listings.settings import DatabaseSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_PROVE = os.environ.get("LISTINGS_PROVE") == "1"
_LISTINGS = 100_000 if _PROVE else 10_000
_RUNS = 60 if _PROVE else 10
# The promise of one search, for a page of 20: the P95. A machine that does other things too gets more time, and of so
# few runs the median is judged: one that stood still for a moment says nothing.
_SECONDS = 0.050 if _PROVE else 0.500

QUERIES = {
    "a word of a quarter of all": ("телефон", {}),
    "a word of a fifth, in descriptions": ("продаю", {}),
    "a word of a tenth": ("trek", {}),
    "an unfinished word": ("telef", {}),
    "two words": ("новый велосипед", {}),
    "words and prices": ("bicycle trek", {"min_price": 10, "max_price": 50}),
    "a misspelt word": ("велосипет", {}),
    "a word of nothing": ("qwertyuiop", {}),
    "no words": ("", {}),
    "no words, cheapest first": ("", {"sort": "price_asc"}),
}


@pytest.fixture(scope="module")
def catalog(module_dsn):
    started = time.perf_counter()
    asyncio.run(
        big_catalog.seed(module_dsn, listings=_LISTINGS, products=_LISTINGS // 5, images_per_listing=3)
    )
    print(f"\n{_LISTINGS} listings written in {time.perf_counter() - started:.0f} s")
    return module_dsn


async def test_every_kind_of_search_is_answered_in_time(catalog):
    connections = Connections(DatabaseSettings(url=catalog, pool_size=1), Metrics().database)
    index = PostgresSearch(connections)
    await index.open()
    slow = []
    print(f"\n{'query':40} {'matches':>8} {'p50 ms':>8} {'p95 ms':>8}")
    for name, (words, fields) in QUERIES.items():
        query = SearchQuery.checked(words, **fields)
        page = await index.search(query, limit=20)  # prepares
        seconds = []
        for _ in range(_RUNS):
            started = time.perf_counter()
            await index.search(query, limit=20)
            seconds.append(time.perf_counter() - started)
        p50, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
        print(f"{name:40} {page.total:8} {1000 * p50:8.1f} {1000 * p95:8.1f}")
        judged = p95 if _PROVE else p50
        if judged > _SECONDS:
            slow.append((name, judged))
    await connections.close()
    assert not slow
