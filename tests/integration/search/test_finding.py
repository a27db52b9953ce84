"""What an index finds and in which order: what every implementation of `SearchIndex` must do.

The catalog is small and named: a query is followed by the names of the listings it must find, in order.
"""
# ruff: noqa: RUF001, RUF003 - three scripts are what is tested

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from providers.catalog import add_category, add_listing, add_storefront

from listings.db.connections import Connections
from listings.db.statements import Statement
from listings.domain.search import SearchQuery
from listings.metrics import Metrics
from listings.search.postgres import PostgresSearch
from listings.settings import DatabaseSettings

# Most tests read one catalog over one connection.
shares_index = pytest.mark.asyncio(loop_scope="module")

# name: (title, description); later ones are newer.
CATALOG = {
    "ru bike": ("Горный велосипед Stels", "Почти новый, для прогулок"),
    "ru stand": ("Подставка в гараж", "Держит один велосипед на стене"),
    "sr cyr": ("Роман о животу", "Писац Ђорђе, прво издање"),
    "sr lat": ("Đorđe Vajfert pivo", "Krigla iz pivare"),
    "sr plain": ("Majica Djordje", "Pamuk"),
    "sr bike": ("Brdski bicikl Capriolo", "Malo vožen"),
    "cot": ("Дечји креветац", "Дрвени, са душеком"),
    "en chairs": ("Folding chairs", "Set of four"),
    "en tablecloth": ("Tablecloth, linen", "For a table of six people"),
    "en table": ("Oak table", "Solid"),
    "phone": ("iPhone 12 mini", "Case wi-fi e-mail"),
    "cjk": ("北京 地图", "1990"),
    "arabic": ("كتاب قديم", "لغة"),
    "yo": ("Чайник для чая зелёный", "Ёмкость два литра"),
    "quotes": ('O\'Reilly "Learning SQL"', "Book: 3rd ed. (2020)"),
}


async def _write(dsn: str) -> dict[int, str]:
    connections = Connections(DatabaseSettings(url=dsn), Metrics().database)
    await connections.open()
    category = await add_category(connections)
    names = {}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for name, (title, description) in CATALOG.items():
        moment += timedelta(hours=1)
        id_ = await add_listing(
            connections, title=title, description=description, category_id=category, created_at=moment
        )
        names[id_] = name
    await connections.close()
    return names


@pytest.fixture(scope="module")
def names(module_dsn):
    return asyncio.run(_write(module_dsn))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index(module_dsn, names):
    connections = Connections(DatabaseSettings(url=module_dsn, pool_size=1), Metrics().database)
    search = PostgresSearch(connections)
    await search.open()
    yield search
    await connections.close()


@pytest.fixture(scope="module")
def find(index, names):
    async def find(query: str, **arguments: object) -> list[str]:
        page = await index.search(SearchQuery.checked(query, **arguments), limit=100)
        assert page.total == len(page.listings)
        return [names[listing.id] for listing in page.listings]

    return find


@shares_index
@pytest.mark.parametrize("query", ["Ђорђе", "Đorđe", "djordje", "DJORDJE", "đorđe", "dorde"])
async def test_a_serbian_name_is_one_word_in_both_scripts_and_without_marks(find, query):
    assert sorted(await find(query)) == ["sr cyr", "sr lat", "sr plain"]


@shares_index
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("велосипеды", ["ru bike", "ru stand"]),  # Russian, many
        ("велосипедами", ["ru bike", "ru stand"]),
        ("chair", ["en chairs"]),  # English, one of many
        ("folded chair", ["en chairs"]),
        ("bicikla", ["sr bike"]),  # Serbian genitive
        ("бицикли", ["sr bike"]),  # Serbian, many, in the other script
        ("kreveca", ["cot"]),  # spelled alike: the stem changes more than an ending
        ("зеленый", ["yo"]),  # е for ё
        ("емкость", ["yo"]),
        ("ЁМКОСТЬ", ["yo"]),
    ],
)
async def test_inflected_words_find_each_other(find, query, found):
    assert await find(query) == found


