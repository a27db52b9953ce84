"""Search on PostgreSQL: full text first, words spelled alike when that finds nothing.

Every listing that can be found has a row in `listing_search`, which the database itself keeps (migration
000047). One statement finds, ranks, counts and reads the page. Only a search whose words match nothing at
all costs a second one, for words spelled alike.

The rank is a whole number of four steps (title before description, words as asked before longer ones)
and equal ranks are ordered by newest. A relevance of many digits, like ts_rank's, would put who repeats a
word in front, cost 30 us per match, and change between two pages when a text does.

Ranking all matches of a word that a quarter of the catalog has would take 40 ms. But where so many match, a
page's worth of best matches nearly always stands among the newest listings, and nothing older can come before
them: those are looked through first, and the rest is ranked only when they did not fill the page. The order is
the same either way. A filter thins matches out, so a filtered search ranks what passes the filter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, LiteralString

import structlog

from listings.db.filters import Conditions
from listings.db.listings import SHAPE, listing_of
from listings.db.statements import Statement, statement
from listings.domain.search import Position, SearchPage, Sort

if TYPE_CHECKING:
    from listings.db.connections import Connections
    from listings.db.session import Record
    from listings.domain.listings import ListingFilter
    from listings.domain.search import SearchQuery

log = structlog.get_logger(__name__)

_ASKED: Final = statement("search", "asked").sql
_TYPED: Final = statement("search", "typed").sql
_HAS_PG_TRGM: Final = statement("search", "has_pg_trgm")

# A page holds at most 100 listings, and one more tells whether another page follows. The number stands in
# the text because the planner must know that few rows are wanted: of a parameter it would assume a tenth.
_MOST_ON_A_PAGE: Final = 101

# So many of the newest listings are looked through first. A word that one listing in 20 has in its title fills a
# page of 20 from them; ranking all matches of a rarer word takes less than 10 ms. Searches that they do not help
# lose about a millisecond.
_LOOKED_THROUGH: Final = 400

# Words of a query that are looked for in other spellings; typing errors come in short queries.
_MOST_MISSPELT: Final = 6
# Candidates that are compared letter by letter, newest first: bounds a search for a word that looks like
# half of the catalog at about 20 ms.
_MOST_COMPARED: Final = 1000
# One wrong letter in a word of four leaves 2 of its 5 trigrams.
_LEAST_ALIKE: Final = 0.4
# What is less alike than this, compared with the best, is another word and not another spelling.
_NEAR_THE_BEST: Final = 0.8

# Two questions per match, whatever the answer: what is exact is loose too.
_RANK: Final = """
    CASE WHEN f.document @@ (SELECT loose_in_title FROM asked)
         THEN CASE WHEN f.document @@ (SELECT exact_in_title FROM asked) THEN 3 ELSE 2 END
         ELSE CASE WHEN f.document @@ (SELECT exact FROM asked) THEN 1 ELSE 0 END END"""

# The best rank that a listing can have for the words asked.
_BEST: Final = """
    CASE WHEN EXISTS (SELECT FROM near WHERE rank IN (1, 3))
           OR (SELECT count(*) FROM listing_search AS f WHERE f.document @@ (SELECT exact FROM asked)) > 0
         THEN 3 ELSE 2 END"""

_ORDERS: Final[dict[Sort, LiteralString]] = {
    Sort.RELEVANCE: "rank DESC, created_at DESC, id DESC",
    Sort.NEWEST: "created_at DESC, id DESC",
    Sort.PRICE_ASC: "price, id",
    Sort.PRICE_DESC: "price DESC, id DESC",
}

# Stop words have no row in `typed`; their places ask for the last word once more.
_HAS_WORD_LIKE: Final = """(
    f.document @@ (SELECT as_is FROM typed WHERE place = least({}::int, (SELECT max(place) FROM typed)))
    OR f.title_trigrams @> (SELECT run_1 FROM typed WHERE place = least({}::int, (SELECT max(place) FROM typed)))
    OR f.title_trigrams @> (SELECT run_2 FROM typed WHERE place = least({}::int, (SELECT max(place) FROM typed)))
    OR f.title_trigrams @> (SELECT run_3 FROM typed WHERE place = least({}::int, (SELECT max(place) FROM typed))))"""

# How alike a word and a title are: by pg_trgm, or by the share of the word's trigrams in the title.
_LIKENESS_BY_PG_TRGM: Final = """
    word_similarity(typed.folded, (SELECT listings_fold(title) FROM listings WHERE listings.id = candidate.id))"""
_LIKENESS: Final = """
    (SELECT count(*)::float8 / cardinality(typed.grams)
     FROM unnest(typed.grams) AS gram WHERE gram = ANY (candidate.title_trigrams))"""


class PostgresSearch:
    """The search index inside the service's own database; implements `SearchIndex`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.has_pg_trgm = False

    @property
    def notice(self) -> str:
        """What search does without, for /health; "ok" when it lacks nothing."""
        return "ok" if self.has_pg_trgm else "ok, without pg_trgm: misspelt words are found less surely"

    async def open(self) -> None:
        """Find out what the database offers; called once by `app.py` before the first search."""
        self.has_pg_trgm = bool(await self._connections.fetchval(_HAS_PG_TRGM))
        if not self.has_pg_trgm:
            log.info(
                "search compares misspelt words by their shared trigrams only",
                reason="pg_trgm is not installed in this database",
                remedy="CREATE EXTENSION pg_trgm, then restart",
            )

    async def search(
        self,
        query: SearchQuery,
        *,
        limit: int,
        offset: int = 0,
        after: Position | None = None,
        total: int | None = None,
    ) -> SearchPage:
        """As `SearchIndex` promises; `total` is used where counting costs extra: where not all matches are ranked."""
        if not query.words:
            found = _everything(query, limit, offset, after, total)
        elif after is not None and after.close:
            found = self._alike(query, limit, offset, after)
        else:
            page = await self._page(_matching(query, limit, offset, after, total), limit, close=False)
            if page.total:
                return page
            found = self._alike(query, limit, offset, None)
        return await self._page(found, limit, close=bool(query.words))

    async def _page(self, asked: tuple[Statement, list[object]], limit: int, *, close: bool) -> SearchPage:
        rows = await self._connections.fetch(asked[0], *asked[1])
        total = rows[0]["total"]
        found = [row for row in rows if row["id"] is not None]
        listings = tuple(listing_of(row) for row in found[:limit])
        last = _position(found[limit - 1], close=close) if len(found) > limit else None
        return SearchPage(listings, total, last, close=close)

    def _alike(
        self, query: SearchQuery, limit: int, offset: int, after: Position | None
    ) -> tuple[Statement, list[object]]:
        """Listings whose titles have words spelled like those asked for."""
        conditions = Conditions()
        words = query.words[:_MOST_MISSPELT]
        conditions.parameter(list(words))
        for place in range(1, len(words) + 1):
            conditions.add(_HAS_WORD_LIKE, place, place, place, place)
        _add_filters(conditions, query.wanted)
        likeness = _LIKENESS_BY_PG_TRGM if self.has_pg_trgm else _LIKENESS
        found = f"""
            WITH typed AS MATERIALIZED ({_TYPED}),
            candidate AS MATERIALIZED (
                SELECT f.listing_id AS id, f.created_at, f.price, f.document, f.title_trigrams
                FROM listing_search AS f WHERE {conditions.sql}
                ORDER BY f.listing_id DESC LIMIT {_MOST_COMPARED}
            ), compared AS MATERIALIZED (
                SELECT id, created_at, price,
                       (SELECT min(CASE WHEN candidate.document @@ typed.as_is THEN 1 ELSE {likeness} END)
                        FROM typed) AS likeness
                FROM candidate
            ), found AS MATERIALIZED (
                SELECT id, created_at, price, round(1000 * likeness)::int AS rank FROM compared
                WHERE likeness >= {_LEAST_ALIKE}
                  AND likeness >= {_NEAR_THE_BEST} * (SELECT max(likeness) FROM compared)
            )"""  # noqa: S608 - fixed texts and placeholders
        text = _page_of_found(found, conditions, query.sort, limit, offset, after)
        return Statement("search.alike", text), conditions.parameters


