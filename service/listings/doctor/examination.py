"""All checks in one go. Nothing is changed: every statement reads, every port is given back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from listings.doctor.certificates import check_certificates
from listings.doctor.configuration import check_configuration
from listings.doctor.database import check_database
from listings.doctor.findings import Report
from listings.doctor.keys import check_keys
from listings.doctor.limits import check_limits
from listings.doctor.listening import check_ports
from listings.doctor.production import check_production
from listings.doctor.redis import check_redis

if TYPE_CHECKING:
    from collections.abc import Mapping


async def examine(environ: Mapping[str, str], *, production: bool = False) -> Report:
    """Look at everything that the environment names."""
    report = Report()
    configuration = check_configuration(report, environ)
    if configuration is None:
        return report  # whatever else is wrong would be wrong about the wrong things
    settings = configuration.settings
    await check_ports(report, settings)
    check_keys(report, settings.auth)
    check_limits(report, settings.rate_limit)
    check_certificates(report, settings.tls)
    await asyncio.gather(
        check_database(report, settings.database, production=production),
        check_redis(report, settings.redis, production=production),
    )
    if production:
        check_production(report, settings)
    report.findings.sort(key=lambda finding: (-finding.severity, finding.code))
    return report
