"""A migration that queues for a table gives up before those who queue behind it do."""

from __future__ import annotations

import inspect

import pytest

from listings.cli import migrate
from listings.migrate.runner import Options
from listings.settings import DatabaseSettings
from listings_operator.spec import Migrations

LOCK_TIMEOUTS_SECONDS = {
    "runner": Options().lock_timeout_ms / 1000,
    "operator": Migrations().lock_timeout_seconds,
    **{
        f"listings migrate {command.__name__}": inspect.signature(command).parameters["lock_timeout"].default
        for command in (migrate.up, migrate.down, migrate.goto)
    },
}


@pytest.mark.parametrize("who", LOCK_TIMEOUTS_SECONDS)
def test_requests_outlast_a_migration_that_waits_for_a_table(who):
    """While it waits every session of a pool may wait behind it, and requests wait for a session."""
    longest_wait = DatabaseSettings.model_fields["acquire_timeout_seconds"].default
    assert LOCK_TIMEOUTS_SECONDS[who] <= longest_wait / 2, "half is left for the queue to drain"
