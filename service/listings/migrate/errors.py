"""What can stop a migration run, one class per exit code.

Every error says what was found and what to do next, because it is read by someone in the middle of a deployment.

    MigrationError
    ├── DirtyState          3   another tool left a version half applied
    ├── LockHeld            4   another runner works, or a table stayed locked
    ├── StatementFailed     5   PostgreSQL refused a statement
    ├── Unreachable         6   no connection, or it broke
    │   └── LoginRefused    6   a server that answered, and refused role, password or database
    ├── BadFiles            7   the folder of files is incomplete, ambiguous or edited
    └── UnknownState        8   the database is not one these files continue
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """How `listings migrate` ends; automation branches on these."""

    OK = 0
    FINDINGS = 1
    """status or plan: something is pending. verify: something is not as expected."""
    USAGE = 2
    DIRTY = 3
    LOCKED = 4
    STATEMENT_FAILED = 5
    UNREACHABLE = 6
    BAD_FILES = 7
    UNKNOWN_STATE = 8


class MigrationError(Exception):
    """The run stopped; `remedy` is the next thing to do, `version` the file concerned, where there is one."""

    exit_code: ClassVar[ExitCode]

    def __init__(self, message: str, *, remedy: str, version: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.version = version


class DirtyState(MigrationError):
    """A version is marked half applied and it was not this runner that left it so."""

    exit_code = ExitCode.DIRTY


class LockHeld(MigrationError):
    """Another runner holds the migration lock, or a table stayed locked through every retry."""

    exit_code = ExitCode.LOCKED


class StatementFailed(MigrationError):
    """PostgreSQL refused a statement; the version before it is intact."""

    exit_code = ExitCode.STATEMENT_FAILED


class Unreachable(MigrationError):
    """The database cannot be reached, or the connection broke during the run."""

    exit_code = ExitCode.UNREACHABLE


class LoginRefused(Unreachable):
    """The server answered and refused role, password or database: waiting will not mend it."""


class BadFiles(MigrationError):
    """The migration files cannot be trusted: missing, ambiguous, edited after they ran, or malformed."""

    exit_code = ExitCode.BAD_FILES


class UnknownState(MigrationError):
    """The database holds a schema that these files do not continue."""

    exit_code = ExitCode.UNKNOWN_STATE
