"""Images of listings over REST: the paths that the client library calls."""

from fastapi import APIRouter
from starlette.responses import Response

from listings.transport.rest import bodies
from listings.transport.rest.access import required_owner
from listings.transport.rest.parameters import ImageId, ListingId, UserInQuery, refusals
from listings.transport.rest.route import CallOf, EdgeRoute
from listings.transport.rest.service import ServiceOf

router = APIRouter(prefix="/api/v1", tags=["Images"], route_class=EdgeRoute)


@router.delete(
    "/images/{image_id}",
    name="DeleteListingImage",
    status_code=204,
    responses=refusals(404, who=True),
)
async def delete_image(
    service: ServiceOf, call: CallOf, image_id: ImageId, user_id: UserInQuery = None
) -> Response:
    """Remove an image from its listing; the file it points to stays where it is."""
    await service.images.remove(image_id, owner=required_owner(call, user_id))
    return Response(status_code=204)


@router.patch(
    "/listings/{listing_id}/images/reorder",
    name="ReorderListingImages",
    status_code=204,
    responses=refusals(404, body=True, who=True),
)
async def reorder_images(
    service: ServiceOf, call: CallOf, listing_id: ListingId, body: bodies.ImageOrders
) -> Response:
    """Give images of a listing new places. Images that the body does not name keep theirs."""
    await service.images.reorder(
        listing_id,
        [(order.image_id, order.display_order) for order in body.image_orders],
        owner=required_owner(call, body.user_id),
    )
    return Response(status_code=204)
