"""A REST route takes its limits and access from the RPC it is named after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import APIRouter

from listings.settings import TimeoutSettings
from listings.transport.guard import Guard
from listings.transport.rest.route import Edge, edge_route

if TYPE_CHECKING:
    from collections.abc import Callable


async def answer() -> dict[str, Any]:
    return {}


@pytest.fixture
def add_route() -> Callable[[str, str], None]:
    route_class = edge_route(Edge(Guard(None, None), TimeoutSettings.model_validate({}), 1024))

    def add(path: str, name: str) -> None:
        APIRouter(route_class=route_class).add_api_route(path, answer, name=name)

    return add


def test_a_name_that_is_no_rpc_cannot_open_an_api_path(add_route):
    with pytest.raises(LookupError, match="GetListng"):
        add_route("/api/v1/listings/{listing_id}", "GetListng")
    add_route("/api/v1/listings/{listing_id}", "GetListing")


def test_paths_outside_the_api_need_no_rpc(add_route):
    add_route("/health", "health")
