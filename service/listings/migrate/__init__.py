"""Brings a database's schema to the version that the migration files describe.

Knows a DSN and a folder of SQL files, and nothing else of the service: it must work when the service cannot start.
Called by `listings migrate`, by the embedded start, by the operator's Job and by tests.
"""

from listings.migrate.errors import MigrationError
from listings.migrate.runner import Report, goto, migrate_down, migrate_up

__all__ = ["MigrationError", "Report", "goto", "migrate_down", "migrate_up"]
