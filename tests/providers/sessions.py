"""Who is at work in the test's own database, as statements: other tests use other databases of the same server."""

from __future__ import annotations

from typing import Final

_HERE: Final = "FROM pg_stat_activity WHERE datname = current_database()"

# One row, a process id, for each session; who asks does not count.
AT_WORK: Final = f"SELECT pid {_HERE} AND state <> 'idle' AND pid <> pg_backend_pid()"
HELD_UP: Final = f"SELECT pid {_HERE} AND wait_event_type = 'Lock'"
# How many wait for a lock.
COUNT_HELD_UP: Final = f"SELECT count(*) {_HERE} AND wait_event_type = 'Lock'"
