"""Whether the environment can be read, and what in it does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.environment import OLD_PREFIX, Configuration, ConfigurationError, read_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from listings.doctor.findings import Report


def check_configuration(report: Report, environ: Mapping[str, str]) -> Configuration | None:
    """The configuration, or None when a value in it cannot be used."""
    try:
        configuration = read_environment(environ)
    except ConfigurationError as error:
        for problem in error.problems:
            report.error(
                "SETTING_INVALID",
                f"{problem.variable}: {problem.what}",
                why="The service does not start with a value it cannot use.",
                fix=f"Set it like {problem.example}",
            )
        return None
    for warning in configuration.warnings:
        if " is an old name" in warning:
            report.info(
                "SETTING_OLD_NAME", warning, why="Old names are read for now.", fix="Rename the variable."
            )
        else:
            report.warning(
                "SETTING_WITHOUT_EFFECT" if warning.startswith(OLD_PREFIX) else "SETTING_UNKNOWN",
                warning,
                why="Somebody set it and may believe that it works.",
                fix="Remove it, or correct its name; `listings config` lists all.",
            )
    report.fine.append(
        f"configuration: {len(configuration.sources)} settings from the environment, all usable"
    )
    return configuration
