"""What the routes answer from: everything that belongs to one running service rather than to the process.

Routes are declared once per process, at import, as FastAPI means them to be; building them takes longer
than all the rest of a start. `application.py` puts the service into the scope of every request, and
endpoints ask for it by type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from listings.health import Health
from listings.usecases.categories import Categories
from listings.usecases.favorites import Favorites
from listings.usecases.images import Images
from listings.usecases.listings import Listings
from listings.usecases.ownership import Ownership
from listings.usecases.search import Search
from listings.usecases.storefronts import Storefronts

_SERVICE: Final = "listings.service"


@dataclass(frozen=True, slots=True)
class RestService:
    """What the REST edge can do for its callers, and what it tells operators."""

    categories: Categories
    favorites: Favorites
    images: Images
    listings: Listings
    ownership: Ownership
    search: Search
    storefronts: Storefronts
    health: Health
    registry: CollectorRegistry | None
    """Whose metrics to show; None: not on this port."""

    def scope(self) -> Mapping[str, object]:
        """What a request's scope must hold for `ServiceOf` to find this service."""
        return {_SERVICE: self}


async def _service_of(request: Request) -> RestService:
    service: RestService = request.scope[_SERVICE]
    return service


# The parameter type by which endpoints ask for the service.
ServiceOf = Annotated[RestService, Depends(_service_of)]
