"""Shops that stock tests trade in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from providers.stock import Shop, load_shop

if TYPE_CHECKING:
    from typing import Any


@pytest.fixture
async def shop(service: Any, request: pytest.FixtureRequest) -> Shop:
    """The fixture that the test's module names as SHOP, loaded under the running service."""
    return await load_shop(service.connections, request.module.SHOP)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_shop(shared_service: Any, request: pytest.FixtureRequest) -> Shop:
    """The same under the service that the module's tests share."""
    return await load_shop(shared_service.connections, request.module.SHOP)
