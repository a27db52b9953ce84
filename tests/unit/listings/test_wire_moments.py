"""Moments as the wire's strings: UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from listings.transport.fields import rfc3339


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 23, 8, 30, tzinfo=UTC), "2026-11-22T23:08:30Z"),
        (datetime(2026, 11, 22, 23, 8, 30, 999_999, tzinfo=UTC), "2026-11-22T23:08:30Z"),  # cut, not rounded
        (datetime(2026, 11, 23, 1, 8, 30, tzinfo=timezone(timedelta(hours=2))), "2026-11-22T23:08:30Z"),
        (datetime(2026, 11, 22, 23, 8, 30), "2026-11-22T23:08:30Z"),
    ],
)
def test_a_moment_is_written_in_utc_and_whole_seconds(moment, text):
    assert rfc3339(moment) == text
