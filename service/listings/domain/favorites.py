"""Favorites: which listings a person keeps, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Favorite:
    """One listing kept by one user."""

    user_id: int
    listing_id: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FavoritePage:
    """A part of a user's favorites; `total` counts all of them."""

    listing_ids: tuple[int, ...]
    total: int
    next_page_token: str = ""
