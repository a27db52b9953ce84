"""Settings from the process environment, and where each value came from.

`LISTINGS_<KEY>` is ours; `SVETULISTINGS_<KEY>` is what deployments of the earlier service set and is read for
every key that still means something, with one warning that names the new key. Variables that Kubernetes injects
for a Service named `listings` (`LISTINGS_PORT`, `LISTINGS_SERVICE_HOST`, ...) are not ours and are ignored.
Empty variables count as not set, because that is what templates write for "no value".

Called by every command that needs settings; `listings config` shows the result.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, SecretStr, ValidationError

from listings.settings import Settings
from listings.transport.policy import POLICIES, no_such_method

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

PREFIX: Final = "LISTINGS_"
OLD_PREFIX: Final = "SVETULISTINGS_"

_PREFIX_OF_GROUP: Final = {
    "server": "",
    "admin": "ADMIN_",
    "tls": "TLS_",
    "database": "DB_",
    "redis": "REDIS_",
    "cache": "CACHE_",
    "rate_limit": "RATE_LIMIT_",
    "timeouts": "TIMEOUTS_",
    "auth": "AUTH_",
    "cors": "CORS_",
    "log": "LOG_",
    "tracing": "TRACING_",
    "stock": "STOCK_",
    "maintenance": "MAINTENANCE_",
}
_NAMED_OTHERWISE: Final = {("database", "url"): "DATABASE_URL"}

# Old names whose meaning lives on under another one; all others of the same name need no row.
RENAMED: Final = {
    "DB_MAX_OPEN_CONNS": "DB_POOL_SIZE",
    "FEATURE_CACHE_ENABLED": "CACHE_ENABLED",
}
# The earlier service's words for what ours calls otherwise.
_OLD_VALUES: Final = {
    ("LOG_FORMAT", "pretty"): "console",
    ("LOG_LEVEL", "trace"): "debug",
    ("LOG_LEVEL", "warn"): "warning",
    ("LOG_LEVEL", "fatal"): "error",
    ("LOG_LEVEL", "panic"): "error",
}

# Old names that mean nothing here, and why: whoever set one must not believe it works.
MEANINGLESS: Final = {
    "METRICS_HOST": f"metrics are served on the HTTP port, or on {PREFIX}ADMIN_HTTP_PORT",
    "METRICS_PORT": f"metrics are served on the HTTP port, or on {PREFIX}ADMIN_HTTP_PORT",
    "DB_MAX_IDLE_CONNS": "sessions are held, none is closed for being idle",
    "DB_CONN_MAX_LIFETIME": "sessions are held as long as they work",
    "DB_CONN_MAX_IDLE_TIME": "sessions are held, none is closed for being idle",
    "REDIS_MIN_IDLE_CONNS": "connections are opened when needed and kept",
    "CACHE_LISTING_TTL": f"answers are kept 2 s at most, see {PREFIX}CACHE_TTL_SECONDS",
    "CACHE_SEARCH_TTL": f"answers are kept 2 s at most, see {PREFIX}CACHE_TTL_SECONDS",
    "OPENSEARCH_ADDRESSES": "search runs on PostgreSQL",
    "OPENSEARCH_USERNAME": "search runs on PostgreSQL",
    "OPENSEARCH_PASSWORD": "search runs on PostgreSQL",
    "OPENSEARCH_INDEX": "search runs on PostgreSQL",
    "MINIO_ENDPOINT": "image bytes are kept elsewhere, only their addresses here",
    "MINIO_ACCESS_KEY": "image bytes are kept elsewhere, only their addresses here",
    "MINIO_SECRET_KEY": "image bytes are kept elsewhere, only their addresses here",
    "MINIO_USE_SSL": "image bytes are kept elsewhere, only their addresses here",
    "MINIO_BUCKET": "image bytes are kept elsewhere, only their addresses here",
    "AUTH_SERVICE_URL": f"tokens are verified here, see {PREFIX}AUTH_PUBLIC_KEY_PATH",
    "AUTH_TIMEOUT": "tokens are verified here, without a call",
    "WORKER_ENABLED": "search runs on PostgreSQL, nothing consumes the queue",
    "WORKER_CONCURRENCY": "search runs on PostgreSQL, nothing consumes the queue",
    "WORKER_QUEUE_NAME": "the queue is a table",
    "FEATURE_ASYNC_INDEXING": "search runs on PostgreSQL, nothing consumes the queue",
    "FEATURE_IMAGE_OPTIMIZATION": "images are not this service's business",
    "RATE_LIMIT_RPS": f"limits are per method, see {PREFIX}RATE_LIMIT_PRESET",
    "RATE_LIMIT_BURST": f"limits are per method, see {PREFIX}RATE_LIMIT_PRESET",
    "TRACING_ENABLED": f"tracing is on when {PREFIX}TRACING_ENDPOINT is set",
    "JAEGER_ENDPOINT": f"traces are sent by OTLP, see {PREFIX}TRACING_ENDPOINT",
    "CORS_ALLOWED_METHODS": "the methods of the API are allowed",
    "CORS_ALLOWED_HEADERS": "the headers of the API are allowed",
    "HEALTH_CHECK_TIMEOUT": "checks have a fixed limit",
    "HEALTH_CHECK_INTERVAL": "checks run when asked",
    "HEALTH_STARTUP_TIMEOUT": "start-up is over when the service answers",
    "HEALTH_CACHE_DURATION": "checks are kept for a fixed time",
    "HEALTH_ENABLE_DEEP_CHECKS": "deep checks are always served",
    "SHUTDOWN_TIMEOUT": f"see {PREFIX}DRAIN_SECONDS",
    "REQUEST_TIMEOUT": f"limits are per method, see {PREFIX}TIMEOUTS_PRESET",
    "MAX_BODY_SIZE": f"see {PREFIX}MAX_MESSAGE_BYTES",
    "SECURITY_HEADERS_ENABLED": "nothing to switch",
    "BACKUP_RETENTION_DAYS": "backups are the database's business",
}  # fmt: skip

# Variables with our prefix that are not settings of the service.
OTHER_VARIABLES: Final = {
    "LISTINGS_DATA_FOLDER": "where `listings dev` keeps its database and secret (default: .data)",
    "LISTINGS_ADDRESS": "host:port that `listings call` talks to (default: localhost:50053)",
    "LISTINGS_TOKEN": "token that `listings call` sends",
    "LISTINGS_PROVE": "1: tests and proofs run with their full counts",
}
_OTHER_PREFIXES: Final = ("LISTINGS_TEST_", "LISTINGS_BENCH_", "LISTINGS_PROVE_")

# What the kubelet sets for each Service of the namespace: Docker links' variables and its own two.
_INJECTED: Final = re.compile(
    r"LISTINGS_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
    r"|LISTINGS_PORT"
)
_INJECTED_VALUE: Final = re.compile(r"(?:tcp|udp|sctp)://")


def _keys() -> Iterator[tuple[str, tuple[str, str]]]:
    yield "ENV", ("", "environment")
    for group, prefix in _PREFIX_OF_GROUP.items():
        for name in group_fields(group):
            yield _NAMED_OTHERWISE.get((group, name), f"{prefix}{name.upper()}"), (group, name)


def group_fields(group: str) -> dict[str, FieldInfo]:
    """The fields of one group of settings; the group "" is the tree's own."""
    if not group:
        return {"environment": Settings.model_fields["environment"]}
    model = Settings.model_fields[group].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model.model_fields


