"""A search is checked before any index sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from listings.domain.errors import InvalidArgument
from listings.domain.paging import read_token, write_token
from listings.domain.search import KEY_LENGTH, LONGEST_QUERY, Position, SearchQuery, Sort


def _field_of(refused: pytest.ExceptionInfo[InvalidArgument]) -> str:
    return refused.value.fields[0].field


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", ()),
        ("   \t ", ()),  # white space asks for nothing
        ("\x00\x00", ()),  # nor do characters that no text can hold
        ("ту", ("ту",)),  # two characters, four bytes
        ("北京", ("北京",)),
        (" red\n bicycle ", ("red", "bicycle")),
        ("😀" * LONGEST_QUERY, ("😀" * LONGEST_QUERY,)),  # measured in characters
    ],
)
def test_words_are_what_is_left_of_the_query_without_white_space(query, words):
    assert SearchQuery.checked(query).words == words


@pytest.mark.parametrize("query", ["a", "я", " q ", "x" * (LONGEST_QUERY + 1)])
def test_a_query_too_short_or_too_long_is_refused_by_name(query):
    with pytest.raises(InvalidArgument) as refused:
        SearchQuery.checked(query)
    assert _field_of(refused) == "query"


@pytest.mark.parametrize(
    ("query", "sort", "meant"),
    [
        ("bicycle", "", Sort.RELEVANCE),
        ("", "", Sort.NEWEST),
        ("", "relevance", Sort.NEWEST),  # without words everything is equally relevant
        ("bicycle", "newest", Sort.NEWEST),
        ("", "price_asc", Sort.PRICE_ASC),
        ("bicycle", "price_desc", Sort.PRICE_DESC),
    ],
)
def test_the_order_follows_from_the_words_unless_it_is_named(query, sort, meant):
    assert SearchQuery.checked(query, sort=sort).sort is meant


@pytest.mark.parametrize("sort", ["rating", "RELEVANCE", "price", "id; DROP TABLE listings"])
def test_an_unknown_order_is_refused_with_the_known_ones(sort):
    with pytest.raises(InvalidArgument, match="relevance, newest, price_asc, price_desc") as refused:
        SearchQuery.checked("bicycle", sort=sort)
    assert _field_of(refused) == "sort"


@pytest.mark.parametrize("close", [True, False])
def test_a_position_survives_a_cursor(close):
    position = Position(close, 3, datetime(2026, 11, 23, 8, 30, 1, 123456, UTC), Decimal("0.10"), 42)
    token = write_token(position.key(), query="q")
    assert Position.of_key(read_token(token, query="q", key_length=KEY_LENGTH)) == position


@pytest.mark.parametrize(
    "key",
    [
        (2, 0, 1, "1", 1),  # neither close nor not
        (0, -1, 1, "1", 1),
        (0, 1001, 1, "1", 1),
        (0, 0.5, 1, "1", 1),
        (0, 0, "now", "1", 1),
        (0, 0, 10**20, "1", 1),
        (0, 0, 1, "NaN", 1),
        (0, 0, 1, "Infinity", 1),
        (0, 0, 1, "1e99", 1),
        (0, 0, 1, "-1", 1),
        (0, 0, 1, "ten", 1),
        (0, 0, 1, "1", 0),
        (0, 0, 1, "1", 2**63),
        (None, None, None, None, None),
    ],
)
def test_a_position_that_no_listing_can_have_is_refused(key):
    with pytest.raises(InvalidArgument) as refused:
        Position.of_key(key)
    assert _field_of(refused) == "page_token"
