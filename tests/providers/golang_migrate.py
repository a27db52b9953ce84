"""golang-migrate's own command line, for tests that let it and our runner work on one database.

It is taken from PATH, or from LISTINGS_TEST_GOLANG_MIGRATE; the long proofs build it from its Go module when it is
neither, and keep it in the user's cache folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION: Final = "4.18.3"
_PACKAGE: Final = f"github.com/golang-migrate/migrate/v4/cmd/migrate@v{VERSION}"


@dataclass(frozen=True, slots=True)
class GolangMigrate:
    """The program on one database and one folder of files."""

    program: Path
    dsn: str
    folder: Path

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a run."""
        separator = "&" if "?" in self.dsn else "?"
        database = f"{self.dsn}{separator}sslmode=disable"
        return [str(self.program), "-path", str(self.folder), "-database", database, *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end. It writes everything but help to standard error."""
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, check=False, timeout=90
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a run beside the test."""
        return subprocess.Popen(
            self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def find(*, build: bool) -> Path | None:
    """Return the program, or None where it is not and may or can not be built."""
    given = os.environ.get("LISTINGS_TEST_GOLANG_MIGRATE") or shutil.which("migrate")
    if given:
        return Path(given)
    kept = _cache() / f"golang-migrate-{VERSION}" / "migrate"
    go = shutil.which("go")
    if not kept.exists() and build and go:
        _build(go, kept.parent)
    return kept if kept.exists() else None


def _build(go: str, folder: Path) -> None:
    command: Sequence[str] = [
        go,
        "install",
        "-tags",
        "postgres",
        "-ldflags",
        f"-X main.Version={VERSION}",
        _PACKAGE,
    ]
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(command, env={**os.environ, "GOBIN": str(folder), "GOFLAGS": ""}, check=True)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "listings"
