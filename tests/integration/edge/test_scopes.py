"""Tokens of services: what each scope opens, for whom they act, and what stays closed to plain users."""

from __future__ import annotations

import time

import grpc
import jwt
import pytest
from providers.catalog import add_storefront
from providers.refusals import refused

from listings.transport.policy import POLICIES, SERVICE, Access, Scope
from listings.v1 import listings_pb2 as pb

SECRET = "a development secret of 32 bytes or more"
# Written down apart from the policy table, which must agree: who runs services asks for these.
SCOPES = {
    Scope.READ: {"GetFavoritedUsers", "GetUserFavorites", "IsFavorite", "GetProductStats", "GetInventoryHistory"},
    Scope.STOCK: {"DecrementStock", "RollbackStock", "RecordInventoryMovement", "BatchUpdateStock"},
    Scope.INDEX: {"GetListingsForReindex", "ResetReindexFlags", "SyncDiscounts"},
    Scope.WRITE: {
        "CreateListing", "UpdateListing", "DeleteListing", "DeleteListingImage", "AddListingImage",
        "ReorderListingImages", "AddToFavorites", "RemoveFromFavorites", "CreateVariants", "UpdateVariant",
        "DeleteVariant", "CreateProduct", "UpdateProduct", "DeleteProduct", "BulkCreateProducts",
        "BulkUpdateProducts", "BulkDeleteProducts", "CreateProductVariant", "UpdateProductVariant",
        "DeleteProductVariant", "BulkCreateProductVariants", "IncrementProductViews",
    },
}  # fmt: skip
FOR_SERVICES_ALONE = {
    "DecrementStock",
    "RollbackStock",
    "GetListingsForReindex",
    "ResetReindexFlags",
    "SyncDiscounts",
}


def token(subject: str, **more: object) -> list[tuple[str, str]]:
    claims = {"sub": subject, "exp": int(time.time()) + 60, **more}
    return [("authorization", f"Bearer {jwt.encode(claims, SECRET, 'HS256')}")]


@pytest.fixture
async def guarded(start_service):
    async with start_service(auth={"enabled": True, "hs256_secret": SECRET}) as service:
        yield service


async def denied(service, method: str, metadata: list[tuple[str, str]]) -> bool:
    """Whether an empty request is refused for who sent it, and not for what it says."""
    try:
        await service.channel.unary_unary(f"/{SERVICE}/{method}")(b"", metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return error.code() is grpc.StatusCode.PERMISSION_DENIED
    return False


def test_every_private_method_has_one_scope():
    found = {scope: {name for name, row in POLICIES.items() if row.scope is scope} for scope in Scope}
    assert found == SCOPES
    public = {name for name, policy in POLICIES.items() if policy.access is Access.PUBLIC}
    assert public == POLICIES.keys() - set().union(*SCOPES.values())


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_service_may_call_what_its_scope_names_and_public_methods(guarded, scope):
    bearer = token("some-service", scope=f"openid {scope}")
    refused_methods = {method for method in POLICIES if await denied(guarded, method, bearer)}
    private = set().union(*SCOPES.values())
    assert refused_methods == private - SCOPES[scope]


async def test_orders_and_the_index_are_not_for_plain_users(guarded):
    assert {method for method in FOR_SERVICES_ALONE if await denied(guarded, method, token("7"))} == (
        FOR_SERVICES_ALONE
    )
    for more in ({"roles": ["admin"]}, {"scope": "listings:stock listings:index"}):
        bearer = token("7", **more)
        assert not [method for method in FOR_SERVICES_ALONE if await denied(guarded, method, bearer)]


async def test_a_service_acts_for_the_user_whom_the_request_names_and_must_name_one(guarded):
    bearer = token("web", scope=["listings:read", "listings:write"])
    asked = pb.GetUserFavoritesRequest(user_id=7)
    assert (await guarded.stub.GetUserFavorites(asked, metadata=bearer)).total == 0
    nobody = pb.GetUserFavoritesRequest()
    error = await refused(guarded.stub.GetUserFavorites(nobody, metadata=bearer))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_service_changes_any_shop_within_its_scope(guarded):
    shop = await add_storefront(guarded.connections, user_id=7)
    asked = pb.GetProductStatsRequest(storefront_id=shop)
    await guarded.stub.GetProductStats(asked, metadata=token("reports", scope="listings:read"))


async def test_a_service_does_not_delete_as_an_administrator(guarded, new_listing_of_seven):
    asked = pb.DeleteListingRequest(id=new_listing_of_seven, user_id=8, is_admin=True)
    error = await refused(guarded.stub.DeleteListing(asked, metadata=token("web", scope="listings:write")))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.fixture
async def new_listing_of_seven(guarded) -> int:
    from providers.catalog import add_listing

    return await add_listing(guarded.connections, user_id=7)
