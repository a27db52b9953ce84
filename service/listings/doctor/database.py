"""Whether the configured PostgreSQL can be used: reachable, new enough, writable, with a sane clock.

The schema and the rights in it are looked at by `schema.py`, through the same connection.
"""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from listings.doctor.schema import check_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from listings.doctor.findings import Report
    from listings.settings import DatabaseSettings

_OLDEST: Final = 14
_LARGEST_SKEW_SECONDS: Final = 2.0

_FACTS: Final = """
SELECT pg_is_in_recovery() AS standby,
    current_setting('default_transaction_read_only')::bool AS read_only,
    current_setting('server_encoding') AS encoding,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS connections,
    current_setting('fsync')::bool AS fsync,
    current_user AS role,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
    (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS role_limit,
    ARRAY(SELECT name::text FROM pg_available_extensions WHERE installed_version IS NOT NULL) AS installed
"""


def _wall_clock() -> datetime:
    return datetime.now(UTC)


async def check_database(
    report: Report,
    settings: DatabaseSettings,
    *,
    production: bool = False,
    clock: Callable[[], datetime] = _wall_clock,
) -> None:
    """Everything about PostgreSQL."""
    connection = await _connect(report, settings)
    if connection is None:
        return
    try:
        version = connection.get_server_version()
        if version.major < _OLDEST:
            report.error(
                "DATABASE_TOO_OLD",
                f"PostgreSQL {version.major}.{version.minor} is too old",
                why=f"PostgreSQL {_OLDEST} and later are supported.",
                fix="Upgrade the server (pg_upgrade), or point LISTINGS_DATABASE_URL to a newer one.",
            )
            return
        facts = await connection.fetchrow(_FACTS)
        assert facts is not None
        _check_facts(report, facts, settings, production=production)
        await _check_clock(report, connection, clock)
        report.fine.append(f"PostgreSQL {version.major}.{version.minor} answers, as {facts['role']}")
        await check_schema(report, connection)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        report.error(
            "DATABASE_BROKE_OFF",
            f"The database stopped answering: {str(error) or type(error).__name__}",
            why="It accepted the connection and then failed.",
            fix="Look into the log of PostgreSQL, then run listings doctor again.",
        )
    finally:
        connection.terminate()


async def _connect(report: Report, settings: DatabaseSettings) -> asyncpg.Connection[Any] | None:
    try:
        return await asyncpg.connect(
            settings.dsn(), timeout=settings.connect_timeout_seconds, command_timeout=10
        )
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        code, what, fix = _explain(error)
        report.error(
            code, what, why="Nothing works without the database: the service would not become ready.", fix=fix
        )
        return None


def _explain(error: Exception) -> tuple[str, str, str]:
    """Code, what, fix of a connection that was not made."""
    text = str(error) or type(error).__name__
    match error:
        case asyncpg.InvalidPasswordError():
            return (
                "DATABASE_PASSWORD",
                text,
                "Correct LISTINGS_DB_PASSWORD (or the one in LISTINGS_DATABASE_URL).",
            )
        case asyncpg.InvalidAuthorizationSpecificationError():
            return (
                "DATABASE_LOGIN_REFUSED",
                text,
                "Create the role (CREATE ROLE ... LOGIN PASSWORD ...) and let it in: pg_hba.conf, or sslmode=require.",
            )
        case asyncpg.InvalidCatalogNameError():
            return "DATABASE_MISSING", text, "Create it: createdb listings_db, then: listings migrate up"
        case asyncpg.InsufficientPrivilegeError():
            return "DATABASE_CONNECT_FORBIDDEN", text, "GRANT CONNECT ON DATABASE ... TO the role."
        case asyncpg.TooManyConnectionsError():
            return (
                "DATABASE_FULL",
                text,
                "Raise max_connections, lower LISTINGS_DB_POOL_SIZE, or stop what holds them.",
            )
        case asyncpg.CannotConnectNowError():
            return (
                "DATABASE_STARTING",
                text,
                "Wait until it has started (or recovered), then run listings doctor again.",
            )
        case socket.gaierror():
            return (
                "DATABASE_HOST_UNKNOWN",
                f"The database's host is unknown: {text}",
                "Correct LISTINGS_DB_HOST or LISTINGS_DATABASE_URL.",
            )
        case ConnectionRefusedError():
            return (
                "DATABASE_UNREACHABLE",
                "Nobody listens at the database's address",
                "Start PostgreSQL, or correct LISTINGS_DATABASE_URL. (`listings dev` starts one of its own.)",
            )
        case FileNotFoundError():
            return (
                "DATABASE_UNREACHABLE",
                f"There is no such socket: {text}",
                "Start PostgreSQL, or correct the folder in LISTINGS_DB_HOST.",
            )
        case TimeoutError():
            return (
                "DATABASE_TIMEOUT",
                "The database does not answer in time",
                "Check firewalls and the address; allow more time with LISTINGS_DB_CONNECT_TIMEOUT_SECONDS.",
            )
        case ConnectionError() if "SSL" in text:
            return "DATABASE_TLS", text, "Switch TLS on there, or set LISTINGS_DB_SSLMODE=prefer."
        case _:
            return (
                "DATABASE_NOT_POSTGRES",
                f"What answers there is not a usable PostgreSQL: {text}",
                "Correct host and port in LISTINGS_DATABASE_URL.",
            )


