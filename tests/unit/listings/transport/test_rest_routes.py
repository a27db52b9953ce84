"""A REST route takes its limits and access from the RPC it is named after."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter

from listings.transport.rest.route import EdgeRoute


async def answer() -> dict[str, Any]:
    return {}


def add_route(path: str, name: str) -> None:
    APIRouter(route_class=EdgeRoute).add_api_route(path, answer, name=name)


def test_a_name_that_is_no_rpc_cannot_open_an_api_path():
    with pytest.raises(LookupError, match="GetListng"):
        add_route("/api/v1/listings/{listing_id}", "GetListng")
    add_route("/api/v1/listings/{listing_id}", "GetListing")


def test_paths_outside_the_api_need_no_rpc():
    add_route("/health", "health")