# Key without prefix -> (group, field): the one list that reading and documentation are made from.
KEYS: Final[dict[str, tuple[str, str]]] = dict(_keys())
_KEY_OF_FIELD: Final = {place: key for key, place in KEYS.items()}


@dataclass(frozen=True, slots=True)
class Problem:
    """One variable that cannot be used."""

    variable: str
    what: str
    example: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.what}. Example: {self.example}"


class ConfigurationError(Exception):
    """The environment holds values that cannot be used; the text names each of them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Configuration:
    """The checked settings, the variable behind each value that is not a default, and what to warn about."""

    settings: Settings
    sources: dict[tuple[str, str], str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def given(self, group: str, *names: str) -> bool:
        """Whether the environment sets any of these fields of a group."""
        return any((group, name) in self.sources for name in names)

    @property
    def names_database(self) -> bool:
        """Whether the environment says which database is meant."""
        return self.given("database", "url", "host", "port", "user", "name")

    def sources_of(self, group: str) -> str:
        """The variables that set a group, for messages."""
        return ", ".join(sorted(name for (owner, _), name in self.sources.items() if owner == group))


def settings_from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """The checked settings alone; raises ConfigurationError naming each bad variable."""
    return read_environment(environ).settings


def read_environment(environ: Mapping[str, str] | None = None) -> Configuration:
    """Read, check and explain; raises ConfigurationError naming each bad variable."""
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in environ.items() if value != "" and not _is_injected(name, value)}
    values: dict[str, dict[str, str]] = {}
    sources: dict[tuple[str, str], str] = {}
    warnings: list[str] = []

    for name in sorted(given):
        if name.startswith(OLD_PREFIX):
            key = name.removeprefix(OLD_PREFIX)
            new_key = RENAMED.get(key, key)
            if key in MEANINGLESS:
                warnings.append(f"{name} has no effect: {MEANINGLESS[key]}. Remove it")
            elif new_key not in KEYS or new_key == "DATABASE_URL":
                warnings.append(f"{name} is not a known setting and has no effect{_nearest(key)}")
            elif PREFIX + new_key in given:
                warnings.append(f"{name} has no effect because {PREFIX}{new_key} is set. Remove the old name")
            else:
                warnings.append(f"{name} is an old name: set {PREFIX}{new_key} instead")
                place = KEYS[new_key]
                sources[place] = name
                values.setdefault(place[0], {})[place[1]] = _OLD_VALUES.get((key, given[name]), given[name])
        elif name.startswith(PREFIX):
            key = name.removeprefix(PREFIX)
            if key in KEYS:
                place = KEYS[key]
                sources[place] = name
                values.setdefault(place[0], {})[place[1]] = given[name]
            elif name not in OTHER_VARIABLES and not name.startswith(_OTHER_PREFIXES):
                warnings.append(f"{name} is not a known setting and has no effect{_nearest(key)}")

    tree: dict[str, Any] = {**values, **values.pop("", {})}
    tree.pop("", None)
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigurationError([_problem(detail, sources) for detail in error.errors()]) from None
    strangers = [
        Problem(sources[place], f"{name}: {no_such_method(name)}", _example(place))
        for place in (("rate_limit", "per_minute"), ("timeouts", "seconds"))
        for name in getattr(getattr(settings, place[0]), place[1])
        if name not in POLICIES
    ]
    if strangers or (strangers := list(_beyond_workers(settings))):
        raise ConfigurationError(strangers)
    return Configuration(settings, sources, tuple(warnings))


def _beyond_workers(settings: Settings) -> Iterator[Problem]:
    """What several workers cannot do."""
    workers = settings.server.workers
    if workers == 1:
        return
    if settings.admin.channelz:
        yield Problem(
            "LISTINGS_ADMIN_CHANNELZ",
            f"shows the connections of one process, and LISTINGS_WORKERS={workers} makes several",
            "LISTINGS_ADMIN_CHANNELZ=false",
        )
    if settings.database.pool_size <= workers:
        yield Problem(
            "LISTINGS_DB_POOL_SIZE",
            f"{settings.database.pool_size} sessions are too few for LISTINGS_WORKERS={workers} and what watches "
            "them: each of these processes needs one at least",
            f"LISTINGS_DB_POOL_SIZE={4 * (workers + 1)}",
        )


def example_of(info: FieldInfo) -> str:
    """A value that would be accepted, for error texts and documentation."""
    if info.examples:
        return str(info.examples[0])
    default = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, bool):
        return "true"
    if isinstance(default, list):
        return ",".join(default)
    if isinstance(default, float) and default == int(default):
        return str(int(default))
    return "" if default is None or isinstance(default, SecretStr) else str(default)


def _is_injected(name: str, value: str) -> bool:
    if not name.startswith(PREFIX):
        return False
    # A Service named listings-redis injects LISTINGS_REDIS_PORT=tcp://..., over which ours must not stumble.
    return _INJECTED.fullmatch(name) is not None or (
        name.endswith("_PORT") and _INJECTED_VALUE.match(value) is not None
    )


def _nearest(key: str) -> str:
    close = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.6)
    return f": did you mean {PREFIX}{close[0]}?" if close else " (`listings config` lists all)"


def _problem(detail: ErrorDetails, sources: Mapping[tuple[str, str], str]) -> Problem:
    parts = [str(part) for part in detail["loc"]]
    group, name = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
    place = (group, name)
    info = group_fields(group)[name]
    variable = sources.get(place, PREFIX + _KEY_OF_FIELD[place])
    what = detail["msg"].removeprefix("Value error, ")
    secret = "SecretStr" in str(info.annotation)
    shown = "" if secret or detail["type"] == "value_error" else f"{str(detail['input'])[:60]!r} "
    return Problem(variable, f"{shown}{_sentence(what)}", _example(place))


def _example(place: tuple[str, str]) -> str:
    group, name = place
    return f"{PREFIX}{_KEY_OF_FIELD[place]}={example_of(group_fields(group)[name])}"


def _sentence(text: str) -> str:
    """Pydantic's message as the rest of a sentence that begins with the value."""
    return (
        text.replace("Input should be a valid integer, unable to parse string as an integer", "is not a whole number")
        .replace("Input should be a valid number, unable to parse string as a number", "is not a number or duration")
        .replace("Input should be a valid boolean, unable to interpret input", "is neither true nor false")
        .replace("Input should be", "should be")
    )  # fmt: skip
