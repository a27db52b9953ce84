"""Products on the wire, one at a time and by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listings.domain.errors import InvalidArgument, invalid
from listings.domain.masks import chosen
from listings.domain.paging import HIGHEST_OFFSET
from listings.domain.products import CHANGEABLE, NewProduct, ProductChange
from listings.domain.text import one_line
from listings.transport.fields import positive_id, present_id
from listings.transport.render.products import product_message
from listings.transport.render.structs import plain
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from google.protobuf.message import Message

    from listings.cache.encoded import EncodedCache
    from listings.domain.products import Product
    from listings.transport.call import Call, Handler
    from listings.usecases.ownership import Ownership
    from listings.usecases.products import Products

_MOST_NAMED: Final = 100
_LARGEST_PAGE: Final = 100


class ProductHandlers:
    """GetProduct, GetProductsBySKUs, GetProductsByIDs, ListProducts, CreateProduct, UpdateProduct, DeleteProduct."""

    def __init__(self, products: Products, cache: EncodedCache, ownership: Ownership) -> None:
        self._products = products
        self._ownership = ownership
        self._cache = cache

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "GetProduct": self.get,
            "GetProductsBySKUs": self.by_skus,
            "GetProductsByIDs": self.by_ids,
            "ListProducts": self.list,
            "CreateProduct": self.create,
            "UpdateProduct": self.update,
            "DeleteProduct": self.delete,
        }

    def get(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """One product with its variants: at once when its answer is cached."""
        request = pb.GetProductRequest.FromString(data)
        product_id = positive_id(request.product_id, "product_id")
        storefront_id = present_id(request.storefront_id)
        topic, key = ("product", product_id), ("whole", storefront_id)

        async def load() -> bytes:
            product = await self._products.get(product_id, storefront_id=storefront_id)
            return pb.ProductResponse(product=product_message(product)).SerializeToString()

        cached = self._cache.get(topic, key)
        return cached if cached is not None else self._cache.fill(topic, key, load)

    async def by_skus(self, data: bytes, call: Call) -> bytes:
        """Active products by SKU."""
        request = pb.GetProductsBySKUsRequest.FromString(data)
        if not request.skus:
            raise invalid("skus", "SKU list cannot be empty")
        if len(request.skus) > _MOST_NAMED:
            raise invalid("skus", f"cannot request more than {_MOST_NAMED} SKUs at once")
        skus = sorted({one_line(sku) for sku in request.skus} - {""})
        found = await self._products.by_skus(skus, storefront_id=present_id(request.storefront_id))
        return pb.ProductsResponse(
            products=[product_message(product) for product in found], total_count=len(found)
        ).SerializeToString()

    def by_ids(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """Active products by id: each is encoded once, the answer is their bytes one after the other."""
        request = pb.GetProductsByIDsRequest.FromString(data)
        if not request.product_ids:
            raise invalid("product_ids", "product_ids cannot be empty")
        if len(request.product_ids) > _MOST_NAMED:
            raise invalid("product_ids", f"cannot request more than {_MOST_NAMED} product_ids at once")
        for index, product_id in enumerate(request.product_ids):
            positive_id(product_id, f"product_ids[{index}]")
        key = ("listed", present_id(request.storefront_id))
        parts = {
            product_id: self._cache.get(("product", product_id), key)
            for product_id in sorted(set(request.product_ids))
        }
        if any(part is None for part in parts.values()):
            return self._read_parts(parts, key)
        return _joined(part for part in parts.values() if part)

    async def _read_parts(self, parts: dict[int, bytes | None], key: tuple[str, int | None]) -> bytes:
        missing = {
            product_id: self._cache.begin(("product", product_id))
            for product_id, part in parts.items()
            if part is None
        }
        found = await self._products.by_ids(list(missing))
        for product_id, fill in missing.items():
            product = found.get(product_id)
            part = parts[product_id] = _part(product, storefront_id=key[1])
            self._cache.put(fill, part, key)
        return _joined(part for part in parts.values() if part)

    def list(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """A page of a storefront's products: at once when it is cached."""
        request = pb.ListProductsRequest.FromString(data)
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        if not 1 <= request.page_size <= _LARGEST_PAGE:
            raise invalid("page_size", f"page_size must be between 1 and {_LARGEST_PAGE}")
        if request.page < 1 and not request.page_token:
            raise invalid("page", "page must be 1 or more")
        offset = 0 if request.page_token else (request.page - 1) * request.page_size
        if offset > HIGHEST_OFFSET:
            raise invalid("page", "page lies too deep: use page_token to walk further")
        topic = ("pages",)
        key = (
            "products",
            storefront_id,
            offset,
            request.page_size,
            request.is_active_only,
            request.page_token,
        )

        async def load() -> bytes:
            page = await self._products.list(
                storefront_id,
                active_only=request.is_active_only,
                limit=request.page_size,
                offset=offset,
                token=request.page_token,
            )
            return pb.ProductsResponse(
                products=[product_message(product) for product in page.products],
                total_count=page.total,
                next_page_token=page.next_page_token,
            ).SerializeToString()

        cached = self._cache.get(topic, key)
        return cached if cached is not None else self._cache.fill(topic, key, load)

    async def create(self, data: bytes, call: Call) -> bytes:
        """Offer a product."""
        request = pb.CreateProductRequest.FromString(data)
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        new = new_product(request)
        await self._ownership.check_storefront(storefront_id, call.required_owner())
        product = await self._products.create(storefront_id, new)
        return pb.ProductResponse(product=product_message(product)).SerializeToString()

    async def update(self, data: bytes, call: Call) -> bytes:
        """Change a product."""
        request = pb.UpdateProductRequest.FromString(data)
        product_id = positive_id(request.product_id, "product_id")
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        change = product_change(request, writable=CHANGEABLE)
        if change.is_empty:
            raise nothing_to_change()
        await self._ownership.check_storefront(storefront_id, call.required_owner())
        product = await self._products.update(storefront_id, product_id, change)
        return pb.ProductResponse(product=product_message(product)).SerializeToString()

    async def delete(self, data: bytes, call: Call) -> bytes:
        """Delete a product."""
        request = pb.DeleteProductRequest.FromString(data)
        storefront_id = positive_id(request.storefront_id, "storefront_id")
        product_id = positive_id(request.product_id, "product_id")
        await self._ownership.check_storefront(storefront_id, call.required_owner())
        variants = await self._products.delete(storefront_id, product_id, hard=request.hard_delete)
        kind = "hard" if request.hard_delete else "soft"
        return pb.DeleteProductResponse(
            success=True, message=f"Product {kind} deleted successfully", variants_deleted=variants
        ).SerializeToString()


