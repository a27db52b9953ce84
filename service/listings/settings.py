"""Everything that can be set, one class per concern, each field with unit, bounds and reason.

Built once in `__main__` (or by a test), passed down by part. Every field is read from the environment
as `LISTINGS_<PREFIX>_<FIELD>`; keys of the existing service that still mean something are read under
their old prefix too, with one warning each that names the new key (`listings/environment.py`).
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from listings.domain.token_bucket import MOST_PER_MINUTE

_GO_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
# In a setting and in the limits file: a method that is not limited.
UNLIMITED: Final = "unlimited"
# Below it even a cached read would fail on a busy day; above it no client waits any more.
SHORTEST_TIME_LIMIT: Final = 0.1
LONGEST_TIME_LIMIT: Final = 300.0
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_from(value: Any) -> Any:
    """Accept `90`, `"90"`, `"1m30s"` or a timedelta as seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str) and _GO_DURATION.match(value.strip()):
        parts = _GO_DURATION.findall(value.strip())
        if "".join(number + unit for number, unit in parts) == value.strip():
            return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    return value


def listed(value: Any) -> Any:
    """Accept a comma separated text as a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def by_method(value: Any) -> Any:
    """Accept `GetListing=400,SearchListings=10` as a mapping."""
    if not isinstance(value, str):
        return value
    values: dict[str, str] = {}
    for part in listed(value):
        method, separator, said = (text.strip() for text in part.partition("="))
        if not (method and separator and said):
            raise ValueError(f"{part!r} is not METHOD=VALUE")
        if method in values:
            raise ValueError(f"{method} is named twice")
        values[method] = said
    return values


def _in_address(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _calls_per_minute(method: str, calls: Any) -> int | None:
    """A limit; None where calls are `unlimited`."""
    if calls is None or calls == UNLIMITED:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", str(calls)) or not 1 <= int(calls) <= MOST_PER_MINUTE:
        raise ValueError(
            f"{method}: {str(calls)[:60]!r} is neither a whole number from 1 to {MOST_PER_MINUTE} nor {UNLIMITED}"
        )
    return int(calls)


def _time_limit(method: str, limit: Any) -> float:
    try:
        seconds = float(seconds_from(limit))
    except ValueError:
        seconds = math.nan
    if not SHORTEST_TIME_LIMIT <= seconds <= LONGEST_TIME_LIMIT:
        raise ValueError(f"{method}: {str(limit)[:60]!r} is no time from 100 ms to 5 minutes")
    return seconds


Seconds = Annotated[float, BeforeValidator(seconds_from)]
Names = Annotated[list[str], BeforeValidator(listed)]


class Group(BaseModel):
    """One concern; unknown fields are a mistake of ours."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ServerSettings(Group):
    """Where the service listens and how it stops."""

    grpc_host: str = Field("0.0.0.0", description="Address that gRPC listens on.")  # noqa: S104 - a server
    grpc_port: int = Field(50053, ge=0, le=65535, description="gRPC port; 0 lets the system choose.")
    http_host: str = Field("0.0.0.0", description="Address of REST, health and metrics.")  # noqa: S104 - as above
    http_port: int = Field(8086, ge=0, le=65535, description="HTTP port; 0 lets the system choose.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that serve gRPC on its port. Above 1 a further one serves HTTP, watches them and shows "
        "the sum of their metrics (Linux). Leave it at 1 where Kubernetes adds pods.",
    )
    reflection: bool = Field(default=True, description="Serve gRPC server reflection.")
    drain_delay_seconds: Seconds = Field(
        2.0,
        ge=0,
        le=60,
        description="Time between not-ready and refusing calls: balancers must notice first.",
    )
    drain_seconds: Seconds = Field(
        25.0, ge=0, le=600, description="Longest wait for calls in flight; below Kubernetes' 30 s grace."
    )
    max_connection_age_seconds: Seconds = Field(
        0.0,
        ge=0,
        le=86_400,
        description="gRPC connections are asked to move on after about this time, so that new processes get "
        "their share; 0: never.",
    )
    max_connection_age_grace_seconds: Seconds = Field(
        25.0, ge=1, le=600, description="How long calls of a connection that moves on may still take."
    )
    max_message_bytes: int = Field(
        4 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="Largest gRPC or HTTP request body."
    )
    max_concurrent_calls: int = Field(
        256,
        ge=1,
        le=100_000,
        description="Calls of both edges that may wait at once; further ones are refused with UNAVAILABLE (503) and "
        "a time to come back. At full load a call waits for about this number / capacity seconds.",
    )
    max_connection_calls: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="Calls of one gRPC connection at once; clients hold the rest back.",
    )


