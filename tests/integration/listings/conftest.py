"""What the tests of listings share: valid requests, and short calls."""

from __future__ import annotations

import pytest
from providers.catalog import add_category

from listings.v1 import listings_pb2 as pb


@pytest.fixture
async def category(service):
    return await add_category(service.connections)


@pytest.fixture
async def new(category):
    """Make requests that differ from a valid one in the named fields."""

    def request(**fields: object) -> pb.CreateListingRequest:
        valid = {
            "user_id": 7,
            "title": "Oak table",
            "price": 10.5,
            "currency": "RSD",
            "category_id": category,
            "quantity": 1,
        }
        return pb.CreateListingRequest(**{**valid, **fields})

    return request
