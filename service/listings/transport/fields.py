"""Checks that every handler makes on ids and numbers of a request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from listings.domain.errors import NotFound, invalid

if TYPE_CHECKING:
    from google.protobuf.message import Message

_HIGHEST_INT32: Final = 2**31 - 1


def positive_id(value: int, field: str) -> int:
    """An id of 1 or more; raises InvalidArgument naming the field."""
    if value <= 0:
        raise invalid(field, f"{field} must be greater than 0")
    return value


def int32_id(value: int, field: str) -> int:
    """An id of a table with 32-bit keys: larger ones cannot exist, so they are not found."""
    positive_id(value, field)
    if value > _HIGHEST_INT32:
        raise NotFound(f"{field} {value} not found", reason="NOT_FOUND", metadata={"field": field})
    return value


def present_id(value: int) -> int | None:
    """An optional filter: 0 and below count as absent, as existing clients rely on."""
    return value if value > 0 else None


def present(request: Message, field: str) -> Any:
    """The value of an optional field, or None when the caller did not send it."""
    return getattr(request, field) if request.HasField(field) else None


def rfc3339(moment: datetime) -> str:
    """A moment as the wire's string timestamps: UTC, whole seconds, `2026-11-22T23:08:30Z`."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    elif moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    # A page holds hundreds of moments: this is a fifth of strftime's time.
    return f"{moment.isoformat(timespec='seconds')[:19]}Z"
