"""Pages: limit and offset for old clients, opaque cursors for those who walk far.

A cursor is the sort key of the last row of a page, so a deep page costs what the first one does and
rows inserted meanwhile shift nothing. It is signed with nothing secret: a forged cursor can only ask
for another page of the same public list, but it must parse, and must belong to the same query, or the
caller is told.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from listings.domain.errors import InvalidArgument, invalid

LONGEST_TOKEN: Final = 2048
HIGHEST_OFFSET: Final = 1_000_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# The last microsecond of the year 9999, and the largest id of a 64-bit column.
_LAST_MOMENT: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted: `after` wins over `offset`."""

    limit: int
    offset: int = 0
    after: tuple[str | int | float | None, ...] | None = None


def page(
    limit: int, offset: int, token: str, *, query: object, highest_limit: int = 100, key_length: int = 2
) -> Page:
    """Check a strict page (limit 1..highest, offset 0 or more) and read its cursor.

    `query` is everything the list depends on besides the page (filters, sort): the cursor of another
    query is refused. Raises InvalidArgument naming `limit`, `offset` or `page_token`.
    """
    if not 1 <= limit <= highest_limit:
        raise invalid("limit", f"limit must be between 1 and {highest_limit}")
    if offset < 0:
        raise invalid("offset", "offset must be 0 or more")
    if offset > HIGHEST_OFFSET:
        raise invalid("offset", f"offset must not exceed {HIGHEST_OFFSET}: use page_token to walk further")
    return Page(limit, offset, read_token(token, query=query, key_length=key_length) if token else None)


def write_token(key: tuple[str | int | float | None, ...], *, query: object) -> str:
    """An opaque cursor that continues after the row with this sort key."""
    body = json.dumps([_digest(query), *key], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def read_token(token: str, *, query: object, key_length: int = 2) -> tuple[str | int | float | None, ...]:
    """The sort key inside a cursor; raises InvalidArgument for forged, foreign or cut ones."""
    try:
        if len(token) > LONGEST_TOKEN:
            raise _forged()
        body = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise _forged() from error
    if not isinstance(body, list) or len(body) != key_length + 1:
        raise _forged()
    if not all(isinstance(part, str | int | float | None) and not isinstance(part, bool) for part in body):
        raise _forged()
    if body[0] != _digest(query):
        raise InvalidArgument(
            "page_token belongs to another query: repeat the filters and the sort of the first page",
            reason="PAGE_TOKEN_MISMATCH",
            fields=invalid("page_token", "belongs to another query").fields,
        )
    return tuple(body[1:])


def newest_key(created_at: datetime, id_: int) -> tuple[int, int]:
    """The sort key of a row in a list that is ordered newest first: microseconds since 1970, and its id."""
    return (created_at - _EPOCH) // _MICROSECOND, id_


def newest_position(key: tuple[str | int | float | None, ...]) -> tuple[datetime, int]:
    """The row that `newest_key` made a key of; raises InvalidArgument for keys that no row can have."""
    match key:
        case (int(moment), int(id_)) if 0 <= moment <= _LAST_MOMENT and 0 < id_ <= _LAST_ID:
            return _EPOCH + moment * _MICROSECOND, id_
        case _:
            raise _forged()


def _digest(query: object) -> str:
    return hashlib.blake2b(repr(query).encode(), digest_size=6).hexdigest()


def _forged() -> InvalidArgument:
    return invalid(
        "page_token",
        "page_token is not one this service gave: start again without it",
        reason="PAGE_TOKEN_INVALID",
    )