def _matching(
    query: SearchQuery, limit: int, offset: int, after: Position | None, total: int | None
) -> tuple[Statement, list[object]]:
    """Listings that have the words of a query."""
    conditions = Conditions("f.document @@ (SELECT loose FROM asked)")
    conditions.parameter(list(query.words))
    _add_filters(conditions, query.wanted)
    rank = _RANK if query.sort is Sort.RELEVANCE else "0"
    first = _first_looked_through(query, conditions, limit, offset, after)
    unless_enough = "AND NOT (SELECT enough FROM looked_through)" if first else ""
    found = f"""
        WITH asked AS MATERIALIZED ({_ASKED}), {first}
        found AS MATERIALIZED (
            SELECT f.listing_id AS id, f.created_at, f.price, {rank} AS rank
            FROM listing_search AS f WHERE {conditions.sql} {unless_enough}
        )"""  # noqa: S608 - fixed texts and placeholders
    if not first:
        text = _page_of_found(found, conditions, query.sort, limit, offset, after)
        return Statement("search.matching", text), conditions.parameters
    counted = (
        f"SELECT count(*) FROM listing_search AS f WHERE {conditions.sql}"  # noqa: S608 - as above
        if total is None
        else f"{conditions.parameter(total)}::bigint"
    )
    found = f"""{found}, either AS (
            SELECT * FROM newest WHERE (SELECT enough FROM looked_through) UNION ALL SELECT * FROM found
        )"""  # noqa: S608 - as above
    total_of = f"""(CASE WHEN (SELECT enough FROM looked_through) THEN ({counted})
            ELSE (SELECT count(*) FROM found) END)"""  # noqa: S608 - as above
    text = _page_of_found(found, conditions, query.sort, limit, offset, after, rows="either", total=total_of)
    return Statement("search.matching", text), conditions.parameters