@shares_index
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("велос", ["ru bike", "ru stand"]),
        ("горный вел", ["ru bike"]),
        ("brd", ["sr bike"]),
        ("брд", ["sr bike"]),  # typed in Cyrillic, written in Latin
        ("iph", ["phone"]),
        ("iphone 1", ["phone"]),
    ],
)
async def test_the_last_word_may_be_unfinished(find, query, found):
    assert await find(query) == found


@shares_index
async def test_an_unfinished_word_before_the_last_is_a_misspelt_one(index):
    assert not (await index.search(SearchQuery.checked("горный вел"), limit=10)).close
    assert (await index.search(SearchQuery.checked("вел горный"), limit=10)).close


@shares_index
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("велосипет", ["ru bike"]),  # a wrong letter; a title is compared, descriptions are not
        ("велоспед", ["ru bike"]),  # one missing
        ("веллосипед", ["ru bike"]),  # one too many
        ("велосиепд", ["ru bike"]),  # two swapped
        ("bicilk", ["sr bike"]),
        ("foldign chairs", ["en chairs"]),
        ("capriollo brdski", ["sr bike"]),
        ("для велосипета", ["ru bike"]),  # stop words are not looked for
        ("qqqqqq", []),  # nothing is spelled like this
        ("iphnoe qqqqqq", []),  # nor is one of two enough
    ],
)
async def test_misspelt_words_find_their_neighbours_when_nothing_is_spelled_so(find, query, found):
    assert await find(query) == found


@shares_index
async def test_a_typo_is_searched_for_only_when_the_words_find_nothing(index):
    assert not (await index.search(SearchQuery.checked("table"), limit=10)).close
    assert (await index.search(SearchQuery.checked("tabel"), limit=10)).close


@shares_index
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("велосипед", ["ru bike", "ru stand"]),  # title before description, though older
        ("table", ["en table", "en tablecloth"]),  # whole word before prefix
        ("tablec", ["en tablecloth"]),
    ],
)
async def test_titles_come_before_descriptions_and_whole_words_before_prefixes(find, query, found):
    assert await find(query) == found


@shares_index
async def test_all_words_must_be_there_though_not_in_one_place(find):
    assert await find("гараж велосипед") == ["ru stand"]
    assert await find("велосипед бухта") == []


@shares_index
@pytest.mark.parametrize("query", ["и велосипед на", "велосипед и", "the велосипед"])
async def test_stop_words_narrow_nothing(find, query):
    assert await find(query) == ["ru bike", "ru stand"]


@shares_index
async def test_only_stop_words_are_looked_for_as_they_are(find):
    assert await find("для") == ["yo", "ru bike"]  # in a title, then in a description


@shares_index
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("北京", ["cjk"]),
        ("كتاب", ["arabic"]),
        ("wi-fi", ["phone"]),
        ("e-mail", ["phone"]),
        ("iphone-12", ["phone"]),  # -12 is another number than 12, but spelled alike
        ("o'reilly", ["quotes"]),
        ('"learning sql"', ["quotes"]),
        ("(2020)", ["quotes"]),
    ],
)
async def test_other_scripts_and_signs_are_words_like_any(find, query, found):
    assert await find(query) == found


@shares_index
@pytest.mark.parametrize(
    "query",
    [
        "'; DROP TABLE listings; --",
        "a & | ! <-> b",
        "foo:*A & bar:B",
        "''' ''",
        "\\ \\' \\\\",
        "((((((",
        "!!",
        "::",
        "%s %(x)s {} {0} $1 $$",
        "*:*",
        "😀😀",
        "\u200b\u200d\ufeff",
        "ﷺ ﷽",
        "\U000e0001\U000e0041",
        "и в не на",
        "the of and",
        "a " * 100,
        "ж" * 200,
        "x\u0301" * 100,
        "http://x.y/z?q=1&r='2' a@b.c -1e10 1/2 1.2.3.4 <b>",
        "\\u0000 \\x00",
        "ІЇҐ ß ﬁ İ ı ſ",
    ],
)
@pytest.mark.parametrize("sort", ["relevance", "price_asc"])
async def test_no_text_is_an_error(index, query, sort):
    page = await index.search(SearchQuery.checked(query[:200], sort=sort), limit=10)
    assert page.total >= 0


