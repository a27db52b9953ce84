"""The sort key of lists that are ordered newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.domain.errors import InvalidArgument
from listings.domain.paging import newest_key, newest_position

_MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))


@given(_MOMENTS, st.integers(1, 2**63 - 1))
def test_a_position_survives_to_the_microsecond(moment, id_):
    assert newest_position(newest_key(moment, id_)) == (moment, id_)


@pytest.mark.parametrize(
    "key",
    [
        ("2026-01-01", 5),  # of another list
        (None, 5),
        (1.5, 5),
        (-1, 5),
        (2**63, 5),  # after the year 9999
        (0, 0),
        (0, 2**63),  # no such id
        (0, "5"),
    ],
)
def test_keys_that_no_row_can_have_are_refused(key):
    with pytest.raises(InvalidArgument) as refused:
        newest_position(key)
    assert refused.value.fields[0].field == "page_token"


def test_later_rows_have_higher_keys():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert newest_key(now + timedelta(microseconds=1), 1) > newest_key(now, 9)
