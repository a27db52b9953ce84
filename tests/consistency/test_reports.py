"""What commands of the service report, the operator understands: they share words and no code."""

from __future__ import annotations

import pytest

from listings.cli.report import failure, write_report
from listings.migrate.errors import MigrationError
from listings_operator.observed import read_report
from listings_operator.steps.attempts import _PASSING, _REASON_OF_ERROR


def kinds(error=MigrationError):
    """Names of all classes below one."""
    return {name for child in error.__subclasses__() for name in (child.__name__, *kinds(child))}


def test_every_error_of_a_migration_has_a_reason_and_every_reason_its_error():
    assert kinds() == set(_REASON_OF_ERROR)
    assert set(_PASSING) <= kinds()


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_failure_is_read_as_it_was_written(tmp_path, kind):
    path = tmp_path / "termination-log"
    write_report(path, failure(kind, "It broke: \N{GREEK SMALL LETTER OMEGA}", "Mend it.", 23))
    error = read_report(path.read_text()).error
    assert (error.kind, error.message, error.remedy, error.version) == (kind, "It broke: ω", "Mend it.", 23)


def test_a_plan_is_read_as_it_was_written_however_long(tmp_path):
    path = tmp_path / "termination-log"
    pending = [f"{number:06d}_{'long_name_' * 20}" for number in range(21, 521)]
    write_report(
        path, {"ok": True, "version": 20, "target": 520, "pending": pending, "pendingCount": len(pending)}
    )
    assert path.stat().st_size <= 4096, "what Kubernetes keeps"
    report = read_report(path.read_text())
    assert (report.version, report.target, report.pending_count) == (20, 520, 500)
    assert report.pending
    assert list(report.pending) == pending[: len(report.pending)]