class AdminSettings(Group):
    """What operators alone look at. On ports of its own it is out of callers' reach; those speak no TLS."""

    host: str = Field("127.0.0.1", description="Address of the ports below.", examples=["10.0.0.7"])
    http_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Serve metrics here, and no longer on the HTTP port; health on both.",
        examples=["8087"],
    )
    grpc_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Serve reflection and channelz here, and no longer on the gRPC port; health on both.",
        examples=["50054"],
    )
    metrics: bool = Field(default=True, description="Serve metrics at all.")
    channelz: bool = Field(
        default=False, description="Serve channelz, which shows every connection: address and counts."
    )


class TlsSettings(Group):
    """TLS, as soon as a certificate is named. The files may be replaced at any time."""

    cert_path: Path | None = Field(
        None, description="PEM file: the certificate, then its chain.", examples=["tls/tls.crt"]
    )
    key_path: Path | None = Field(
        None, description="PEM file of its private key, not encrypted.", examples=["tls/tls.key"]
    )
    client_ca_path: Path | None = Field(
        None, description="PEM file of who signs clients' certificates.", examples=["tls/ca.crt"]
    )
    client_certificates: Literal["none", "optional", "required"] = Field(
        "none",
        description="required: nobody connects without one; optional: one that HTTP is shown must be good (gRPC "
        "does not ask).",
    )
    edges: Literal["both", "grpc", "http"] = Field(
        "both", description="Which ports speak TLS; the other one stays plain, behind a proxy say."
    )
    reload_seconds: Seconds = Field(
        10.0, gt=0, le=3600, description="How long a replaced file may stay unnoticed by new connections."
    )


class DatabaseSettings(Group):
    """PostgreSQL 14 or later. `url` wins over the split fields."""

    url: SecretStr | None = Field(
        None,
        description="Address as postgresql://user:password@host:port/name.",
        examples=["postgresql://listings_user:secret@localhost:5432/listings_db"],
    )
    host: str = Field("localhost", description="Host, or the folder of a Unix socket.")
    port: int = Field(5432, ge=1, le=65535, description="Port.")
    user: str = Field("listings_user", description="Role; needs no more than table rights.")
    password: SecretStr = Field(SecretStr(""), description="Password of the role.")
    name: str = Field("listings_db", min_length=1, description="Database.")
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="As libpq's sslmode."
    )
    pool_size: int = Field(
        8,
        ge=1,
        le=200,
        description="Sessions held, by all workers together; more than about 8 per process only adds contention.",
    )
    acquire_timeout_seconds: Seconds = Field(2.0, gt=0, le=60, description="Longest wait for a session.")
    connect_timeout_seconds: Seconds = Field(5.0, gt=0, le=60, description="Longest wait for a connection.")
    statement_timeout_seconds: Seconds = Field(
        30.0, gt=0, le=3600, description="PostgreSQL ends any statement after this time."
    )
    slow_statement_seconds: Seconds = Field(
        0.5, gt=0, le=60, description="Statements slower than this are logged."
    )

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("an address of PostgreSQL begins with postgresql://")
        return url

    def place(self) -> str:
        """Where the database is, as host:port/name; without user and password, fit for messages."""
        at = urlsplit(self.dsn())
        host = parse_qs(at.query).get("host", [at.hostname or "localhost"])[0]
        return f"{host}:{at.port or 5432}{at.path}"

    def dsn(self) -> str:
        """The address that asyncpg connects to, with its password: never log it."""
        if self.url is not None:
            return self.url.get_secret_value()
        password = self.password.get_secret_value()
        login = quote(self.user, safe="") + (f":{quote(password, safe='')}" if password else "")
        if self.host.startswith("/"):
            return f"postgresql://{login}@/{quote(self.name, safe='')}?host={quote(self.host, safe='')}&port={self.port}"
        place = f"{_in_address(self.host)}:{self.port}"
        return f"postgresql://{login}@{place}/{quote(self.name, safe='')}?sslmode={self.sslmode}"

    def server_settings(self) -> dict[str, str]:
        """Session settings: generic plans halve PostgreSQL's time for prepared point reads."""
        return {
            "application_name": "listings",
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",
            "timezone": "UTC",
            "statement_timeout": str(round(self.statement_timeout_seconds * 1000)),
            "idle_in_transaction_session_timeout": "60000",
            # A process that was killed cancels nothing: its statements must not wait for locks on its behalf.
            "client_connection_check_interval": "1000",
        }


