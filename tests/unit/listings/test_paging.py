"""Cursors come back as they were given, and nothing else passes for one."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.domain.errors import InvalidArgument
from listings.domain.paging import Page, page, read_token, write_token

_QUERY = ("listings", 7, "active")


@given(
    st.tuples(
        st.text(max_size=40) | st.integers() | st.floats(allow_nan=False) | st.none(),
        st.integers(),
    )
)
def test_a_cursor_carries_its_sort_key(key):
    assert read_token(write_token(key, query=_QUERY), query=_QUERY) == key


def test_a_cursor_of_another_query_is_refused_by_name():
    token = write_token(("2026-01-01", 5), query=_QUERY)
    with pytest.raises(InvalidArgument) as refused:
        read_token(token, query=("listings", 8, "active"))
    assert refused.value.reason == "PAGE_TOKEN_MISMATCH"
    assert refused.value.fields[0].field == "page_token"


@given(st.text(max_size=60))
def test_made_up_texts_are_refused(token):
    with pytest.raises(InvalidArgument):
        read_token(token, query=_QUERY)


@pytest.mark.parametrize(
    "body",
    [
        {"a": 1},  # not a list
        [],  # empty
        ["digest", 1],  # too short
        ["digest", 1, 2, 3],  # too long
        ["digest", [1], 2],  # nested
        ["digest", True, 2],  # a boolean is not a sort key
    ],
)
def test_well_formed_json_of_another_shape_is_refused(body):
    token = base64.urlsafe_b64encode(json.dumps(body).encode()).decode()
    with pytest.raises(InvalidArgument):
        read_token(token, query=_QUERY)


def test_an_endless_token_is_refused():
    with pytest.raises(InvalidArgument):
        read_token("A" * 5000, query=_QUERY)


@pytest.mark.parametrize(
    ("limit", "offset", "field"),
    [(0, 0, "limit"), (-1, 0, "limit"), (101, 0, "limit"), (1, -1, "offset"), (1, 1_000_001, "offset")],
)
def test_a_page_outside_its_bounds_names_the_field(limit, offset, field):
    with pytest.raises(InvalidArgument) as refused:
        page(limit, offset, "", query=_QUERY)
    assert refused.value.fields[0].field == field


def test_a_page_without_cursor_starts_at_its_offset():
    assert page(100, 20, "", query=_QUERY) == Page(100, 20, None)
