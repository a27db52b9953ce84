"""One typed method per RPC. Generated from proto/listings/v1 by `make proto`; edit the comments there.

`client.py` and `sync.py` give these their `call`; `listings call --list` reads their first lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, TypeVar

from google.protobuf import empty_pb2
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message

Answer = TypeVar("Answer", bound="Message")

# Safe to repeat: they change nothing.
READS: Final = frozenset({
    "GetListing",
    "SearchListings",
    "ListListings",
    "GetListingImage",
    "GetListingImages",
    "GetRootCategories",
    "GetAllCategories",
    "GetPopularCategories",
    "GetCategory",
    "GetCategoryTree",
    "GetFavoritedUsers",
    "GetUserFavorites",
    "IsFavorite",
    "GetStorefront",
    "GetStorefrontBySlug",
    "ListStorefronts",
    "GetVariants",
    "GetListingsForReindex",
    "GetProduct",
    "GetProductsBySKUs",
    "GetProductsByIDs",
    "ListProducts",
    "GetVariant",
    "GetVariantsByProductID",
    "CheckStockAvailability",
    "GetInventoryHistory",
    "GetProductStats",
})


class AsyncMethods(ABC):
    """The RPCs by name; every method raises the errors of `errors.py`."""

    @abstractmethod
    async def ask(self, method: str, request: Message, answer: type[Answer], *, deadline: float | None) -> Answer:
        """Call a method and return its answer."""

    async def get_listing(self, request: pb.GetListingRequest, *, deadline: float | None = None) -> pb.GetListingResponse:
        """Returns one undeleted listing of any status, with its images."""
        return await self.ask("GetListing", request, pb.GetListingResponse, deadline=deadline)

    async def create_listing(self, request: pb.CreateListingRequest, *, deadline: float | None = None) -> pb.CreateListingResponse:
        """Creates a listing in status draft with visibility public, and queues it for the search index."""
        return await self.ask("CreateListing", request, pb.CreateListingResponse, deadline=deadline)

    async def update_listing(self, request: pb.UpdateListingRequest, *, deadline: float | None = None) -> pb.UpdateListingResponse:
        """Changes the fields that are present and queues the listing for the search index."""
        return await self.ask("UpdateListing", request, pb.UpdateListingResponse, deadline=deadline)

    async def delete_listing(self, request: pb.DeleteListingRequest, *, deadline: float | None = None) -> pb.DeleteListingResponse:
        """Deletes a listing: from then on no read shows it."""
        return await self.ask("DeleteListing", request, pb.DeleteListingResponse, deadline=deadline)

    async def search_listings(self, request: pb.SearchListingsRequest, *, deadline: float | None = None) -> pb.SearchListingsResponse:
        """Finds active, public, undeleted listings by words in title and description and by filters."""
        return await self.ask("SearchListings", request, pb.SearchListingsResponse, deadline=deadline)

    async def list_listings(self, request: pb.ListListingsRequest, *, deadline: float | None = None) -> pb.ListListingsResponse:
        """Lists undeleted listings by exact filters, newest created_at first, each with its images."""
        return await self.ask("ListListings", request, pb.ListListingsResponse, deadline=deadline)

    async def get_listing_image(self, request: pb.ImageIDRequest, *, deadline: float | None = None) -> pb.ImageResponse:
        """Returns one image."""
        return await self.ask("GetListingImage", request, pb.ImageResponse, deadline=deadline)

    async def delete_listing_image(self, request: pb.ImageIDRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Removes the image from its listing."""
        return await self.ask("DeleteListingImage", request, empty_pb2.Empty, deadline=deadline)

    async def add_listing_image(self, request: pb.AddImageRequest, *, deadline: float | None = None) -> pb.ImageResponse:
        """Adds an image to a listing."""
        return await self.ask("AddListingImage", request, pb.ImageResponse, deadline=deadline)

    async def get_listing_images(self, request: pb.ListingIDRequest, *, deadline: float | None = None) -> pb.ImagesResponse:
        """Returns the images of a listing: the primary first, then by display_order, then by id."""
        return await self.ask("GetListingImages", request, pb.ImagesResponse, deadline=deadline)

    async def reorder_listing_images(self, request: pb.ReorderImagesRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Sets display_order of the named images in one transaction."""
        return await self.ask("ReorderListingImages", request, empty_pb2.Empty, deadline=deadline)

    async def get_root_categories(self, request: empty_pb2.Empty, *, deadline: float | None = None) -> pb.CategoriesResponse:
        """Returns the active categories without a parent, by sort_order, then name."""
        return await self.ask("GetRootCategories", request, pb.CategoriesResponse, deadline=deadline)

    async def get_all_categories(self, request: empty_pb2.Empty, *, deadline: float | None = None) -> pb.CategoriesResponse:
        """Returns every active category, flat, by sort_order, then name."""
        return await self.ask("GetAllCategories", request, pb.CategoriesResponse, deadline=deadline)

    async def get_popular_categories(self, request: pb.PopularCategoriesRequest, *, deadline: float | None = None) -> pb.CategoriesResponse:
        """Returns the active categories with the most active undeleted listings, most first, then by name."""
        return await self.ask("GetPopularCategories", request, pb.CategoriesResponse, deadline=deadline)

    async def get_category(self, request: pb.CategoryIDRequest, *, deadline: float | None = None) -> pb.CategoryResponse:
        """Returns one category, an inactive one too."""
        return await self.ask("GetCategory", request, pb.CategoryResponse, deadline=deadline)

    async def get_category_tree(self, request: pb.CategoryIDRequest, *, deadline: float | None = None) -> pb.CategoryTreeResponse:
        """Returns an active category with everything below it that is active, at any depth."""
        return await self.ask("GetCategoryTree", request, pb.CategoryTreeResponse, deadline=deadline)

    async def get_favorited_users(self, request: pb.ListingIDRequest, *, deadline: float | None = None) -> pb.UserIDsResponse:
        """Returns the users who keep a listing as a favorite, ids ascending."""
        return await self.ask("GetFavoritedUsers", request, pb.UserIDsResponse, deadline=deadline)

    async def add_to_favorites(self, request: pb.AddToFavoritesRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Makes a listing a favorite of a user and counts it in the listing's favorites_count, in one transaction."""
        return await self.ask("AddToFavorites", request, empty_pb2.Empty, deadline=deadline)

    async def remove_from_favorites(self, request: pb.RemoveFromFavoritesRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Ends a favorite and lowers the listing's favorites_count, in one transaction."""
        return await self.ask("RemoveFromFavorites", request, empty_pb2.Empty, deadline=deadline)

    async def get_user_favorites(self, request: pb.GetUserFavoritesRequest, *, deadline: float | None = None) -> pb.GetUserFavoritesResponse:
        """Returns the ids of a user's favorite listings, latest favorite first."""
        return await self.ask("GetUserFavorites", request, pb.GetUserFavoritesResponse, deadline=deadline)

    async def is_favorite(self, request: pb.IsFavoriteRequest, *, deadline: float | None = None) -> pb.IsFavoriteResponse:
        """Tells whether a listing is a favorite of a user."""
        return await self.ask("IsFavorite", request, pb.IsFavoriteResponse, deadline=deadline)

    async def get_storefront(self, request: pb.GetStorefrontRequest, *, deadline: float | None = None) -> pb.StorefrontResponse:
        """Returns one undeleted storefront."""
        return await self.ask("GetStorefront", request, pb.StorefrontResponse, deadline=deadline)

    async def get_storefront_by_slug(self, request: pb.GetStorefrontBySlugRequest, *, deadline: float | None = None) -> pb.StorefrontResponse:
        """Returns the undeleted storefront with this slug."""
        return await self.ask("GetStorefrontBySlug", request, pb.StorefrontResponse, deadline=deadline)

    async def list_storefronts(self, request: pb.ListStorefrontsRequest, *, deadline: float | None = None) -> pb.ListStorefrontsResponse:
        """Lists undeleted storefronts that pass the filters, newest first unless sort_by says otherwise."""
        return await self.ask("ListStorefronts", request, pb.ListStorefrontsResponse, deadline=deadline)

    async def create_variants(self, request: pb.CreateVariantsRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Creates variants of a listing, all or none, and marks the listing as one with variants."""
        return await self.ask("CreateVariants", request, empty_pb2.Empty, deadline=deadline)

    async def get_variants(self, request: pb.ListingIDRequest, *, deadline: float | None = None) -> pb.VariantsResponse:
        """Returns the variants of a listing, ids ascending."""
        return await self.ask("GetVariants", request, pb.VariantsResponse, deadline=deadline)

    async def update_variant(self, request: pb.UpdateVariantRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Changes the fields that are present."""
        return await self.ask("UpdateVariant", request, empty_pb2.Empty, deadline=deadline)

    async def delete_variant(self, request: pb.VariantIDRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Removes a variant for good; stock it had is written off in the inventory ledger."""
        return await self.ask("DeleteVariant", request, empty_pb2.Empty, deadline=deadline)

    async def get_listings_for_reindex(self, request: pb.ReindexRequest, *, deadline: float | None = None) -> pb.ListingsResponse:
        """Returns the next batch of active undeleted listings with an id above last_id, ids ascending, for a job that walks all of them: pass next_cursor as the next last_id until it is absent."""
        return await self.ask("GetListingsForReindex", request, pb.ListingsResponse, deadline=deadline)

    async def reset_reindex_flags(self, request: pb.ResetFlagsRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Marks the waiting search index work of these listings as done."""
        return await self.ask("ResetReindexFlags", request, empty_pb2.Empty, deadline=deadline)

    async def sync_discounts(self, request: empty_pb2.Empty, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Does nothing and succeeds."""
        return await self.ask("SyncDiscounts", request, empty_pb2.Empty, deadline=deadline)

    async def get_product(self, request: pb.GetProductRequest, *, deadline: float | None = None) -> pb.ProductResponse:
        """Returns one undeleted product, an inactive one too, with its variants."""
        return await self.ask("GetProduct", request, pb.ProductResponse, deadline=deadline)

    async def get_products_by_skus(self, request: pb.GetProductsBySKUsRequest, *, deadline: float | None = None) -> pb.ProductsResponse:
        """Returns the active undeleted products with these SKUs, ids ascending."""
        return await self.ask("GetProductsBySKUs", request, pb.ProductsResponse, deadline=deadline)

    async def get_products_by_ids(self, request: pb.GetProductsByIDsRequest, *, deadline: float | None = None) -> pb.ProductsResponse:
        """Returns the active undeleted products with these ids, ids ascending."""
        return await self.ask("GetProductsByIDs", request, pb.ProductsResponse, deadline=deadline)

    async def list_products(self, request: pb.ListProductsRequest, *, deadline: float | None = None) -> pb.ProductsResponse:
        """Lists the undeleted products of a storefront, newest created_at first."""
        return await self.ask("ListProducts", request, pb.ProductsResponse, deadline=deadline)

    async def get_variant(self, request: pb.GetVariantRequest, *, deadline: float | None = None) -> pb.VariantResponse:
        """Returns one variant, an inactive one too."""
        return await self.ask("GetVariant", request, pb.VariantResponse, deadline=deadline)

    async def get_variants_by_product_id(self, request: pb.GetVariantsByProductIDRequest, *, deadline: float | None = None) -> pb.ProductVariantsResponse:
        """Returns the variants of a product: the default first, then ids ascending."""
        return await self.ask("GetVariantsByProductID", request, pb.ProductVariantsResponse, deadline=deadline)

    async def decrement_stock(self, request: pb.DecrementStockRequest, *, deadline: float | None = None) -> pb.DecrementStockResponse:
        """Takes stock for an order: all lines or none, in one transaction."""
        return await self.ask("DecrementStock", request, pb.DecrementStockResponse, deadline=deadline)

    async def rollback_stock(self, request: pb.RollbackStockRequest, *, deadline: float | None = None) -> pb.RollbackStockResponse:
        """Gives stock of an order back."""
        return await self.ask("RollbackStock", request, pb.RollbackStockResponse, deadline=deadline)

    async def check_stock_availability(self, request: pb.CheckStockAvailabilityRequest, *, deadline: float | None = None) -> pb.CheckStockAvailabilityResponse:
        """Tells whether each line could be taken right now."""
        return await self.ask("CheckStockAvailability", request, pb.CheckStockAvailabilityResponse, deadline=deadline)

    async def create_product(self, request: pb.CreateProductRequest, *, deadline: float | None = None) -> pb.ProductResponse:
        """Creates an active product of a storefront, owned by the storefront's owner."""
        return await self.ask("CreateProduct", request, pb.ProductResponse, deadline=deadline)

    async def update_product(self, request: pb.UpdateProductRequest, *, deadline: float | None = None) -> pb.ProductResponse:
        """Changes a product."""
        return await self.ask("UpdateProduct", request, pb.ProductResponse, deadline=deadline)

    async def delete_product(self, request: pb.DeleteProductRequest, *, deadline: float | None = None) -> pb.DeleteProductResponse:
        """Deletes a product."""
        return await self.ask("DeleteProduct", request, pb.DeleteProductResponse, deadline=deadline)

    async def bulk_create_products(self, request: pb.BulkCreateProductsRequest, *, deadline: float | None = None) -> pb.BulkCreateProductsResponse:
        """Creates up to 1000 products of one storefront in one transaction."""
        return await self.ask("BulkCreateProducts", request, pb.BulkCreateProductsResponse, deadline=deadline)

    async def bulk_update_products(self, request: pb.BulkUpdateProductsRequest, *, deadline: float | None = None) -> pb.BulkUpdateProductsResponse:
        """Changes up to 1000 products of one storefront in one transaction, each by the rules of UpdateProduct, one after the other."""
        return await self.ask("BulkUpdateProducts", request, pb.BulkUpdateProductsResponse, deadline=deadline)

    async def bulk_delete_products(self, request: pb.BulkDeleteProductsRequest, *, deadline: float | None = None) -> pb.BulkDeleteProductsResponse:
        """Deletes up to 1000 products of one storefront in one transaction, each as DeleteProduct does."""
        return await self.ask("BulkDeleteProducts", request, pb.BulkDeleteProductsResponse, deadline=deadline)

    async def create_product_variant(self, request: pb.CreateProductVariantRequest, *, deadline: float | None = None) -> pb.VariantResponse:
        """Creates an active variant of an active product that has has_variants."""
        return await self.ask("CreateProductVariant", request, pb.VariantResponse, deadline=deadline)

    async def update_product_variant(self, request: pb.UpdateProductVariantRequest, *, deadline: float | None = None) -> pb.VariantResponse:
        """Changes a variant."""
        return await self.ask("UpdateProductVariant", request, pb.VariantResponse, deadline=deadline)

    async def delete_product_variant(self, request: pb.DeleteProductVariantRequest, *, deadline: float | None = None) -> pb.DeleteProductVariantResponse:
        """Removes a variant for good."""
        return await self.ask("DeleteProductVariant", request, pb.DeleteProductVariantResponse, deadline=deadline)

    async def bulk_create_product_variants(self, request: pb.BulkCreateProductVariantsRequest, *, deadline: float | None = None) -> pb.BulkCreateProductVariantsResponse:
        """Creates up to 1000 variants of one product: all of them, or none."""
        return await self.ask("BulkCreateProductVariants", request, pb.BulkCreateProductVariantsResponse, deadline=deadline)

    async def record_inventory_movement(self, request: pb.RecordInventoryMovementRequest, *, deadline: float | None = None) -> pb.RecordInventoryMovementResponse:
        """Changes the stock of a product or variant and writes the movement, in one transaction."""
        return await self.ask("RecordInventoryMovement", request, pb.RecordInventoryMovementResponse, deadline=deadline)

    async def batch_update_stock(self, request: pb.BatchUpdateStockRequest, *, deadline: float | None = None) -> pb.BatchUpdateStockResponse:
        """Sets the stock of up to 1000 products or variants of one storefront to absolute counts, zero included, and writes an adjustment movement for each."""
        return await self.ask("BatchUpdateStock", request, pb.BatchUpdateStockResponse, deadline=deadline)

    async def get_inventory_history(self, request: pb.GetInventoryHistoryRequest, *, deadline: float | None = None) -> pb.GetInventoryHistoryResponse:
        """Lists movements of the inventory ledger: every change of stock, who made it and why, and the counts before and after."""
        return await self.ask("GetInventoryHistory", request, pb.GetInventoryHistoryResponse, deadline=deadline)

    async def get_product_stats(self, request: pb.GetProductStatsRequest, *, deadline: float | None = None) -> pb.GetProductStatsResponse:
        """Returns figures over the undeleted products of a storefront."""
        return await self.ask("GetProductStats", request, pb.GetProductStatsResponse, deadline=deadline)

    async def increment_product_views(self, request: pb.IncrementProductViewsRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Adds one view to an undeleted product."""
        return await self.ask("IncrementProductViews", request, empty_pb2.Empty, deadline=deadline)


class SyncMethods(ABC):
    """The RPCs by name; every method raises the errors of `errors.py`."""

    @abstractmethod
    def ask(self, method: str, request: Message, answer: type[Answer], *, deadline: float | None) -> Answer:
        """Call a method and return its answer."""

    def get_listing(self, request: pb.GetListingRequest, *, deadline: float | None = None) -> pb.GetListingResponse:
        """Returns one undeleted listing of any status, with its images."""
        return self.ask("GetListing", request, pb.GetListingResponse, deadline=deadline)

    def create_listing(self, request: pb.CreateListingRequest, *, deadline: float | None = None) -> pb.CreateListingResponse:
        """Creates a listing in status draft with visibility public, and queues it for the search index."""
        return self.ask("CreateListing", request, pb.CreateListingResponse, deadline=deadline)

    def update_listing(self, request: pb.UpdateListingRequest, *, deadline: float | None = None) -> pb.UpdateListingResponse:
        """Changes the fields that are present and queues the listing for the search index."""
        return self.ask("UpdateListing", request, pb.UpdateListingResponse, deadline=deadline)

    def delete_listing(self, request: pb.DeleteListingRequest, *, deadline: float | None = None) -> pb.DeleteListingResponse:
        """Deletes a listing: from then on no read shows it."""
        return self.ask("DeleteListing", request, pb.DeleteListingResponse, deadline=deadline)

    def search_listings(self, request: pb.SearchListingsRequest, *, deadline: float | None = None) -> pb.SearchListingsResponse:
        """Finds active, public, undeleted listings by words in title and description and by filters."""
        return self.ask("SearchListings", request, pb.SearchListingsResponse, deadline=deadline)

    def list_listings(self, request: pb.ListListingsRequest, *, deadline: float | None = None) -> pb.ListListingsResponse:
        """Lists undeleted listings by exact filters, newest created_at first, each with its images."""
        return self.ask("ListListings", request, pb.ListListingsResponse, deadline=deadline)

    def get_listing_image(self, request: pb.ImageIDRequest, *, deadline: float | None = None) -> pb.ImageResponse:
        """Returns one image."""
        return self.ask("GetListingImage", request, pb.ImageResponse, deadline=deadline)

    def delete_listing_image(self, request: pb.ImageIDRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Removes the image from its listing."""
        return self.ask("DeleteListingImage", request, empty_pb2.Empty, deadline=deadline)

    def add_listing_image(self, request: pb.AddImageRequest, *, deadline: float | None = None) -> pb.ImageResponse:
        """Adds an image to a listing."""
        return self.ask("AddListingImage", request, pb.ImageResponse, deadline=deadline)

    def get_listing_images(self, request: pb.ListingIDRequest, *, deadline: float | None = None) -> pb.ImagesResponse:
        """Returns the images of a listing: the primary first, then by display_order, then by id."""
        return self.ask("GetListingImages", request, pb.ImagesResponse, deadline=deadline)

    def reorder_listing_images(self, request: pb.ReorderImagesRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Sets display_order of the named images in one transaction."""
        return self.ask("ReorderListingImages", request, empty_pb2.Empty, deadline=deadline)

    def get_root_categories(self, request: empty_pb2.Empty, *, deadline: float | None = None) -> pb.CategoriesResponse:
        """Returns the active categories without a parent, by sort_order, then name."""
        return self.ask("GetRootCategories", request, pb.CategoriesResponse, deadline=deadline)

    def get_all_categories(self, request: empty_pb2.Empty, *, deadline: float | None = None) -> pb.CategoriesResponse:
        """Returns every active category, flat, by sort_order, then name."""
        return self.ask("GetAllCategories", request, pb.CategoriesResponse, deadline=deadline)

    def get_popular_categories(self, request: pb.PopularCategoriesRequest, *, deadline: float | None = None) -> pb.CategoriesResponse:
        """Returns the active categories with the most active undeleted listings, most first, then by name."""
        return self.ask("GetPopularCategories", request, pb.CategoriesResponse, deadline=deadline)

    def get_category(self, request: pb.CategoryIDRequest, *, deadline: float | None = None) -> pb.CategoryResponse:
        """Returns one category, an inactive one too."""
        return self.ask("GetCategory", request, pb.CategoryResponse, deadline=deadline)

    def get_category_tree(self, request: pb.CategoryIDRequest, *, deadline: float | None = None) -> pb.CategoryTreeResponse:
        """Returns an active category with everything below it that is active, at any depth."""
        return self.ask("GetCategoryTree", request, pb.CategoryTreeResponse, deadline=deadline)

    def get_favorited_users(self, request: pb.ListingIDRequest, *, deadline: float | None = None) -> pb.UserIDsResponse:
        """Returns the users who keep a listing as a favorite, ids ascending."""
        return self.ask("GetFavoritedUsers", request, pb.UserIDsResponse, deadline=deadline)

    def add_to_favorites(self, request: pb.AddToFavoritesRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Makes a listing a favorite of a user and counts it in the listing's favorites_count, in one transaction."""
        return self.ask("AddToFavorites", request, empty_pb2.Empty, deadline=deadline)

    def remove_from_favorites(self, request: pb.RemoveFromFavoritesRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Ends a favorite and lowers the listing's favorites_count, in one transaction."""
        return self.ask("RemoveFromFavorites", request, empty_pb2.Empty, deadline=deadline)

    def get_user_favorites(self, request: pb.GetUserFavoritesRequest, *, deadline: float | None = None) -> pb.GetUserFavoritesResponse:
        """Returns the ids of a user's favorite listings, latest favorite first."""
        return self.ask("GetUserFavorites", request, pb.GetUserFavoritesResponse, deadline=deadline)

    def is_favorite(self, request: pb.IsFavoriteRequest, *, deadline: float | None = None) -> pb.IsFavoriteResponse:
        """Tells whether a listing is a favorite of a user."""
        return self.ask("IsFavorite", request, pb.IsFavoriteResponse, deadline=deadline)

    def get_storefront(self, request: pb.GetStorefrontRequest, *, deadline: float | None = None) -> pb.StorefrontResponse:
        """Returns one undeleted storefront."""
        return self.ask("GetStorefront", request, pb.StorefrontResponse, deadline=deadline)

    def get_storefront_by_slug(self, request: pb.GetStorefrontBySlugRequest, *, deadline: float | None = None) -> pb.StorefrontResponse:
        """Returns the undeleted storefront with this slug."""
        return self.ask("GetStorefrontBySlug", request, pb.StorefrontResponse, deadline=deadline)

    def list_storefronts(self, request: pb.ListStorefrontsRequest, *, deadline: float | None = None) -> pb.ListStorefrontsResponse:
        """Lists undeleted storefronts that pass the filters, newest first unless sort_by says otherwise."""
        return self.ask("ListStorefronts", request, pb.ListStorefrontsResponse, deadline=deadline)

    def create_variants(self, request: pb.CreateVariantsRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Creates variants of a listing, all or none, and marks the listing as one with variants."""
        return self.ask("CreateVariants", request, empty_pb2.Empty, deadline=deadline)

    def get_variants(self, request: pb.ListingIDRequest, *, deadline: float | None = None) -> pb.VariantsResponse:
        """Returns the variants of a listing, ids ascending."""
        return self.ask("GetVariants", request, pb.VariantsResponse, deadline=deadline)

    def update_variant(self, request: pb.UpdateVariantRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Changes the fields that are present."""
        return self.ask("UpdateVariant", request, empty_pb2.Empty, deadline=deadline)

    def delete_variant(self, request: pb.VariantIDRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Removes a variant for good; stock it had is written off in the inventory ledger."""
        return self.ask("DeleteVariant", request, empty_pb2.Empty, deadline=deadline)

    def get_listings_for_reindex(self, request: pb.ReindexRequest, *, deadline: float | None = None) -> pb.ListingsResponse:
        """Returns the next batch of active undeleted listings with an id above last_id, ids ascending, for a job that walks all of them: pass next_cursor as the next last_id until it is absent."""
        return self.ask("GetListingsForReindex", request, pb.ListingsResponse, deadline=deadline)

    def reset_reindex_flags(self, request: pb.ResetFlagsRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Marks the waiting search index work of these listings as done."""
        return self.ask("ResetReindexFlags", request, empty_pb2.Empty, deadline=deadline)

    def sync_discounts(self, request: empty_pb2.Empty, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Does nothing and succeeds."""
        return self.ask("SyncDiscounts", request, empty_pb2.Empty, deadline=deadline)

    def get_product(self, request: pb.GetProductRequest, *, deadline: float | None = None) -> pb.ProductResponse:
        """Returns one undeleted product, an inactive one too, with its variants."""
        return self.ask("GetProduct", request, pb.ProductResponse, deadline=deadline)

    def get_products_by_skus(self, request: pb.GetProductsBySKUsRequest, *, deadline: float | None = None) -> pb.ProductsResponse:
        """Returns the active undeleted products with these SKUs, ids ascending."""
        return self.ask("GetProductsBySKUs", request, pb.ProductsResponse, deadline=deadline)

    def get_products_by_ids(self, request: pb.GetProductsByIDsRequest, *, deadline: float | None = None) -> pb.ProductsResponse:
        """Returns the active undeleted products with these ids, ids ascending."""
        return self.ask("GetProductsByIDs", request, pb.ProductsResponse, deadline=deadline)

    def list_products(self, request: pb.ListProductsRequest, *, deadline: float | None = None) -> pb.ProductsResponse:
        """Lists the undeleted products of a storefront, newest created_at first."""
        return self.ask("ListProducts", request, pb.ProductsResponse, deadline=deadline)

    def get_variant(self, request: pb.GetVariantRequest, *, deadline: float | None = None) -> pb.VariantResponse:
        """Returns one variant, an inactive one too."""
        return self.ask("GetVariant", request, pb.VariantResponse, deadline=deadline)

    def get_variants_by_product_id(self, request: pb.GetVariantsByProductIDRequest, *, deadline: float | None = None) -> pb.ProductVariantsResponse:
        """Returns the variants of a product: the default first, then ids ascending."""
        return self.ask("GetVariantsByProductID", request, pb.ProductVariantsResponse, deadline=deadline)

    def decrement_stock(self, request: pb.DecrementStockRequest, *, deadline: float | None = None) -> pb.DecrementStockResponse:
        """Takes stock for an order: all lines or none, in one transaction."""
        return self.ask("DecrementStock", request, pb.DecrementStockResponse, deadline=deadline)

    def rollback_stock(self, request: pb.RollbackStockRequest, *, deadline: float | None = None) -> pb.RollbackStockResponse:
        """Gives stock of an order back."""
        return self.ask("RollbackStock", request, pb.RollbackStockResponse, deadline=deadline)

    def check_stock_availability(self, request: pb.CheckStockAvailabilityRequest, *, deadline: float | None = None) -> pb.CheckStockAvailabilityResponse:
        """Tells whether each line could be taken right now."""
        return self.ask("CheckStockAvailability", request, pb.CheckStockAvailabilityResponse, deadline=deadline)

    def create_product(self, request: pb.CreateProductRequest, *, deadline: float | None = None) -> pb.ProductResponse:
        """Creates an active product of a storefront, owned by the storefront's owner."""
        return self.ask("CreateProduct", request, pb.ProductResponse, deadline=deadline)

    def update_product(self, request: pb.UpdateProductRequest, *, deadline: float | None = None) -> pb.ProductResponse:
        """Changes a product."""
        return self.ask("UpdateProduct", request, pb.ProductResponse, deadline=deadline)

    def delete_product(self, request: pb.DeleteProductRequest, *, deadline: float | None = None) -> pb.DeleteProductResponse:
        """Deletes a product."""
        return self.ask("DeleteProduct", request, pb.DeleteProductResponse, deadline=deadline)

    def bulk_create_products(self, request: pb.BulkCreateProductsRequest, *, deadline: float | None = None) -> pb.BulkCreateProductsResponse:
        """Creates up to 1000 products of one storefront in one transaction."""
        return self.ask("BulkCreateProducts", request, pb.BulkCreateProductsResponse, deadline=deadline)

    def bulk_update_products(self, request: pb.BulkUpdateProductsRequest, *, deadline: float | None = None) -> pb.BulkUpdateProductsResponse:
        """Changes up to 1000 products of one storefront in one transaction, each by the rules of UpdateProduct, one after the other."""
        return self.ask("BulkUpdateProducts", request, pb.BulkUpdateProductsResponse, deadline=deadline)

    def bulk_delete_products(self, request: pb.BulkDeleteProductsRequest, *, deadline: float | None = None) -> pb.BulkDeleteProductsResponse:
        """Deletes up to 1000 products of one storefront in one transaction, each as DeleteProduct does."""
        return self.ask("BulkDeleteProducts", request, pb.BulkDeleteProductsResponse, deadline=deadline)

    def create_product_variant(self, request: pb.CreateProductVariantRequest, *, deadline: float | None = None) -> pb.VariantResponse:
        """Creates an active variant of an active product that has has_variants."""
        return self.ask("CreateProductVariant", request, pb.VariantResponse, deadline=deadline)

    def update_product_variant(self, request: pb.UpdateProductVariantRequest, *, deadline: float | None = None) -> pb.VariantResponse:
        """Changes a variant."""
        return self.ask("UpdateProductVariant", request, pb.VariantResponse, deadline=deadline)

    def delete_product_variant(self, request: pb.DeleteProductVariantRequest, *, deadline: float | None = None) -> pb.DeleteProductVariantResponse:
        """Removes a variant for good."""
        return self.ask("DeleteProductVariant", request, pb.DeleteProductVariantResponse, deadline=deadline)

    def bulk_create_product_variants(self, request: pb.BulkCreateProductVariantsRequest, *, deadline: float | None = None) -> pb.BulkCreateProductVariantsResponse:
        """Creates up to 1000 variants of one product: all of them, or none."""
        return self.ask("BulkCreateProductVariants", request, pb.BulkCreateProductVariantsResponse, deadline=deadline)

    def record_inventory_movement(self, request: pb.RecordInventoryMovementRequest, *, deadline: float | None = None) -> pb.RecordInventoryMovementResponse:
        """Changes the stock of a product or variant and writes the movement, in one transaction."""
        return self.ask("RecordInventoryMovement", request, pb.RecordInventoryMovementResponse, deadline=deadline)

    def batch_update_stock(self, request: pb.BatchUpdateStockRequest, *, deadline: float | None = None) -> pb.BatchUpdateStockResponse:
        """Sets the stock of up to 1000 products or variants of one storefront to absolute counts, zero included, and writes an adjustment movement for each."""
        return self.ask("BatchUpdateStock", request, pb.BatchUpdateStockResponse, deadline=deadline)

    def get_inventory_history(self, request: pb.GetInventoryHistoryRequest, *, deadline: float | None = None) -> pb.GetInventoryHistoryResponse:
        """Lists movements of the inventory ledger: every change of stock, who made it and why, and the counts before and after."""
        return self.ask("GetInventoryHistory", request, pb.GetInventoryHistoryResponse, deadline=deadline)

    def get_product_stats(self, request: pb.GetProductStatsRequest, *, deadline: float | None = None) -> pb.GetProductStatsResponse:
        """Returns figures over the undeleted products of a storefront."""
        return self.ask("GetProductStats", request, pb.GetProductStatsResponse, deadline=deadline)

    def increment_product_views(self, request: pb.IncrementProductViewsRequest, *, deadline: float | None = None) -> empty_pb2.Empty:
        """Adds one view to an undeleted product."""
        return self.ask("IncrementProductViews", request, empty_pb2.Empty, deadline=deadline)
