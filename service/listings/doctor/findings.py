"""What a check can report, and the checks' common result."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is; the worst one is the command's exit code."""

    INFO = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `code` is stable, the texts are for people."""

    code: str
    severity: Severity
    what: str
    why: str
    fix: str


@dataclass(slots=True)
class Report:
    """What was found, and what was looked at and is fine."""

    findings: list[Finding] = field(default_factory=list)
    fine: list[str] = field(default_factory=list)

    def error(self, code: str, what: str, *, why: str, fix: str) -> None:
        """Add something that keeps the service from working."""
        self.findings.append(Finding(code, Severity.ERROR, what, why, fix))

    def warning(self, code: str, what: str, *, why: str, fix: str) -> None:
        """Add something that works now and will hurt later."""
        self.findings.append(Finding(code, Severity.WARNING, what, why, fix))

    def info(self, code: str, what: str, *, why: str, fix: str) -> None:
        """Add something worth knowing."""
        self.findings.append(Finding(code, Severity.INFO, what, why, fix))

    @property
    def worst(self) -> Severity:
        """The severity of the worst finding."""
        return max((finding.severity for finding in self.findings), default=Severity.INFO)
