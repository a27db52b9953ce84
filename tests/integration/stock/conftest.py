"""Shops that stock tests trade in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from providers.stock import Shop, load_shop

if TYPE_CHECKING:
    from typing import Any


@pytest.fixture
async def shop(service: Any, request: pytest.FixtureRequest) -> Shop:
    """The fixture that the test's module names as SHOP, loaded under the running service."""
    return await load_shop(service.connections, request.module.SHOP)