def new_product(message: pb.CreateProductRequest | pb.ProductInput) -> NewProduct:
    """A product to create; raises InvalidArgument naming the field. `is_active` is a plain boolean: ignored."""
    given = present(message, _OPTIONAL_IN_NEW)
    return NewProduct.checked(
        name=message.name,
        price=message.price,
        currency=message.currency,
        category_id=message.category_id,
        **given,
    )


def product_change(
    message: pb.UpdateProductRequest | pb.ProductUpdateInput, *, writable: AbstractSet[str]
) -> ProductChange:
    """What is to change; raises InvalidArgument naming the field."""
    return ProductChange.checked(
        chosen(present(message, writable), message.update_mask.paths, writable=writable)
    )


def nothing_to_change() -> InvalidArgument:
    """An update of nothing is a mistake, most likely in its mask."""
    return invalid(
        "update_mask", "nothing to change: send at least one field, and name it when you send a mask"
    )


def present(message: Message, names: Iterable[str]) -> Mapping[str, Any]:
    """The fields among `names` that a message carries, structures as plain values."""
    wanted = set(names)
    return {
        field.name: plain(value) if field.message_type is not None else value
        for field, value in message.ListFields()
        if field.name in wanted
    }


_OPTIONAL_IN_NEW: Final = frozenset(
    {
        "description", "sku", "barcode", "stock_quantity", "attributes", "has_individual_location",
        "individual_address", "individual_latitude", "individual_longitude", "location_privacy", "show_on_map",
        "has_variants",
    }
)  # fmt: skip


def _part(product: Product | None, *, storefront_id: int | None) -> bytes:
    """A product's share of an answer; nothing for what is not to be listed."""
    if product is None or not product.is_active or storefront_id not in {None, product.storefront_id}:
        return b""
    return pb.ProductsResponse(products=[product_message(product)]).SerializeToString()


def _joined(parts: Iterable[bytes]) -> bytes:
    """Messages written one after the other read as one that has all their elements."""
    shown = list(parts)
    return b"".join((*shown, pb.ProductsResponse(total_count=len(shown)).SerializeToString()))
