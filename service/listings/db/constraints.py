"""What a violated constraint means to the caller.

PostgreSQL names the constraint; this table names the domain error. A constraint without a row here is
a rule that the use case should have checked first: the caller still learns which rule it broke, never
an internal error, because a CHECK, UNIQUE or FOREIGN KEY violation is always about the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncpg

from listings.domain.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    ListingsError,
    NotFound,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# constraint name -> a fresh error; aggregates add theirs at import with `means`.
_MEANINGS: Final[dict[str, Callable[[], ListingsError]]] = {}


def means(constraint: str, error: Callable[[], ListingsError]) -> None:
    """Declare what a violation of `constraint` (or unique index) is to the caller."""
    _MEANINGS[constraint] = error


def translated(error: asyncpg.PostgresError) -> BaseException:
    """The domain error that stands for a PostgreSQL error; the same error when there is none."""
    name = getattr(error, "constraint_name", None) or ""
    known = _MEANINGS.get(name)
    if known is not None:
        return known()
    match error:
        case asyncpg.UniqueViolationError():
            return AlreadyExists(f"a unique value is taken ({name})", metadata={"constraint": name})
        case asyncpg.ForeignKeyViolationError():
            return NotFound(
                f"something this refers to does not exist ({name})", metadata={"constraint": name}
            )
        case asyncpg.CheckViolationError() | asyncpg.NotNullViolationError():
            column = getattr(error, "column_name", None) or name
            return InvalidArgument(
                f"the value breaks the rule {name or column}",
                metadata={"constraint": name or column},
                fields=[FieldViolation(column, f"breaks the rule {name or column}")],
            )
        case asyncpg.StringDataRightTruncationError() | asyncpg.NumericValueOutOfRangeError():
            return InvalidArgument("a value is too long or too large for its column")
        case asyncpg.DataError():
            return InvalidArgument("a value cannot be stored as its column's type")
        case asyncpg.SerializationError() | asyncpg.DeadlockDetectedError():
            return Aborted("the change met concurrent changes; retry", retry_after_seconds=0.05)
        case asyncpg.InvalidCachedStatementError():
            return Aborted("a table was changed by a migration meanwhile; retry", retry_after_seconds=0.05)
        case asyncpg.LockNotAvailableError():
            return Aborted("the row is locked by other work; retry", retry_after_seconds=0.2)
        case asyncpg.DiskFullError():
            return Unavailable(
                "the database's disk is full: it cannot take writes until there is room; retry",
                reason="DATABASE_DISK_FULL",
                retry_after_seconds=5,
            )
        case asyncpg.ReadOnlySQLTransactionError() | asyncpg.InsufficientResourcesError():
            return Unavailable(
                "the database cannot take writes right now; retry",
                reason="DATABASE_READ_ONLY",
                retry_after_seconds=5,
            )
        case asyncpg.QueryCanceledError():
            return DeadlineExceeded("the statement was cancelled: its time was used up")
        case (
            asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError() | asyncpg.UndefinedFunctionError()
        ):
            return FailedPrecondition(
                "the database schema is older than this service: run `listings migrate up`",
                reason="SCHEMA_TOO_OLD",
            )
        case _:
            return error