def _check_facts(
    report: Report, facts: asyncpg.Record, settings: DatabaseSettings, *, production: bool
) -> None:
    if facts["standby"] or facts["read_only"]:
        kind = "a standby" if facts["standby"] else "read-only (default_transaction_read_only)"
        report.error(
            "DATABASE_READ_ONLY",
            f"The database is {kind}",
            why="Every write would fail.",
            fix="Point LISTINGS_DATABASE_URL to the primary, or: ALTER DATABASE ... RESET default_transaction_read_only",
        )
    if facts["encoding"] != "UTF8":
        report.error(
            "DATABASE_ENCODING",
            f"The database's encoding is {facts['encoding']}",
            why="Cyrillic and Latin texts do not fit into it together.",
            fix="createdb --encoding=UTF8 --template=template0 listings_db",
        )
    allowed = (
        facts["connections"] if facts["role_limit"] < 0 else min(facts["connections"], facts["role_limit"])
    )
    if settings.pool_size > allowed:
        report.error(
            "POOL_TOO_LARGE",
            f"LISTINGS_DB_POOL_SIZE={settings.pool_size}, but the database allows {allowed} connections",
            why="The service could not open its pool.",
            fix=f"LISTINGS_DB_POOL_SIZE={min(8, allowed)}, or raise max_connections (or the role's CONNECTION LIMIT).",
        )
    if production and not facts["fsync"]:
        report.error(
            "DATABASE_NOT_DURABLE",
            "fsync is off",
            why="A crash of the machine loses or damages data that was acknowledged.",
            fix="ALTER SYSTEM SET fsync = on, then reload.",
        )
    if production and facts["superuser"]:
        report.warning(
            "DATABASE_SUPERUSER",
            f"The service logs in as the superuser {facts['role']}",
            why="It needs table rights only; a superuser may do anything to the whole server.",
            fix="CREATE ROLE listings_user LOGIN PASSWORD ...; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES ...",
        )
    if "pg_trgm" not in facts["installed"]:
        report.info(
            "EXTENSION_ABSENT",
            "pg_trgm is not installed in the database",
            why="Search works without; it folds letters itself and finds misspelt words less surely.",
            fix="Nothing to do. Better with misspelt words: CREATE EXTENSION pg_trgm, then restart the service.",
        )


async def _check_clock(
    report: Report, connection: asyncpg.Connection[Any], clock: Callable[[], datetime]
) -> None:
    started, asked = clock(), time.monotonic()
    theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
    half_way = (time.monotonic() - asked) / 2
    skew = (theirs - started).total_seconds() - half_way
    if abs(skew) > _LARGEST_SKEW_SECONDS:
        report.warning(
            "CLOCK_SKEW",
            f"The clocks of this machine and of the database differ by {abs(skew):.1f} s",
            why="Tokens expire, listings end and pages are cut by these clocks.",
            fix="Let both machines keep time: timedatectl set-ntp true",
        )
