"""Steady callers: calls due at fixed instants, in an order that repeats, whatever becomes of them."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import grpc
import httpx
from google.protobuf.empty_pb2 import Empty

from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from google.protobuf.message import Message

SERVICE = "/listings.v1.ListingsService/"
MOST_UNDER_WAY = 150
LONGEST_SECONDS = 15

Request = tuple[str, bytes]


def call(method: str, message: Message) -> Request:
    """A request in the form that `steady` sends; a method that begins with `/` is a REST path."""
    return method, message.SerializeToString()


def shoppers(*, one_in: int = 80) -> Iterator[Request]:
    """What people do in a shop whose listings all belong to user 7; one in so many calls reads a user's favorites."""
    chance = random.Random(1)
    for number in itertools.count():
        listing = chance.randint(1, 200)
        if number % one_in == 0:
            yield call("GetUserFavorites", pb.GetUserFavoritesRequest(user_id=1 + number % 60))
        elif number % 10 in (1, 8):
            yield f"/api/v1/listings/{listing}", b""
        elif number % 40 == 2:
            yield call("SearchListings", pb.SearchListingsRequest(query="phone", limit=10))
        elif number % 40 == 3:
            yield call("ListListings", pb.ListListingsRequest(limit=10))
        elif number % 40 == 4:
            yield call("GetRootCategories", Empty())
        elif number % 40 == 5:
            yield call(
                "CreateListing",
                pb.CreateListingRequest(
                    user_id=7, title=f"Bicycle number {number}", price=100, currency="EUR", category_id=2
                ),
            )
        elif number % 40 == 6:
            yield call("UpdateListing", pb.UpdateListingRequest(id=listing, user_id=7, price=50))
        elif number % 80 == 7:
            yield call("DeleteListing", pb.DeleteListingRequest(id=201 + number // 80, user_id=7))
        else:
            yield call("GetListing", pb.GetListingRequest(id=chance.randint(1, 20)))


def readers(most: int) -> Iterator[Request]:
    """GetListing of one of the first `most` listings, at random."""
    chance = random.Random(2)
    while True:
        yield call("GetListing", pb.GetListingRequest(id=chance.randint(1, most)))


def admirers() -> Iterator[Request]:
    """GetFavoritedUsers: each call runs one statement of its own.

    Calls that share statements, as GetListing does, wait for the one under way and then for theirs: up to twice as long.
    """
    for number in itertools.count():
        yield call("GetFavoritedUsers", pb.ListingIDRequest(listing_id=1 + number % 200))


class Flow:
    """One stream of calls; `per_second` may be changed, 0 pauses it. `outcomes` counts by method and code."""

    def __init__(self, requests: Iterator[Request], per_second: float) -> None:
        self.requests = requests
        self.per_second = per_second
        self.outcomes: Counter[tuple[str, str]] = Counter()


@asynccontextmanager
async def steady(grpc_address: str, http_address: str, flow: Flow) -> AsyncIterator[Flow]:
    """Send the flow's calls while the block lasts."""
    async with (
        grpc.aio.insecure_channel(grpc_address, options=[("grpc.max_reconnect_backoff_ms", 500)]) as channel,
        httpx.AsyncClient(base_url=http_address, timeout=LONGEST_SECONDS) as http,
    ):
        under_way: set[asyncio.Task[None]] = set()

        async def send(method: str, data: bytes) -> None:
            try:
                if method.startswith("/"):
                    outcome = str((await http.get(method)).status_code)
                else:
                    await channel.unary_unary(SERVICE + method)(data, timeout=LONGEST_SECONDS)
                    outcome = "OK"
            except grpc.aio.AioRpcError as error:
                outcome = error.code().name
            except httpx.HTTPError as error:
                outcome = type(error).__name__
            flow.outcomes["REST" if method.startswith("/") else method, outcome] += 1

        async def pace() -> None:
            due = time.monotonic()
            while True:
                if not flow.per_second:
                    await asyncio.sleep(0.05)
                    due = time.monotonic()
                    continue
                due = max(due + 1 / flow.per_second, time.monotonic() - 1)
                await asyncio.sleep(max(due - time.monotonic(), 0))
                if len(under_way) < MOST_UNDER_WAY:
                    task = asyncio.create_task(send(*next(flow.requests)))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)

        pacing = asyncio.create_task(pace())
        try:
            yield flow
        finally:
            pacing.cancel()
            for each in (pacing, *under_way):
                each.cancel()
                with suppress(asyncio.CancelledError):
                    await each
