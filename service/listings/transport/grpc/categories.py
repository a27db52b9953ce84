"""Categories on the wire: encoded once per snapshot, then given at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.domain.categories import popular_limit
from listings.transport.fields import positive_id
from listings.transport.render.categories import branch_message, categories_message, category_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from google.protobuf.message import Message

    from listings.domain.categories import Catalog
    from listings.transport.call import Call, Handler
    from listings.usecases.categories import Categories


class CategoryHandlers:
    """GetRootCategories, GetAllCategories, GetPopularCategories, GetCategory, GetCategoryTree."""

    def __init__(self, categories: Categories) -> None:
        self._categories = categories

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "GetRootCategories": self.roots,
            "GetAllCategories": self.active,
            "GetPopularCategories": self.popular,
            "GetCategory": self.one,
            "GetCategoryTree": self.tree,
        }

    def roots(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """Active categories without a parent."""
        return self._answer("roots", lambda catalog: categories_message(catalog.roots()))

    def active(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """All active categories."""
        return self._answer("active", lambda catalog: categories_message(catalog.active()))

    def popular(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """The categories with the most listings."""
        limit = popular_limit(pb.PopularCategoriesRequest.FromString(data).limit)
        return self._answer(("popular", limit), lambda catalog: categories_message(catalog.popular(limit)))

    def one(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """One category, an inactive one too."""
        wanted = positive_id(pb.CategoryIDRequest.FromString(data).category_id, "category_id")
        return self._answer(
            ("one", wanted),
            lambda catalog: pb.CategoryResponse(category=category_message(catalog.get(wanted))),
        )

    def tree(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """An active category with all that is active below it."""
        wanted = positive_id(pb.CategoryIDRequest.FromString(data).category_id, "category_id")
        return self._answer(
            ("tree", wanted),
            lambda catalog: pb.CategoryTreeResponse(tree=branch_message(catalog.tree(wanted))),
        )

    def _answer(self, key: Hashable, build: Callable[[Catalog], Message]) -> bytes | Awaitable[bytes]:
        encoded = self._categories.encoded(key)
        return self._built(key, build) if encoded is None else encoded

    async def _built(self, key: Hashable, build: Callable[[Catalog], Message]) -> bytes:
        snapshot = await self._categories.snapshot()
        data = build(snapshot.catalog).SerializeToString()
        snapshot.encoded[key] = data
        return data