class RedisSettings(Group):
    """Optional: tells other processes which cached answers are stale; without it PostgreSQL does."""

    url: SecretStr | None = Field(
        None,
        description="Address as redis://:password@host:port/db; without it, and without a host, no Redis.",
        examples=["redis://localhost:6379/0"],
    )
    host: str = Field("", description="Host, when no url is given; empty: no Redis.", examples=["redis"])
    port: int = Field(6379, ge=1, le=65535, description="Port.")
    password: SecretStr = Field(SecretStr(""), description="Password.")
    db: int = Field(0, ge=0, le=1000, description="Database number.")
    pool_size: int = Field(10, ge=1, le=200, description="Connections held.")
    timeout_seconds: Seconds = Field(0.5, gt=0, le=10, description="Longest wait for an answer.")

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("an address of Redis begins with redis://, rediss:// or unix://")
        return url

    def address(self) -> str | None:
        """The URL to connect to, or None when no Redis is configured: never log it."""
        if self.url is not None and self.url.get_secret_value():
            return self.url.get_secret_value()
        if not self.host:
            return None
        password = self.password.get_secret_value()
        login = f":{quote(password, safe='')}@" if password else ""
        return f"redis://{login}{_in_address(self.host)}:{self.port}/{self.db}"


class CacheSettings(Group):
    """Encoded answers kept in process."""

    enabled: bool = Field(default=True, description="Keep encoded answers at all.")
    ttl_seconds: Seconds = Field(
        2.0, gt=0, le=2, description="Bounds what writers that do not tell us may leave stale; at most 2 s."
    )
    max_bytes: int = Field(64 * 1024 * 1024, ge=0, description="Memory for encoded answers.")


class RateLimitSettings(Group):
    """Token buckets: n calls at once, refilled at n/60 per second; shared by all processes where there is Redis."""

    enabled: bool = Field(default=True, description="Limit at all.")
    preset: Literal["compatible", "strict"] = Field(
        "compatible", description="compatible: the eleven inherited limits; strict: also 100/min elsewhere."
    )
    per_minute: dict[str, int | None] = Field(
        default_factory=dict,
        description="Limits of single methods, instead of the preset's; `unlimited` for none.",
        examples=["GetListing=400,SearchListings=unlimited"],
    )
    trusted_proxies: Names = Field(
        default_factory=list,
        description="Networks whose X-Forwarded-For and X-Real-IP are believed.",
        examples=["10.0.0.0/8"],
    )
    unlimited_networks: Names = Field(
        default_factory=lambda: ["127.0.0.0/8", "::1/128"], description="Networks of services, never limited."
    )
    file: Path | None = Field(
        None,
        description="TOML file with limits of single methods; what changes in it holds within seconds.",
        examples=["/etc/listings/limits.toml"],
    )
    redis_wait_seconds: Seconds = Field(
        0.02,
        ge=0.001,
        le=5,
        description="Longest wait for Redis' judgement; then each process judges alone until Redis answers again.",
    )
    lease_percent: int = Field(
        0,
        ge=0,
        le=20,
        description="Share of a limit that a process takes from Redis at a time, so that most calls need not ask; "
        "each process may let so much more through. 0: every call asks.",
    )

    @field_validator("per_minute", mode="before")
    @classmethod
    def _calls(cls, limits: Any) -> dict[str, int | None]:
        return {method: _calls_per_minute(method, calls) for method, calls in by_method(limits).items()}

    @field_validator("trusted_proxies", "unlimited_networks")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ip_network(network)  # its error says what is wrong with which
        return networks


