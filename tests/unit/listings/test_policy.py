"""What is promised per method: time limits, rate limits and who may call. Clients and operators count on these rows."""

from __future__ import annotations

import pytest

from listings.transport.policy import POLICIES, STRICT_LIMIT, Access, LimitBy

IP, USER = LimitBy.IP, LimitBy.USER

INHERITED_SECONDS = {
    "GetListing": 5,
    "CreateListing": 10,
    "UpdateListing": 10,
    "DeleteListing": 15,
    "SearchListings": 8,
    "ListListings": 5,
    "IncrementProductViews": 3,
    "GetProductStats": 5,
    "RecordInventoryMovement": 8,
    "BatchUpdateStock": 20,
}
LIMITS = {
    "GetListing": (200, IP),
    "CreateListing": (50, USER),
    "UpdateListing": (50, USER),
    "DeleteListing": (20, USER),
    "SearchListings": (300, IP),
    "ListListings": (200, IP),
    "IncrementProductViews": (100, IP),
    "GetProductStats": (300, IP),
    "RecordInventoryMovement": (50, USER),
    "BatchUpdateStock": (20, USER),
    "CheckStockAvailability": (200, IP),
}
OF_SERVICES = {
    "DecrementStock",
    "RollbackStock",
    "GetListingsForReindex",
    "ResetReindexFlags",
    "SyncDiscounts",
}
PRIVATE_READS = {
    "GetFavoritedUsers",
    "GetUserFavorites",
    "IsFavorite",
    "GetListingsForReindex",
    "GetProductStats",
    "GetInventoryHistory",
}
FAILURES = {
    "CreateProduct": "products.create_failed",
    "UpdateProduct": "products.update_failed",
    "DeleteProduct": "products.delete_failed",
    "BulkCreateProducts": "products.bulk_create_failed",
    "BulkUpdateProducts": "products.bulk_update_failed",
    "BulkDeleteProducts": "products.bulk_delete_failed",
    "GetProductStats": "products.stats_failed",
    "IncrementProductViews": "products.increment_views_failed",
    "CreateProductVariant": "variants.create_failed",
    "UpdateProductVariant": "variants.update_failed",
    "DeleteProductVariant": "variants.delete_failed",
    "BulkCreateProductVariants": "variants.bulk_create_failed",
    "RecordInventoryMovement": "inventory.update_failed",
    "BatchUpdateStock": "inventory.batch_update_failed",
}


@pytest.mark.parametrize("method", sorted(POLICIES))
def test_every_method_has_its_row(method: str):
    policy = POLICIES[method]
    limit = policy.limit
    assert policy.timeout_default == (10 if method == "SearchListings" else 30)
    assert policy.timeout_tight == INHERITED_SECONDS.get(method, 30)
    assert (limit and (limit.per_minute, limit.by)) == LIMITS.get(method)
    assert (policy.access is Access.PUBLIC) == (not policy.writes and method not in PRIVATE_READS)
    assert (policy.access is Access.SERVICE) == (method in OF_SERVICES)
    assert (policy.scope is None) == (policy.access is Access.PUBLIC)
    assert policy.failure == FAILURES.get(method, "")


def test_the_rows_name_methods_that_exist():
    assert {*INHERITED_SECONDS, *LIMITS, *PRIVATE_READS, *FAILURES} <= POLICIES.keys()


def test_strict_adds_a_hundred_a_minute_to_all_others():
    assert (STRICT_LIMIT.per_minute, STRICT_LIMIT.by) == (100, IP)
