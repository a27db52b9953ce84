"""Categories in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.db.statements import statement
from listings.domain.categories import LANGUAGES, Catalog, Category

if TYPE_CHECKING:
    from listings.db.connections import Connections
    from listings.db.session import Record

_CATALOG: Final = statement("categories", "catalog")


class CategoryRows:
    """Reads `categories` and counts the listings in each."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def catalog(self) -> Catalog:
        """All categories with their counts, as of one moment."""
        return Catalog(_category(row) for row in await self._connections.fetch(_CATALOG))


def _category(row: Record) -> Category:
    return Category(
        id=row["id"],
        name=row["name"],
        slug=row["slug"],
        parent_id=row["parent_id"],
        icon=row["icon"],
        description=row["description"],
        is_active=row["is_active"],
        sort_order=row["sort_order"],
        level=row["level"],
        has_custom_ui=row["has_custom_ui"],
        custom_ui_component=row["custom_ui_component"],
        created_at=row["created_at"],
        listing_count=row["listing_count"],
        translations={
            language: row[f"title_{language}"] for language in LANGUAGES if row[f"title_{language}"]
        },
    )
