"""Looking through the newest listings first spares work and changes no answer.

Every page is asked twice: once of the index as it is, once of one that always ranks all matches.
"""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from providers.catalog import add_category, add_listing

from listings.db.connections import Connections
from listings.domain.search import SearchQuery
from listings.metrics import Metrics
from listings.search import postgres
from listings.search.postgres import PostgresSearch
from listings.settings import DatabaseSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")  # all read one catalog over one connection

# In titles as asked, in titles longer, in descriptions alone; each listing has two of them.
WORDS = ("chair", "chairs", "chairlift", "table", "oak", "rare")
NEWEST = 12
CASES = [
    ("chair", {}),
    ("table", {}),
    ("oak chair", {}),
    ("rare", {}),
    ("chai", {}),
    ("tabl", {}),
    ("chair", {"sort": "newest"}),
    ("rare", {"sort": "newest"}),
    ("chair", {"sort": "price_asc"}),
    ("chair", {"max_price": 15}),
]


async def _write(dsn: str) -> None:
    connections = Connections(DatabaseSettings(url=dsn), Metrics().database)
    await connections.open()
    category = await add_category(connections)
    for number in range(60):
        title = "rare" if number == 5 else WORDS[number * 7 % 5]
        await add_listing(
            connections,
            title=f"{title} {number}",
            description=WORDS[number * 3 % 4],
            category_id=category,
            price=10 + number % 10,
        )
    await connections.close()


@pytest.fixture(scope="module")
def catalog(module_dsn):
    asyncio.run(_write(module_dsn))
    return module_dsn


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index(catalog):
    connections = Connections(DatabaseSettings(url=catalog, pool_size=1), Metrics().database)
    index = PostgresSearch(connections)
    await index.open()
    yield index
    await connections.close()


@pytest.fixture(autouse=True)
def few_are_the_newest(monkeypatch):
    monkeypatch.setattr(postgres, "_LOOKED_THROUGH", NEWEST)


def ranks_all(monkeypatch):
    monkeypatch.setattr(postgres, "_first_looked_through", lambda *_: "")


async def pages(index: PostgresSearch, words: str, filters: dict[str, object], limit: int):
    """All pages, by cursor and by offset, each with its total."""
    query = SearchQuery.checked(words, **filters)
    after, seen = None, 0
    while True:
        page = await index.search(query, limit=limit, after=after)
        by_offset = await index.search(query, limit=limit, offset=seen, total=page.total)
        yield [
            (listing.id, page.total, by_offset_.id, by_offset.total)
            for listing, by_offset_ in zip(page.listings, by_offset.listings, strict=True)
        ]
        seen += len(page.listings)
        after = page.last
        if after is None:
            return


@pytest.mark.parametrize(("words", "filters"), CASES)
@pytest.mark.parametrize("limit", [1, 3, 20, 100])
async def test_the_same_pages_as_when_all_matches_are_ranked(index, monkeypatch, words, filters, limit):
    quick = [page async for page in pages(index, words, filters, limit)]
    ranks_all(monkeypatch)
    assert quick == [page async for page in pages(index, words, filters, limit)]
    assert quick[0]
    assert all(by_cursor == by_offset for page in quick for by_cursor, _, by_offset, _ in page)


async def test_matches_that_the_newest_show_are_not_ranked(index, monkeypatch):
    asked = []
    fetch = index._connections.fetch

    async def explain(statement, *parameters):
        asked.append((statement, parameters))
        return await fetch(statement, *parameters)

    monkeypatch.setattr(index._connections, "fetch", explain)
    # In many titles; in many titles, unfinished; in one old title.
    for words in ("chair", "tabl", "rare"):
        await index.search(SearchQuery.checked(words), limit=1)
    plans = []
    for statement, parameters in asked:
        async with index._connections.session() as session:
            lines = await session.connection.fetch(
                f"EXPLAIN (ANALYZE, COSTS OFF) {statement.sql}", *parameters
            )
        plan = "\n".join(line[0] for line in lines)
        ranking = plan.partition("CTE found")[2].partition("CTE page")[0]
        scan = next(line for line in ranking.splitlines() if " on listing_search" in line)
        plans.append("never executed" in scan)
    assert plans == [True, True, False]
