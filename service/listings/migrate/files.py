"""Finds and reads the numbered migration files.

A version is a pair `NNNNNN_name.up.sql` / `NNNNNN_name.down.sql`. Lines at the top of a file that start with
`-- listings:` are directives to the runner:

    -- listings:no-transaction          one statement, run outside a transaction (concurrent index builds, long fills)
    -- listings:statement-timeout 2h    longest time for one statement of this file; ms, s, min or h

The first comment paragraph says why, the one that starts with `Locks:` says what waits; `plan` shows both.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from listings.migrate.errors import BadFiles
from listings.migrate.statements import split

Direction = Literal["up", "down"]

_NAME: Final = re.compile(r"(?P<version>\d{1,18})_(?P<name>[A-Za-z0-9_]+)\.(?P<direction>up|down)\.sql")
_DIRECTIVE: Final = re.compile(r"--\s*listings:(?P<name>[a-z-]+)(?:\s+(?P<value>\S+))?\s*")
_INTERVAL: Final = re.compile(r"(\d+)(ms|s|min|h)")
_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}

STATEMENT_TIMEOUT_MS: Final = 300_000
"""Five minutes: the slowest transactional file reads one table of ten million rows once."""


@dataclass(frozen=True, slots=True)
class Script:
    """One direction of a version: its text and how it wants to be run."""

    path: Path
    text: str
    statements: tuple[str, ...]
    transactional: bool
    statement_timeout_ms: int

    @property
    def checksum(self) -> str:
        """SHA-256 of the text; line ends do not count, so that a checkout on another system is no edit."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def locks(self) -> str:
        """What the author says about locks."""
        paragraph = re.search(r"^-- Locks: (.*(?:\n-- .*)*)", self.text, re.MULTILINE)
        return " ".join(paragraph.group(1).replace("\n-- ", " ").split()) if paragraph else ""

    @property
    def summary(self) -> str:
        """The first sentence of the header."""
        lines = [line[3:] for line in self.text.splitlines() if line.startswith("-- ")]
        prose = " ".join(line for line in lines if not line.startswith("listings:"))
        return re.split(r"(?<=[.])\s", prose, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Migration:
    """One version of the schema and the ways to and from it."""

    version: int
    name: str
    up: Script
    down: Script

    def script(self, direction: Direction) -> Script:
        """The script of one direction."""
        return self.up if direction == "up" else self.down


@dataclass(frozen=True)
class Folder:
    """All versions of a folder, in order."""

    path: Path
    migrations: tuple[Migration, ...] = field(repr=False)

    @cached_property
    def by_version(self) -> dict[int, Migration]:
        """Versions by number."""
        return {migration.version: migration for migration in self.migrations}

    @property
    def first(self) -> int:
        """The baseline: nothing below it can be built or undone."""
        return self.migrations[0].version

    @property
    def latest(self) -> int:
        """The version that this build of the service expects."""
        return self.migrations[-1].version

    def before(self, version: int) -> int | None:
        """The version below `version`, or None below the baseline."""
        return max((known for known in self.by_version if known < version), default=None)


def default_folder() -> Path:
    """Return the files packaged with the service, or those of the checkout an editable install points at."""
    packaged = resources.files("listings") / "assets" / "migrations"
    if isinstance(packaged, Path) and packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[3] / "migrations"


def load(path: Path | None = None) -> Folder:
    """Read every version of `path` (the default folder without one); raise BadFiles for anything ambiguous."""
    path = path or default_folder()
    if not path.is_dir():
        raise BadFiles(f"no migration folder at {path}", remedy="Name the folder with --migrations.")
    found: dict[int, dict[str, tuple[str, Path]]] = {}
    for file in sorted(path.glob("*.sql")):
        parts = _NAME.fullmatch(file.name)
        if parts is None:
            raise BadFiles(
                f"{file.name} is not named like a migration",
                remedy="Name it NNNNNN_what_it_does.up.sql or .down.sql, or move it elsewhere.",
            )
        version = int(parts["version"])
        scripts = found.setdefault(version, {})
        if parts["direction"] in scripts:
            raise BadFiles(
                f"two files are version {version} {parts['direction']}: "
                f"{scripts[parts['direction']][1].name} and {file.name}",
                remedy="Renumber the one that has not been released.",
                version=version,
            )
        scripts[parts["direction"]] = (parts["name"], file)
    if not found:
        raise BadFiles(f"no migration files in {path}", remedy="Name the right folder with --migrations.")
    return Folder(path, tuple(_migration(version, found[version]) for version in sorted(found)))


def _migration(version: int, scripts: dict[str, tuple[str, Path]]) -> Migration:
    for direction in ("up", "down"):
        if direction not in scripts:
            raise BadFiles(
                f"version {version} has no {direction} file",
                remedy="Restore the file from version control; a change without a way back gets a file that says so.",
                version=version,
            )
    names = {name for name, _ in scripts.values()}
    if len(names) > 1:
        raise BadFiles(
            f"version {version} has two names: {' and '.join(sorted(names))}",
            remedy="Give the up and the down file the same name.",
            version=version,
        )
    return Migration(version, names.pop(), _script(scripts["up"][1]), _script(scripts["down"][1]))


def _script(path: Path) -> Script:
    try:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFiles(f"cannot read {path.name}: {error}", remedy="Restore the file.") from error
    directives = _directives(path, text)
    script = Script(
        path=path,
        text=text,
        statements=split(text),
        transactional="no-transaction" not in directives,
        statement_timeout_ms=_milliseconds(path, directives.get("statement-timeout")),
    )
    if not script.transactional and len(script.statements) > 1:
        raise BadFiles(
            f"{path.name} runs outside a transaction and holds {len(script.statements)} statements",
            remedy="Put each statement into a version of its own: a stop between two could not be resumed.",
        )
    return script


def _directives(path: Path, text: str) -> dict[str, str]:
    directives: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if match := _DIRECTIVE.fullmatch(line):
            directives[match["name"]] = match["value"] or ""
    if unknown := directives.keys() - {"no-transaction", "statement-timeout"}:
        raise BadFiles(
            f"{path.name} has an unknown directive: {', '.join(sorted(unknown))}",
            remedy="Known ones: no-transaction, statement-timeout.",
        )
    return directives


def _milliseconds(path: Path, value: str | None) -> int:
    if value is None:
        return STATEMENT_TIMEOUT_MS
    parts = _INTERVAL.fullmatch(value)
    if parts is None:
        raise BadFiles(
            f"{path.name}: statement-timeout {value} is not a time", remedy="Write it like 90s or 2h."
        )
    return int(parts[1]) * _MILLISECONDS[parts[2]]
