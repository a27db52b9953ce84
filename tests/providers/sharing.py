"""Marks a test that shares the service of its module: one that is refused, or only reads.

    @shares_service
    async def test_a_bad_id(shared_service): ...

Opening a service costs more than asking it. Such a test runs on the event loop that the shared service lives
on, and writes nothing: the tests beside it see the same rows. `shared_*` fixtures hold what it asks about.
"""

from __future__ import annotations

import pytest

shares_service = pytest.mark.asyncio(loop_scope="module")
