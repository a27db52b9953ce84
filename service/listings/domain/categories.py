"""The category tree: active and inactive ones, their places, names in three languages, and counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from listings.domain.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

LANGUAGES: Final = ("en", "ru", "sr")
POPULAR_BY_DEFAULT: Final = 10
MOST_POPULAR: Final = 100


@dataclass(frozen=True, slots=True)
class Category:
    """One category; `listing_count` counts active undeleted listings directly in it."""

    id: int
    name: str
    slug: str
    parent_id: int | None
    icon: str | None
    description: str | None
    is_active: bool
    sort_order: int
    level: int
    has_custom_ui: bool
    custom_ui_component: str | None
    created_at: datetime | None
    listing_count: int
    translations: Mapping[str, str] = field(default_factory=dict)

    def name_in(self, language: str) -> str:
        """The name in a language (`en`, `ru`, `sr`), or the plain name where it has none."""
        return self.translations.get(language, self.name)


@dataclass(frozen=True, slots=True)
class Branch:
    """A category with the active ones below it; `path` holds the slugs from the root down to it."""

    category: Category
    path: str
    children: tuple[Branch, ...]


class CategoryNotFound(NotFound):
    """category not found"""  # noqa: D400 - the wire's own text

    reason = "CATEGORY_NOT_FOUND"


class Catalog:
    """All categories at one moment, arranged for every question about them.

    Built from categories in the order of their names; sorting is stable, so wherever something else
    decides first (sort order, count), names decide ties the way the database collates them.
    """

    def __init__(self, by_name: Iterable[Category]) -> None:
        categories = list(by_name)
        self._by_id = {category.id: category for category in categories}
        active = [category for category in categories if category.is_active]
        self._popular = tuple(sorted(active, key=lambda category: -category.listing_count))
        self._active = tuple(sorted(active, key=lambda category: category.sort_order))
        self._children: dict[int, list[Category]] = {}
        for category in self._active:
            if category.parent_id is not None:
                self._children.setdefault(category.parent_id, []).append(category)

    def roots(self) -> tuple[Category, ...]:
        """Active categories without a parent, by sort order, then name."""
        return tuple(category for category in self._active if category.parent_id is None)

    def active(self) -> tuple[Category, ...]:
        """All active categories, by sort order, then name."""
        return self._active

    def popular(self, limit: int) -> tuple[Category, ...]:
        """The active categories with the most listings, most first, then by name."""
        return self._popular[:limit]

    def get(self, category_id: int) -> Category:
        """One category, active or not; raises CategoryNotFound."""
        found = self._by_id.get(category_id)
        if found is None:
            raise CategoryNotFound
        return found

    def tree(self, category_id: int) -> Branch:
        """An active category with everything active below it; raises CategoryNotFound."""
        category = self.get(category_id)
        if not category.is_active:
            raise CategoryNotFound
        return self._branch(category, self._path(category), frozenset())

    def _branch(self, category: Category, path: str, above: frozenset[int]) -> Branch:
        # Foreign keys do not forbid a ring of parents; whoever is above is not repeated below.
        above |= {category.id}
        children = tuple(
            self._branch(child, f"{path}/{child.slug}", above)
            for child in self._children.get(category.id, ())
            if child.id not in above
        )
        return Branch(category, path, children)

    def _path(self, category: Category) -> str:
        slugs: list[str] = []
        seen: set[int] = set()
        step: Category | None = category
        while step is not None and step.id not in seen:
            seen.add(step.id)
            slugs.append(step.slug)
            step = None if step.parent_id is None else self._by_id.get(step.parent_id)
        return "/".join(reversed(slugs))


def popular_limit(limit: int) -> int:
    """How many popular categories a request means: 0 or less is 10, more than 100 is 100."""
    return POPULAR_BY_DEFAULT if limit <= 0 else min(limit, MOST_POPULAR)
