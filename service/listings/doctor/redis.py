"""Whether the configured Redis answers and is new enough. Redis is optional, so its absence is no error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import redis.asyncio
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

if TYPE_CHECKING:
    from listings.doctor.findings import Report
    from listings.settings import RedisSettings

_SUPPORTED: Final = (7,)
_TOLERATED: Final = (6, 2)
_PATIENCE_SECONDS: Final = 3.0


async def check_redis(report: Report, settings: RedisSettings, *, production: bool) -> None:
    """Connect, ask for the version, go."""
    address = settings.address()
    if address is None:
        report.info(
            "REDIS_ABSENT",
            "No Redis is configured in this shell",
            why="A service started here would have none: processes tell each other through PostgreSQL which cached answers are stale.",
            fix="Nothing to do; with many writes LISTINGS_REDIS_URL takes that work off PostgreSQL. A running service "
            "may have been given another one: its /health tells.",
        )
        return
    client = redis.asyncio.Redis.from_url(
        address, socket_connect_timeout=_PATIENCE_SECONDS, socket_timeout=_PATIENCE_SECONDS
    )
    try:
        facts = await client.info("server")
    except (RedisError, OSError, TimeoutError) as error:
        if _is_about_login(error):
            report.warning(
                "REDIS_PASSWORD",
                f"Redis refuses the login: {error}",
                why="The service would run without it: cached answers of other processes may be 2 s old.",
                fix="Correct LISTINGS_REDIS_URL (redis://:password@host:port/0) or LISTINGS_REDIS_PASSWORD.",
            )
        else:
            report.warning(
                "REDIS_UNREACHABLE",
                f"Redis does not answer: {str(error) or type(error).__name__}",
                why="The service runs without it, as degraded: cached answers of other processes may be 2 s old.",
                fix="Start it, correct LISTINGS_REDIS_URL, or unset it if you want none.",
            )
        return
    finally:
        await client.aclose()
    version = str(facts["redis_version"])
    number = tuple(int(part) for part in version.split(".")[:2])
    if number < _TOLERATED or (production and number < _SUPPORTED):
        report.error(
            "REDIS_TOO_OLD",
            f"Redis {version} is too old",
            why="Redis 7 and later are supported; 6.2 is tolerated for development.",
            fix="Upgrade Redis, or unset LISTINGS_REDIS_URL to run without it.",
        )
    elif number < _SUPPORTED:
        report.info(
            "REDIS_OLD",
            f"Redis {version} is older than 7",
            why="It does for development; production needs 7.",
            fix="Upgrade before going live.",
        )
    else:
        report.fine.append(f"Redis {version} answers")


def _is_about_login(error: Exception) -> bool:
    # The library's greeting fails before a missing password does, with an error of no class of its own.
    return isinstance(error, AuthenticationError | NoPermissionError) or "authenticated" in str(error)
