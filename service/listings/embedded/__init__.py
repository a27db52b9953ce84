"""PostgreSQL and Redis for people who run neither: private servers in a folder of their own.

`make run` and `listings dev` start PostgreSQL through this package when no database is configured,
and the tests start both. A deployment never does: it is given addresses. Linux and macOS only.
"""

from listings.embedded.errors import EmbeddedServerError
from listings.embedded.postgres import EmbeddedPostgres
from listings.embedded.redis import EmbeddedRedis

__all__ = ["EmbeddedPostgres", "EmbeddedRedis", "EmbeddedServerError"]
