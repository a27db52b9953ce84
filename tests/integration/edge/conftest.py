"""A service with a client of its other edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def rest_of(service: Any) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    async with httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{service.app.http_port}") as http:
        yield service, http
