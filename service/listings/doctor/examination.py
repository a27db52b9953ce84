"""All checks in one go. Nothing is changed: every statement reads, every port is given back."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING

from listings.beside_dev import database_beside_dev
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
    from pathlib import Path


async def examine(
    environ: Mapping[str, str], *, production: bool = False, data_folder: Path | None = None
) -> Report:
    """Look at everything that the environment names; where it names no database, at that of `data_folder`."""
    report = Report()
    configuration = check_configuration(report, environ)
    if configuration is None:
        return report  # whatever else is wrong would be wrong about the wrong things
    settings = configuration.settings
    if data_folder is not None and not production:
        private = database_beside_dev(configuration, data_folder)
        if private is not None:
            settings = settings.model_copy(update={"database": private})
            address = f"LISTINGS_DATABASE_URL={shlex.quote(private.dsn())}"
            report.fine.append(f"database: the one that `listings dev` runs in {data_folder}, {address}")
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
