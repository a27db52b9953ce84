"""Settings from the process environment.

`LISTINGS_<KEY>` is ours; `SVETULISTINGS_<KEY>` is what the existing deployment sets and is read for
every key that still means something, with one warning that names the new key. Variables that
Kubernetes injects for a Service named `listings` (`LISTINGS_PORT`, `LISTINGS_SERVICE_HOST`, ...) are
not ours and are ignored.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from listings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

# Environment key without prefix -> (group, field). The one list that documentation is made from.
KEYS: Final[dict[str, tuple[str, str]]] = {}

_PREFIX_OF_GROUP: Final = {
    "server": "",
    "database": "DB_",
    "redis": "REDIS_",
    "cache": "CACHE_",
    "rate_limit": "RATE_LIMIT_",
    "timeouts": "TIMEOUTS_",
    "auth": "AUTH_",
    "cors": "CORS_",
    "log": "LOG_",
    "tracing": "TRACING_",
    "maintenance": "MAINTENANCE_",
}


def _fill() -> None:
    for group, prefix in _PREFIX_OF_GROUP.items():
        model = Settings.model_fields[group].annotation
        assert isinstance(model, type)
        for field in model.model_fields:
            KEYS[f"{prefix}{field.upper()}"] = (group, field)
    KEYS["DATABASE_URL"] = ("database", "url")


_fill()


def settings_from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """The checked configuration; raises pydantic.ValidationError naming each bad key."""
    environ = os.environ if environ is None else environ
    groups: dict[str, dict[str, str]] = {}
    for key, (group, field) in KEYS.items():
        value = environ.get(f"LISTINGS_{key}")
        if value is not None:
            groups.setdefault(group, {})[field] = value
    return Settings.model_validate({"environment": environ.get("LISTINGS_ENV", "development"), **groups})