def _first_looked_through(
    query: SearchQuery, conditions: Conditions, limit: int, offset: int, after: Position | None
) -> str:
    """The best matches among the newest listings and whether they fill the page; nothing where that cannot help.

    The best rank is that of all words in a title: as asked, or longer where no listing has them as asked (an
    unfinished word). What comes before a page of it has that rank too: everything, or what a cursor left.
    """
    by_rank = query.sort is Sort.RELEVANCE
    filtered = len(conditions.parameters) > 1  # the first are the words
    wanted = (0 if after else offset) + limit + 1
    if filtered or wanted > _LOOKED_THROUGH or not (by_rank or query.sort is Sort.NEWEST):
        return ""
    active = Conditions("l.status = 'active' AND l.visibility = 'public' AND l.is_deleted = false")
    active.parameters = conditions.parameters
    if after is not None:
        active.add("(l.created_at, l.id) < ({}::timestamptz, {}::bigint)", after.created_at, after.id)
    best = Conditions("rank = (SELECT rank FROM best)")
    best.parameters = conditions.parameters
    if after is not None:
        best.add("rank = {}::int", after.rank)
    # OFFSET 0 keeps the planner, which cannot know how common a word is, from fetching all its matches here too.
    # An EXISTS in place of the count would have it read the whole table.
    return f"""near AS MATERIALIZED (
            SELECT f.id, f.created_at, f.price, {_RANK if by_rank else 0} AS rank
            FROM (
                SELECT l.id FROM listings AS l WHERE {active.sql}
                ORDER BY l.created_at DESC, l.id DESC LIMIT {_LOOKED_THROUGH}
            ) AS recent, LATERAL (
                SELECT s.listing_id AS id, s.created_at, s.price, s.document
                FROM listing_search AS s WHERE s.listing_id = recent.id OFFSET 0
            ) AS f
            WHERE f.document @@ (SELECT loose FROM asked)
        ), best AS MATERIALIZED (
            SELECT {_BEST if by_rank else 0} AS rank
        ), newest AS MATERIALIZED (
            SELECT * FROM near WHERE {best.sql}
        ), looked_through AS MATERIALIZED (
            SELECT count(*) >= {conditions.parameter(wanted)}::int AS enough FROM newest
        ),"""  # noqa: S608 - fixed texts and placeholders


