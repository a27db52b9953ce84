"""Favorites over gRPC on a real database."""

from __future__ import annotations

import grpc
import pytest
from listings.v1 import listings_pb2 as pb


async def test_a_favorite_of_an_unknown_listing_is_not_found(service):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.stub.AddToFavorites(pb.AddToFavoritesRequest(user_id=7, listing_id=404))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert "listing not found" in (refused.value.details() or "")


async def test_nothing_is_a_favorite_at_first(service):
    answer = await service.stub.IsFavorite(pb.IsFavoriteRequest(user_id=7, listing_id=1))
    assert answer.is_favorite is False
