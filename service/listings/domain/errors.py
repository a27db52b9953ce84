"""What can go wrong, as kinds that every edge knows how to answer.

    ListingsError
    ├── InvalidArgument       the caller's input breaks a rule, named by field
    │   └── OutOfRange        a page or cursor beyond what exists
    ├── NotFound              no such thing, or none that this caller may see
    ├── AlreadyExists         a unique value is taken
    ├── FailedPrecondition    right input, wrong state; retrying alone does not help
    ├── PermissionDenied      known caller, not allowed
    ├── Unauthenticated       unknown caller where one is needed
    ├── ResourceExhausted     a limit is reached; retry after the stated time
    ├── DeadlineExceeded      the time given is used up
    ├── Aborted               lost against concurrent work even after retries
    └── Unavailable           something we depend on is away; retry

`transport/errors.py` is the one place that turns a kind into a gRPC or HTTP status.
An error carries a stable `reason` (UPPER_SNAKE, part of the API); its text is for people
and keeps the wording old clients search for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One broken rule: the request's field path (`items[2].quantity`) and what to send instead."""

    field: str
    description: str


class ListingsError(Exception):
    """Base of every error a caller may see.

    `metadata` travels in `ErrorInfo.metadata`: strings that a program may read.
    `retry_after_seconds` becomes RetryInfo and Retry-After.
    """

    reason = "UNKNOWN"

    def __init__(
        self,
        message: str | None = None,
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        fields: Sequence[FieldViolation] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().partition("\n")[0]
        super().__init__(self.message)
        if reason is not None:
            self.reason = reason
        self.metadata = dict(metadata or {})
        self.fields = tuple(fields)
        self.retry_after_seconds = retry_after_seconds


class InvalidArgument(ListingsError):
    """The request breaks a rule."""

    reason = "INVALID_ARGUMENT"


class OutOfRange(InvalidArgument):
    """The page or cursor lies beyond what exists."""

    reason = "OUT_OF_RANGE"


class NotFound(ListingsError):
    """There is no such thing."""

    reason = "NOT_FOUND"


class AlreadyExists(ListingsError):
    """It exists already."""

    reason = "ALREADY_EXISTS"


class FailedPrecondition(ListingsError):
    """The thing is not in a state that allows this."""

    reason = "FAILED_PRECONDITION"


class PermissionDenied(ListingsError):
    """The caller is not allowed to do this."""

    reason = "PERMISSION_DENIED"


class Unauthenticated(ListingsError):
    """The caller must say who it is."""

    reason = "UNAUTHENTICATED"


class ResourceExhausted(ListingsError):
    """A limit is reached."""

    reason = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(ListingsError):
    """The time given to this call is used up."""

    reason = "DEADLINE_EXCEEDED"


class Aborted(ListingsError):
    """The change lost against concurrent changes; try again."""

    reason = "ABORTED"


class Unavailable(ListingsError):
    """Something this service depends on is away; try again."""

    reason = "UNAVAILABLE"


def invalid(field: str, message: str, *, reason: str | None = None) -> InvalidArgument:
    """One broken rule of one field; the message stands in the status and in the details."""
    return InvalidArgument(message, reason=reason, fields=[FieldViolation(field, message)])