async def test_pg_trgm_is_used_where_it_is_installed(new_database):
    dsn = new_database()
    await _write(dsn)
    connections = Connections(DatabaseSettings(url=dsn, pool_size=1), Metrics().database)
    search = PostgresSearch(connections)
    await search.open()
    assert not search.has_pg_trgm
    offered = Statement("t", "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")
    if await connections.fetchval(offered) is None:
        await connections.close()
        pytest.skip("this PostgreSQL comes without pg_trgm")
    await connections.fetch(Statement("t", "CREATE EXTENSION pg_trgm"))
    await search.open()
    assert search.has_pg_trgm
    page = await search.search(SearchQuery.checked("велосипет"), limit=10)
    assert [listing.title for listing in page.listings] == ["Горный велосипед Stels"]
    await connections.close()


async def test_filters_narrow_what_words_find(dsn):
    connections = Connections(DatabaseSettings(url=dsn, pool_size=1), Metrics().database)
    shop = await add_storefront(connections)
    tools, toys = await add_category(connections), await add_category(connections)
    ids = {
        "cheap": await add_listing(connections, title="Saw one", price=Decimal("5.10"), category_id=tools),
        "dear": await add_listing(connections, title="Saw two", price=50, category_id=tools),
        "toy": await add_listing(connections, title="Saw toy", price=7, category_id=toys),
        "shop": await add_listing(
            connections, title="Saw shop", price=8, category_id=toys, source_type="b2c", storefront_id=shop
        ),
    }
    names = {id_: name for name, id_ in ids.items()}
    search = PostgresSearch(connections)

    async def find(query: str, **filters: object) -> set[str]:
        page = await search.search(SearchQuery.checked(query, **filters), limit=10)
        assert page.total == len(page.listings)
        return {names[listing.id] for listing in page.listings}

    for query in ("saw", "saww", ""):  # by words, by words spelled alike, without words
        assert await find(query) == {"cheap", "dear", "toy", "shop"}
        assert await find(query, category_id=tools) == {"cheap", "dear"}
        assert await find(query, min_price=5.1, max_price=7) == {"cheap", "toy"}
        assert await find(query, max_price=5.09) == set()
        assert await find(query, source_type="b2c") == {"shop"}
        assert await find(query, storefront_id=shop) == {"shop"}
        assert await find(query, category_id=toys, source_type="c2c") == {"toy"}
    await connections.close()


@pytest.mark.parametrize("query", ["lamp", "lampp", ""])
@pytest.mark.parametrize("sort", ["relevance", "newest", "price_asc", "price_desc"])
async def test_pages_follow_each_other_without_gap_or_repetition(dsn, query, sort):
    """Ties everywhere: two moments, two prices, two ranks; and the total stays what it is."""
    connections = Connections(DatabaseSettings(url=dsn, pool_size=1), Metrics().database)
    category = await add_category(connections)
    for n in range(23):
        await add_listing(
            connections,
            title="Lamp" if n % 3 else "Lampshade",
            price=10 + n % 2,
            created_at=datetime(2026, 1, 1 + n % 2, tzinfo=UTC),
            category_id=category,
        )
    search = PostgresSearch(connections)
    asked = SearchQuery.checked(query, sort=sort)
    at_once = await search.search(asked, limit=100)
    everything = [listing.id for listing in at_once.listings]
    assert len(set(everything)) == at_once.total

    walked, after = [], None
    while True:
        page = await search.search(asked, limit=5, after=after)
        assert page.total == at_once.total
        walked += [listing.id for listing in page.listings]
        after = page.last
        if after is None:
            break
    assert walked == everything

    skipped = []
    for offset in range(0, 35, 5):
        page = await search.search(asked, limit=5, offset=offset)
        assert page.total == at_once.total  # also behind the last page
        skipped += [listing.id for listing in page.listings]
    assert skipped == everything
    await connections.close()