def _everything(
    query: SearchQuery, limit: int, offset: int, after: Position | None, total: int | None
) -> tuple[Statement, list[object]]:
    """Listings that pass the filters, read in the order of an index of `listings` and not all sorted."""
    conditions = Conditions("f.status = 'active' AND f.visibility = 'public' AND f.is_deleted = false")
    _add_filters(conditions, query.wanted)
    counted = (
        f"(SELECT count(*) FROM listings AS f WHERE {conditions.sql})"  # noqa: S608 - fixed texts and placeholders
        if total is None
        else f"{conditions.parameter(total)}::bigint"
    )
    if after is not None:
        _add_after(conditions, query.sort, after)
    order = _ORDERS[query.sort]
    # A deep page is read to its end anyway, so there the planner's guess for a parameter does no harm.
    most = f"LIMIT {_MOST_ON_A_PAGE}" if after or not offset else f"OFFSET {conditions.parameter(offset)}"
    page = f"""
        WITH page AS MATERIALIZED (
            SELECT first.* FROM (
                SELECT f.id, f.created_at, f.price, 0 AS rank FROM listings AS f WHERE {conditions.sql}
                ORDER BY {order} {most}
            ) AS first LIMIT {conditions.parameter(limit + 1)}
        )"""  # noqa: S608 - fixed texts and placeholders
    return Statement("search.everything", _shown(page, counted, order)), conditions.parameters


def _page_of_found(
    found: str,
    conditions: Conditions,
    sort: Sort,
    limit: int,
    offset: int,
    after: Position | None,
    *,
    rows: LiteralString = "found",
    total: str = "(SELECT count(*) FROM found)",
) -> str:
    """The statement that shows a page of what `found` has found, by default all of it."""
    beyond = Conditions("true")
    beyond.parameters = conditions.parameters
    if after is not None:
        _add_after(beyond, sort, after)
    page = f"""{found}, page AS MATERIALIZED (
            SELECT * FROM {rows} WHERE {beyond.sql} ORDER BY {_ORDERS[sort]}
            LIMIT {conditions.parameter(limit + 1)} OFFSET {conditions.parameter(0 if after else offset)}
        )"""  # noqa: S608 - fixed texts and placeholders
    return _shown(page, total, _ORDERS[sort])


def _shown(page: str, total: str, order: str) -> str:
    """Whole listings of a page in its order, each with the number of all; one empty row for an empty page."""
    ordered = ", ".join(f"page.{part}" for part in order.split(", "))
    return f"""{page}
        SELECT listing.*, page.rank, counted.total
        FROM (SELECT {total} AS total) AS counted
        LEFT JOIN (page JOIN (
            {SHAPE} WHERE l.id = ANY (ARRAY(SELECT page.id FROM page))
        ) AS listing ON listing.id = page.id) ON true
        ORDER BY {ordered}"""  # noqa: S608 - fixed texts and placeholders


def _add_filters(conditions: Conditions, wanted: ListingFilter) -> None:
    """Narrow `f`, which is `listings` or `listing_search`: the filtered columns have the same names."""
    if wanted.storefront_id is not None:
        conditions.add("f.storefront_id = {}::bigint", wanted.storefront_id)
    if wanted.category_id is not None:
        conditions.add("f.category_id = {}::bigint", wanted.category_id)
    if wanted.source_type is not None:
        conditions.add("f.source_type = {}::text", wanted.source_type)
    if wanted.min_price is not None:
        conditions.add("f.price >= {}::numeric", wanted.min_price)
    if wanted.max_price is not None:
        conditions.add("f.price <= {}::numeric", wanted.max_price)


def _add_after(conditions: Conditions, sort: Sort, after: Position) -> None:
    """Narrow to what comes after a row in an order."""
    if sort is Sort.RELEVANCE:
        conditions.add(
            "(rank, created_at, id) < ({}::int, {}::timestamptz, {}::bigint)",
            after.rank,
            after.created_at,
            after.id,
        )
    elif sort is Sort.NEWEST:
        conditions.add("(created_at, id) < ({}::timestamptz, {}::bigint)", after.created_at, after.id)
    elif sort is Sort.PRICE_ASC:
        conditions.add("(price, id) > ({}::numeric, {}::bigint)", after.price, after.id)
    else:
        conditions.add("(price, id) < ({}::numeric, {}::bigint)", after.price, after.id)


def _position(row: Record, *, close: bool) -> Position:
    return Position(close, row["rank"], row["created_at"], row["price"], row["id"])
