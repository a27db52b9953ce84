"""Products and variants as messages: for the handlers of products, bulk calls and variants."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from listings.transport.render.structs import struct_of
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal

    from listings.domain.bulk import ItemError
    from listings.domain.products import Product
    from listings.domain.variants import Variant


def product_message(product: Product) -> pb.Product:
    """One product, with its variants where they were read."""
    return pb.Product(
        id=product.id,
        storefront_id=product.storefront_id,
        name=product.name,
        description=product.description,
        price=float(product.price),
        currency=product.currency,
        category_id=product.category_id,
        sku=product.sku,
        barcode=product.barcode,
        stock_quantity=product.stock_quantity,
        stock_status=product.stock_status,
        is_active=product.is_active,
        attributes=struct_of(product.attributes),
        view_count=product.view_count,
        sold_count=product.sold_count,
        created_at=_timestamp(product.created_at),
        updated_at=_timestamp(product.updated_at),
        has_individual_location=product.has_individual_location,
        individual_address=product.individual_address,
        individual_latitude=_double(product.individual_latitude),
        individual_longitude=_double(product.individual_longitude),
        location_privacy=product.location_privacy,
        show_on_map=product.show_on_map,
        has_variants=product.has_variants,
        variants=[variant_message(variant) for variant in product.variants],
    )


def variant_message(variant: Variant) -> pb.ProductVariant:
    """One variant in the newer message family."""
    return pb.ProductVariant(
        id=variant.id,
        product_id=variant.product_id,
        sku=variant.sku,
        barcode=variant.barcode,
        price=_double(variant.price),
        compare_at_price=_double(variant.compare_at_price),
        cost_price=_double(variant.cost_price),
        stock_quantity=variant.stock_quantity,
        stock_status=variant.stock_status,
        low_stock_threshold=variant.low_stock_threshold,
        variant_attributes=struct_of(variant.variant_attributes),
        weight=_double(variant.weight),
        dimensions=struct_of(variant.dimensions) if variant.dimensions is not None else None,
        is_active=variant.is_active,
        is_default=variant.is_default,
        view_count=variant.view_count,
        sold_count=variant.sold_count,
        created_at=_timestamp(variant.created_at),
        updated_at=_timestamp(variant.updated_at),
    )


def error_messages(errors: Iterable[ItemError]) -> list[pb.BulkOperationError]:
    """The items of a bulk call that were left out."""
    return [
        pb.BulkOperationError(
            index=error.index,
            product_id=error.product_id,
            error_code=error.code,
            error_message=error.message,
        )
        for error in errors
    ]


def _double(value: Decimal | None) -> float | None:
    return float(value) if value is not None else None


# What one statement wrote has one moment. The messages are safe to share: a field takes a copy.
@lru_cache(maxsize=128)
def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
