"""Whose shop it is: asked before a verified user changes a shop, or reads what is its owner's business.

Shops change hands seldom, so this is a read of its own and no part of the change's transaction. Nothing is
asked for administrators, services, and where tokens are not verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.domain.errors import PermissionDenied

if TYPE_CHECKING:
    from listings.db.storefronts import StorefrontRows


class Ownership:
    """Holds a shop's change to its owner. `owner` None: nobody has to own it.

    What does not exist is nobody's: the change itself says that it is not found.
    """

    def __init__(self, rows: StorefrontRows) -> None:
        self._rows = rows

    async def check_storefront(self, storefront_id: int, owner: int | None) -> None:
        """Raise PermissionDenied unless the storefront is this user's."""
        if owner is not None:
            _check(await self._rows.owner_of(storefront_id), owner, storefront_id=storefront_id)

    async def check_product(self, product_id: int, owner: int | None) -> None:
        """Raise PermissionDenied unless the product's storefront is this user's."""
        if owner is not None:
            _check(await self._rows.owner_of_product(product_id), owner, product_id=product_id)


def _check(found: int | None, owner: int, **named: int) -> None:
    if found not in {None, owner}:
        raise PermissionDenied(
            "unauthorized: user does not own this storefront",
            reason="NOT_OWNER",
            metadata={name: str(value) for name, value in named.items()},
        )
