"""Optional filters: conditions joined from literal fragments, values always as parameters.

The one place where SQL text depends on a request, and only on which filters it has, never on what is in
them: a session prepares one statement per combination that callers really use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    from listings.domain.listings import ListingFilter


class Conditions:
    """The WHERE clause of one statement and the parameters that all of the statement takes, in order."""

    def __init__(self, *always: LiteralString) -> None:
        self._texts: list[str] = list(always)
        self.parameters: list[object] = []

    def add(self, fragment: LiteralString, *values: object) -> None:
        """One more condition; each `{}` of the fragment stands for one value."""
        self._texts.append(fragment.format(*(self.parameter(value) for value in values)))

    def parameter(self, value: object) -> str:
        """A placeholder for a value elsewhere in the statement, such as LIMIT."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    @property
    def sql(self) -> str:
        """All conditions, joined by AND."""
        return " AND ".join(self._texts)


def listing_conditions(wanted: ListingFilter) -> Conditions:
    """Undeleted listings, known as `l`, that pass a filter."""
    conditions = Conditions("l.is_deleted = false")
    if wanted.user_id is not None:
        conditions.add("l.user_id = {}::bigint", wanted.user_id)
    if wanted.storefront_id is not None:
        conditions.add("l.storefront_id = {}::bigint", wanted.storefront_id)
    if wanted.category_id is not None:
        conditions.add("l.category_id = {}::bigint", wanted.category_id)
    if wanted.status is not None:
        conditions.add("l.status = {}::text", wanted.status)
    if wanted.source_type is not None:
        conditions.add("l.source_type = {}::text", wanted.source_type)
    if wanted.min_price is not None:
        conditions.add("l.price >= {}::numeric", wanted.min_price)
    if wanted.max_price is not None:
        conditions.add("l.price <= {}::numeric", wanted.max_price)
    return conditions