class TimeoutSettings(Group):
    """Time limits per method; a client's shorter deadline wins."""

    preset: Literal["default", "tight"] = Field(
        "default", description="default: 30 s, search 10 s; tight: the inherited per-method values."
    )
    seconds: dict[str, float] = Field(
        default_factory=dict,
        description="Limits of single methods, instead of the preset's; from 100 ms to 5 minutes.",
        examples=["GetListing=2,BulkCreateProducts=1m"],
    )

    @field_validator("seconds", mode="before")
    @classmethod
    def _limits(cls, limits: Any) -> dict[str, float]:
        return {method: _time_limit(method, limit) for method, limit in by_method(limits).items()}


class AuthSettings(Group):
    """Who calls. Off by default on gRPC, as clients know it."""

    enabled: bool = Field(default=False, description="Verify tokens on both edges.")
    rest_writes: bool = Field(
        default=False, description="Verify tokens on REST favorites and writes only (what `make run` does)."
    )
    public_key_path: Path | None = Field(
        None, description="PEM file of the RS256 public key.", examples=["keys/public.pem"]
    )
    jwks_path: Path | None = Field(
        None, description="JWKS file with RS256 keys.", examples=["keys/jwks.json"]
    )
    hs256_secret: SecretStr | None = Field(
        None,
        description="Shared secret, for development only.",
        examples=["at-least-32-random-characters-long"],
    )
    issuer: str | None = Field(
        None, description="Required `iss`, when set.", examples=["https://auth.example.com"]
    )
    audience: str | None = Field(None, description="Required `aud`, when set.", examples=["listings"])
    admin_role: str = Field("admin", description="Role whose bearer may act for others.")
    reload_seconds: Seconds = Field(
        10.0, gt=0, le=3600, description="How long a replaced key file may stay unnoticed."
    )


class CorsSettings(Group):
    """Browsers of other origins; none by default."""

    allowed_origins: Names = Field(
        default_factory=list,
        description="Exact origins, comma separated; `*` is refused.",
        examples=["https://shop.example.com,https://admin.example.com"],
    )

    @field_validator("allowed_origins")
    @classmethod
    def _no_wildcard(cls, origins: list[str]) -> list[str]:
        if "*" in origins:
            raise ValueError("name the origins: '*' would let any page act for its visitor")
        return origins


class LogSettings(Group):
    """Structured logs on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level written.")
    format: Literal["json", "console"] = Field("json", description="json for machines, console for people.")


class TracingSettings(Group):
    """OpenTelemetry; off until an endpoint is configured."""

    endpoint: str | None = Field(None, description="OTLP gRPC endpoint.", examples=["http://collector:4317"])
    sample_ratio: float = Field(0.01, ge=0, le=1, description="Share of traces started here.")


class StockSettings(Group):
    """Taking stock and giving it back."""

    rollback_unseen: Literal["allow", "refuse"] = Field(
        "allow",
        description="What a rollback of an order that was never taken here does; old clients rely on allow.",
    )


class MaintenanceSettings(Group):
    """Work the service does by itself."""

    expiry_interval_seconds: Seconds = Field(60.0, gt=0, description="How often expired listings are swept.")
    queue_retention_seconds: Seconds = Field(
        7 * 86400.0, gt=0, description="How long indexing rows are kept while nothing consumes them."
    )
    queue_purge_interval_seconds: Seconds = Field(600.0, gt=0, description="How often old rows are removed.")
    ledger_check_interval_seconds: Seconds = Field(
        3600.0, gt=0, description="How often the inventory ledger is proved; reads all of it."
    )
    queue_look_interval_seconds: Seconds = Field(
        15.0, gt=0, description="How often the indexing queue and the schema's version are looked at."
    )
    catalog_count_interval_seconds: Seconds = Field(
        300.0, gt=0, description="How often listings are counted and stock is valued; reads the whole table."
    )


class Settings(Group):
    """The whole configuration, checked."""

    environment: str = Field("development", description="Name of the environment, for logs and /health.")
    server: ServerSettings = Field(default_factory=ServerSettings)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    tls: TlsSettings = Field(default_factory=TlsSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    rate_limit: RateLimitSettings = Field(default_factory=RateLimitSettings)
    timeouts: TimeoutSettings = Field(default_factory=TimeoutSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    cors: CorsSettings = Field(default_factory=CorsSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    stock: StockSettings = Field(default_factory=StockSettings)
    maintenance: MaintenanceSettings = Field(default_factory=MaintenanceSettings)
