"""What is fine on a laptop and not in production: `listings doctor --production`. Looks at settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from listings.doctor.findings import Report
    from listings.settings import DatabaseSettings, Settings

_LOCAL: Final = ("", "localhost", "127.0.0.1", "::1")
_GUESSED_FIRST: Final = frozenset(
    [
        "postgres",
        "password",
        "secret",
        "listings",
        "admin",
        "root",
        "test",
        "changeme",
        "123456",
        "qwerty",
        "listings_user",
        "listings_password",
    ]
)
_SHORTEST_PASSWORD: Final = 12
_GRACE_SECONDS: Final = 30.0
_SHORTEST_RETENTION: Final = 86_400.0
_SHORTEST_TTL: Final = 0.1


def check_production(report: Report, settings: Settings) -> None:
    """Everything that is switched off, default or guessable."""
    if settings.environment != "production":
        report.warning(
            "ENVIRONMENT_NAME",
            f"LISTINGS_ENV is {settings.environment}",
            why="Logs and /health name the environment; people act on that.",
            fix="LISTINGS_ENV=production",
        )
    _check_identity(report, settings)
    _check_edges(report, settings)
    _check_database(report, settings.database)
    _check_limits_and_times(report, settings)
    for origin in settings.cors.allowed_origins:
        parts = urlsplit(origin)
        if parts.scheme != "https" or (parts.hostname or "") in _LOCAL:
            report.error(
                "CORS_INSECURE",
                f"LISTINGS_CORS_ALLOWED_ORIGINS allows {origin}",
                why="Whoever controls that page, or the network before it, acts as its visitors.",
                fix="Name the shop's https origins only.",
            )
    redis = settings.redis.address()
    if redis is not None:
        place = urlsplit(redis)
        if not place.password and (place.hostname or "") not in _LOCAL:
            report.warning(
                "REDIS_WITHOUT_PASSWORD",
                f"Redis at {place.hostname} is used without a password",
                why="Whoever reaches it can lift rate limits and read what is cached.",
                fix="Set requirepass there and put the password into LISTINGS_REDIS_URL.",
            )


def _check_identity(report: Report, settings: Settings) -> None:
    auth = settings.auth
    if not auth.enabled:
        report.warning(
            "AUTH_OFF",
            "Tokens are not verified on gRPC",
            why="Every caller who reaches the port may act as any user.",
            fix="LISTINGS_AUTH_ENABLED=true with LISTINGS_AUTH_PUBLIC_KEY_PATH, or let only trusted services in.",
        )
    if auth.hs256_secret:
        report.error(
            "AUTH_SHARED_SECRET",
            "LISTINGS_AUTH_HS256_SECRET is set",
            why="Who can verify tokens with it can write them: every service that has it can be any user.",
            fix="Use the issuer's public key: LISTINGS_AUTH_PUBLIC_KEY_PATH or LISTINGS_AUTH_JWKS_PATH.",
        )


def _check_edges(report: Report, settings: Settings) -> None:
    if settings.tls.cert_path is None or settings.tls.edges != "both":
        plain = {"grpc": "HTTP", "http": "gRPC"}.get(
            settings.tls.edges if settings.tls.cert_path is not None else "", "gRPC and HTTP"
        )
        report.warning(
            "TLS_OFF",
            f"{plain} speak no TLS" if " " in plain else f"{plain} speaks no TLS",
            why="Tokens and what customers see can be read and changed on the way.",
            fix="LISTINGS_TLS_CERT_PATH and LISTINGS_TLS_KEY_PATH, unless a mesh or proxy encrypts every hop.",
        )
    if settings.admin.channelz and settings.admin.grpc_port is None:
        report.warning(
            "CHANNELZ_OPEN",
            "channelz is served on the gRPC port",
            why="Every caller sees who else is connected, and how much they call.",
            fix="LISTINGS_ADMIN_GRPC_PORT=50054, or LISTINGS_ADMIN_CHANNELZ=false",
        )


def _check_database(report: Report, database: DatabaseSettings) -> None:
    place = urlsplit(database.dsn())
    user, password = unquote(place.username or ""), unquote(place.password or "")
    local = (place.hostname or "") in _LOCAL
    if not password and not local:
        report.error(
            "DATABASE_WITHOUT_PASSWORD",
            "The database is used without a password",
            why="Either anybody may log in there, or nobody.",
            fix="Set LISTINGS_DB_PASSWORD from a secret.",
        )
    elif password and (
        password.lower() in _GUESSED_FIRST or password == user or len(password) < _SHORTEST_PASSWORD
    ):
        report.error(
            "DATABASE_PASSWORD_WEAK",
            f"The password of {user} is short, or one that is guessed first",
            why="The whole catalog is behind it.",
            fix="ALTER ROLE ... PASSWORD with the output of: python3 -c 'import secrets; print(secrets.token_urlsafe(24))'",
        )
    weak_tls = "sslmode=disable" in place.query or (database.url is None and database.sslmode == "disable")
    if weak_tls and not local:
        report.warning(
            "DATABASE_PLAINTEXT",
            f"The connection to {place.hostname} is not encrypted",
            why="Password and data can be read on the way.",
            fix="LISTINGS_DB_SSLMODE=verify-full (or sslmode=verify-full in LISTINGS_DATABASE_URL)",
        )


def _check_limits_and_times(report: Report, settings: Settings) -> None:
    if not settings.rate_limit.enabled:
        report.warning(
            "RATE_LIMIT_OFF",
            "Rate limits are off",
            why="One caller can take the whole service.",
            fix="LISTINGS_RATE_LIMIT_ENABLED=true",
        )
    if not settings.cache.enabled or settings.cache.ttl_seconds < _SHORTEST_TTL:
        report.warning(
            "CACHE_OFF",
            "Answers are not kept"
            if not settings.cache.enabled
            else f"Answers are kept {settings.cache.ttl_seconds:g} s only",
            why="Every read goes to the database; popular listings cost it many times more.",
            fix="LISTINGS_CACHE_ENABLED=true and LISTINGS_CACHE_TTL_SECONDS=2",
        )
    if settings.log.level == "debug":
        report.warning(
            "LOG_LEVEL_DEBUG",
            "The log level is debug",
            why="It fills disks and slows the service down.",
            fix="LISTINGS_LOG_LEVEL=info",
        )
    stopping = settings.server.drain_delay_seconds + settings.server.drain_seconds
    if stopping > _GRACE_SECONDS:
        report.warning(
            "DRAIN_TOO_LONG",
            f"Stopping may take {stopping:g} s",
            why=f"Kubernetes kills after {_GRACE_SECONDS:g} s unless terminationGracePeriodSeconds says more.",
            fix="LISTINGS_DRAIN_DELAY_SECONDS=2 and LISTINGS_DRAIN_SECONDS=25",
        )
    if settings.server.drain_delay_seconds == 0:
        report.warning(
            "DRAIN_WITHOUT_DELAY",
            "Calls are refused the moment the service is told to stop",
            why="Balancers need a second or two to notice; calls they still send fail.",
            fix="LISTINGS_DRAIN_DELAY_SECONDS=2",
        )
    if settings.maintenance.queue_retention_seconds < _SHORTEST_RETENTION:
        report.warning(
            "QUEUE_RETENTION_SHORT",
            f"Indexing rows are kept {settings.maintenance.queue_retention_seconds:g} s",
            why="An indexer that is away longer misses changes.",
            fix="LISTINGS_MAINTENANCE_QUEUE_RETENTION_SECONDS=168h",
        )
