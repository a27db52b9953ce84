"""Whether the limits file could be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.transport.limits_file import BadLimits, read

if TYPE_CHECKING:
    from listings.doctor.findings import Report
    from listings.settings import RateLimitSettings


def check_limits(report: Report, settings: RateLimitSettings) -> None:
    """The limits file read as the service does at start, where one is configured."""
    if not settings.enabled or settings.file is None:
        return
    try:
        limits = read(settings.file, settings)
    except BadLimits as error:
        report.error(
            "LIMITS_FILE",
            f"LISTINGS_RATE_LIMIT_FILE={settings.file} cannot be used: {error}",
            why="The service does not start with it; one that runs keeps the limits it had.",
            fix="Mend the file; docs/how-to/limits.md shows one.",
        )
    else:
        report.fine.append(f"limits file: {len(limits)} methods are limited")
