"""Limits from a file that may change while calls are served.

    preset = "strict"               # optional, instead of LISTINGS_RATE_LIMIT_PRESET

    [per_minute]                    # others keep that of LISTINGS_RATE_LIMIT_PER_MINUTE, or the preset's
    GetListing = 400
    ListProducts = 100              # one that has no limit by itself
    SearchListings = "unlimited"

The file is read again every two seconds, so that a mounted ConfigMap, an editor and `mv` all work. One that
cannot be used changes nothing: the limits before hold on, the log and a metric say so. At start it is an error.
"""

from __future__ import annotations

import asyncio
import tomllib
from typing import TYPE_CHECKING, Any, Final

import structlog

from listings.domain.token_bucket import MOST_PER_MINUTE
from listings.settings import UNLIMITED
from listings.transport.limits import limits_of
from listings.transport.policy import POLICIES, no_such_method

if TYPE_CHECKING:
    from pathlib import Path

    from listings.limit_metrics import RateLimitMetrics
    from listings.settings import RateLimitSettings
    from listings.transport.limits import Limiter
    from listings.transport.policy import RateLimit

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 2.0
_PRESETS: Final = ("compatible", "strict")


class BadLimits(ValueError):
    """The file says something that cannot be a limit; the text names it and the remedy."""


def parse(text: str, settings: RateLimitSettings) -> dict[str, RateLimit]:
    """The limits by method: the file's, and the settings' where it says nothing; raises BadLimits."""
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadLimits(f"not TOML: {error}") from None
    for name in written:
        if name not in {"preset", "per_minute"}:
            raise BadLimits(f"{name}: unknown; the file holds `preset` and the table `[per_minute]`")
    preset = written.get("preset", settings.preset)
    if preset not in _PRESETS:
        raise BadLimits(f"preset: {preset!r} is none of {', '.join(_PRESETS)}")
    methods = written.get("per_minute", {})
    if not isinstance(methods, dict):
        raise BadLimits("per_minute: write a table, [per_minute], with one line per method")
    said = {method: _calls(method, calls) for method, calls in methods.items()}
    return limits_of(preset, settings.per_minute | said)


def read(path: Path, settings: RateLimitSettings) -> dict[str, RateLimit]:
    """The limits that hold with a file; raises BadLimits also where it cannot be read."""
    return parse(_text(path), settings)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadLimits(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadLimits("not UTF-8") from None


def _calls(method: str, calls: Any) -> int | None:
    if method not in POLICIES:
        raise BadLimits(f"per_minute.{method}: {no_such_method(method)}")
    if calls == UNLIMITED:
        return None
    if not isinstance(calls, int) or isinstance(calls, bool) or not 1 <= calls <= MOST_PER_MINUTE:
        raise BadLimits(
            f"per_minute.{method}: {calls!r} is not a whole number from 1 to {MOST_PER_MINUTE}, nor "
            f'"{UNLIMITED}"'
        )
    return calls


class LimitsFile:
    """Keeps a limiter true to a file."""

    def __init__(
        self, path: Path, settings: RateLimitSettings, limiter: Limiter, metrics: RateLimitMetrics
    ) -> None:
        self._path = path
        self._settings = settings
        self._limiter = limiter
        self._metrics = metrics
        self._seen = ""
        self._complaint = ""

    def load(self) -> None:
        """Read it for the first time; raises BadLimits, which names the file."""
        try:
            self._hold(_text(self._path))
        except BadLimits as error:
            raise BadLimits(f"LISTINGS_RATE_LIMIT_FILE {self._path}: {error}") from None

    async def watch(self) -> None:
        """Read it again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Take over what changed; never raises for what the file says."""
        try:
            text = await asyncio.to_thread(_text, self._path)
            if text != self._seen:
                self._hold(text)
        except BadLimits as error:
            self._metrics.file_read(usable=False)
            if str(error) != self._complaint:  # once per mistake, not per look
                self._complaint = str(error)
                log.warning("limits file not used, the limits before hold on", problem=self._complaint)
        else:
            self._complaint = ""
            self._metrics.file_read(usable=True)

    def _hold(self, text: str) -> None:
        limits = parse(text, self._settings)
        self._limiter.set(limits)
        self._seen = text
        log.info("rate limits set", per_minute={method: limit.per_minute for method, limit in limits.items()})
