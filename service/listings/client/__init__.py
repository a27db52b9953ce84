"""A small typed client for scripts, services and people.

    async with ListingsClient("localhost:50053", token=token) as listings:
        answer = await listings.get_listing(pb.GetListingRequest(id=1))

    with SyncListingsClient("localhost:50053") as listings:
        tree = listings.call("GetAllCategories")

Stands on the generated stubs alone: nothing of the service is imported.
"""

from listings.client import errors
from listings.client.calls import CHANNEL_OPTIONS
from listings.client.client import ListingsClient
from listings.client.errors import CallError
from listings.client.sync import SyncListingsClient

__all__ = ["CHANNEL_OPTIONS", "CallError", "ListingsClient", "SyncListingsClient", "errors"]
