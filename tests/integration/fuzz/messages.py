"""Requests from descriptors: mostly sensible, often with something nasty in one place.

Fields are filled by name where a name says what fits (`listing_id`, `price`, `currency`), by type
otherwise. `requests(method)` draws either a sensible message, one with a few fields replaced by nasty
values, or plain bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from google.protobuf import empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from listings.v1 import listings_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import Descriptor, MethodDescriptor
    from google.protobuf.message import Message

SERVICE = listings_pb2.DESCRIPTOR.services_by_name["ListingsService"]

NASTY_TEXT = st.one_of(
    st.sampled_from(
        [
            "", " ", "\x00", "a\x00b", "\x1b[31m", "'; DROP TABLE listings; --", '"', "\\", "%", "_", "$1",
            "((((", ":*", "&|!", "<->", "null", "NaN", "\u200f\u202e", "標題標題", "مرحبا بالعالم", "שלום עולם",
            "🚲🚲🚲", "x" * 256, "я" * 300, "x" * 6000, "../../etc/passwd", "\ufeff", "a\tb\nc", "é" * 255,
        ]
    ),
    st.text(max_size=300),
)  # fmt: skip
NASTY_INT32 = st.one_of(
    st.sampled_from([0, -1, 1, 2**31 - 1, -(2**31), 101, 1001]), st.integers(-(2**31), 2**31 - 1)
)
NASTY_INT64 = st.one_of(
    st.sampled_from([0, -1, 1, 2**31, 2**53, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1)
)
NASTY_DOUBLE = st.one_of(
    st.sampled_from([0.0, -0.0, -1.0, 0.001, 9.999, 1e300, -1e300, math.nan, math.inf, -math.inf, 5e-324]),
    st.floats(),
)


@dataclass(frozen=True)
class Known:
    """Ids that exist when the test begins; enough of them that deletions do not use them up."""

    listings: Sequence[int]
    products: Sequence[int]
    variant_products: Sequence[tuple[int, int]]  # (product, variant)
    images: Sequence[tuple[int, int]]  # (listing, image)
    categories: Sequence[int]
    storefronts: Sequence[int]
    storefront_slugs: Sequence[str]
    owners: dict[int, int]  # listing or product -> user
    shops: dict[int, int]  # product -> storefront
    skus: Sequence[str]
    doomed: Known | None = None  # what deletions take: other calls would not find it again


WORDS = ("велосипед", "phone", "Đorđe", "stan", "kutija", "книга", "bed", "лампа")
TITLES = st.tuples(st.sampled_from(WORDS), st.integers(1, 10**6)).map(lambda pair: f"{pair[0]} {pair[1]}")
PRICES = st.integers(1, 10_000_000).map(lambda cents: cents / 100)


@dataclass(frozen=True)
class Scene:
    """The things that one request is about, so that its ids fit each other."""

    listing: int
    product: int
    variant_product: int
    variant: int
    image_listing: int
    image: int
    serial: int


_turns = count(1)
_serials = count(1)


def scenes(known: Known, method: str) -> st.SearchStrategy[Scene]:
    """Random things for most methods; each time other ones for those that use them up.

    The serial is another one each time: drawn numbers repeat, and a SKU serves once. Something is drawn for
    it all the same, because cases that draw the same are one case to hypothesis, tried once.
    """
    turn = st.builds(lambda: next(_turns)) if "Delete" in method else st.integers(0, 10**6)
    return st.builds(
        lambda number, serial: Scene(
            known.listings[number % len(known.listings)],
            known.products[number % len(known.products)],
            *known.variant_products[number % len(known.variant_products)],
            *known.images[number % len(known.images)],
            serial,
        ),
        turn,
        st.integers(1, 2**40).map(lambda _: next(_serials)),
    )


def requests(method: MethodDescriptor, known: Known) -> st.SearchStrategy[bytes]:
    """Bytes to send to a method."""
    if method.input_type.full_name == empty_pb2.Empty.DESCRIPTOR.full_name:
        return st.one_of(st.just(b""), st.just(b""), st.binary(max_size=20))
    if "Delete" in method.name and known.doomed is not None:
        known = known.doomed
    sensible = scenes(known, method.name).flatmap(
        lambda scene: message(method.input_type, method.name, known, scene, "")
    )
    broken = sensible.flatmap(with_nasty_fields)
    plain = sensible.map(lambda found: found.SerializeToString())
    spoiled = broken.map(lambda found: found.SerializeToString())
    # By share: one_of would give every kind the same chance and most cases would end at the door.
    kinds = [plain] * 14 + [spoiled] * 5 + [st.binary(max_size=60)]
    return st.integers(0, len(kinds) - 1).flatmap(lambda number: kinds[number])


@st.composite
def message(draw: Any, kind: Descriptor, method: str, known: Known, scene: Scene, path: str) -> Message:
    built = GetMessageClass(kind)()
    for field in kind.fields:
        if not wanted(draw, field, method, path):
            continue
        if is_map(field):
            for key in draw(st.lists(st.sampled_from(["size", "color", "ram"]), max_size=2, unique=True)):
                getattr(built, field.name)[key] = draw(st.sampled_from(["M", "red", "16"]))
        elif field.is_repeated:
            # Two orders for one picture contradict each other, and a scene has one picture.
            most = 1 if method == "ReorderListingImages" else 3
            for number in range(draw(st.integers(1, most))):
                place = f"{path}{field.name}[{number}]."
                value = draw(single(field, method, known, scene, place))
                if field.message_type is not None:
                    getattr(built, field.name).add().CopyFrom(value)
                else:
                    getattr(built, field.name).append(value)
        else:
            value = draw(single(field, method, known, scene, path))
            if field.message_type is not None:
                getattr(built, field.name).CopyFrom(value)
            else:
                setattr(built, field.name, value)
    return built


def wanted(draw: Any, field: Field, method: str, path: str) -> bool:
    """Optional fields are drawn; tokens, masks and keys stay for the nasty half."""
    if field.name in {"page_token", "update_mask", "idempotency_key"}:
        return False
    if field.name == "variant_id" and field.has_presence and method != "GetVariant":
        return False
    if field.has_presence and field.message_type is None:
        return draw(st.booleans()) or field.name in {"name", "title", "order_id", "stock"}
    return True


def is_map(field: Field) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def single(field: Field, method: str, known: Known, scene: Scene, path: str) -> st.SearchStrategy[Any]:
    if field.name in {"created_after", "created_before"}:
        since, until = (0, 10**9) if field.name == "created_after" else (15 * 10**8, 2 * 10**9)
        return st.integers(since, until).map(lambda seconds: timestamp_pb2.Timestamp(seconds=seconds))
    if field.message_type is not None:
        return nested(field.message_type, method, known, scene, path)
    by_name = sensible_value(field, method, known, scene, path)
    if by_name is not None:
        return by_name
    match field.type:
        case Field.TYPE_STRING:
            return TITLES
        case Field.TYPE_BOOL:
            return st.booleans()
        case Field.TYPE_DOUBLE:
            return st.integers(0, 4000).map(lambda number: number / 100)
        case _:
            return st.integers(1, 50)


def nested(kind: Descriptor, method: str, known: Known, scene: Scene, path: str) -> st.SearchStrategy[Any]:
    if kind.full_name == struct_pb2.Struct.DESCRIPTOR.full_name:
        return st.dictionaries(
            st.sampled_from(["color", "size"]), st.sampled_from(["red", 5, True, None]), max_size=2
        ).map(as_struct)
    if kind.full_name == field_mask_pb2.FieldMask.DESCRIPTOR.full_name:
        return st.just(field_mask_pb2.FieldMask(paths=["name"]))
    return message(kind, method, known, scene, path)


def as_struct(values: dict[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


VARIANT_METHODS = {
    "GetVariant", "UpdateVariant", "DeleteVariant", "CreateProductVariant", "UpdateProductVariant",
    "DeleteProductVariant", "BulkCreateProductVariants", "GetVariantsByProductID", "CreateVariants", "GetVariants",
}  # fmt: skip


def sensible_value(  # one row per field name
    field: Field, method: str, known: Known, scene: Scene, path: str
) -> st.SearchStrategy[Any] | None:
    about_variants = method in VARIANT_METHODS
    product = scene.variant_product if about_variants else scene.product
    match field.name:
        case "id" if method == "GetStorefront":
            return st.sampled_from(known.storefronts)
        case "id":
            return st.just(scene.listing)
        case "listing_id":
            if method in {"ReorderListingImages", "GetListingImages"}:
                return st.just(scene.image_listing)
            return st.just(product if about_variants else scene.listing)
        case "image_id":
            return st.just(scene.image)
        case "product_id" if path:
            return st.sampled_from(siblings(known, product))
        case "product_id":
            return st.just(product)
        case "product_ids" if "Delete" in method:
            return st.just(product)
        case "product_ids":
            return st.sampled_from(siblings(known, product))
        case "variant_id":
            return st.just(scene.variant)
        case "user_id" if method in {"UpdateListing", "DeleteListing"}:
            return st.just(known.owners[scene.listing])
        case "user_id":
            return st.integers(1, 10_000)
        case "storefront_id":
            return st.just(known.shops[product])
        case "category_id":
            return st.sampled_from(known.categories)
        case "slug":
            return st.sampled_from(known.storefront_slugs)
        case "skus":
            return st.sampled_from(known.skus)
        case "sku" | "order_id":
            place = path.replace(".", "").replace("[", "-").replace("]", "")
            return st.just(f"{field.name}-{scene.serial}{place}")
        case "price" | "compare_at_price" | "cost_price":
            return PRICES
        case "min_price":
            return st.just(1.0)
        case "max_price":
            return st.just(1000.0)
        case "currency":
            return st.sampled_from(["RSD", "EUR"])
        case "status":
            return st.just("active" if method == "UpdateListing" else "draft")
        case "source_type":
            return st.sampled_from(["c2c", "b2c"]) if method != "CreateListing" else st.just("c2c")
        case "location_privacy":
            return st.sampled_from(["exact", "approximate", "hidden", "public"])
        case "movement_type" | "movement_types":
            return st.sampled_from(["in", "out", "adjustment"])
        case "limit" | "page_size" | "batch_size":
            return st.integers(1, 50)
        case "page":
            return st.just(1)
        case "offset" | "display_order":
            return st.integers(0, 5)
        case "sort_by":
            return st.sampled_from(["created_at", "name", "rating", "products_count", "views_count"])
        case "sort_order":
            return st.sampled_from(["asc", "desc"])
        case "sort":
            return st.sampled_from(["relevance", "newest", "price_asc", "price_desc"])
        case "query":
            return st.sampled_from(["велос", "phone", "djordje", ""])
        case "url" | "thumbnail_url" | "image_url":
            return st.just("https://img.example/1.jpg")
        case "is_default":
            return st.just(value=False)
        case "individual_latitude" | "individual_longitude":
            return st.just(44.8)
        case "quantity":
            return st.integers(1, 3)
        case _:
            return None


def siblings(known: Known, product: int) -> list[int]:
    """Products of the same shop: a bulk call is about one shop."""
    shop = known.shops[product]
    return [other for other in known.products if known.shops[other] == shop] or [product]


@st.composite
def with_nasty_fields(draw: Any, sensible: Message) -> Message:
    """One to three places of a message replaced."""
    for _ in range(draw(st.integers(1, 3))):
        spoil(draw, sensible)
    return sensible


def spoil(draw: Any, built: Message) -> None:
    fields = list(built.DESCRIPTOR.fields)
    if not fields:
        return
    field = draw(st.sampled_from(fields))
    if is_map(field):
        spoil_map(draw, getattr(built, field.name), field)
        return
    if field.is_repeated:
        spoil_list(draw, getattr(built, field.name), field)
        return
    if field.message_type is not None:
        spoil(draw, getattr(built, field.name))
        return
    if field.has_presence and draw(st.booleans()):
        built.ClearField(field.name)
        return
    setattr(built, field.name, draw(nasty(field)))


def spoil_map(draw: Any, entries: Any, field: Field) -> None:
    key = draw(NASTY_TEXT.filter(is_utf8))
    if field.message_type.fields_by_name["value"].message_type is None:
        entries[key] = draw(NASTY_TEXT.filter(is_utf8))
    else:  # a Struct's values: texts, nested lists, numbers that are none
        value = entries[key]
        draw(
            st.sampled_from(
                [
                    lambda: setattr(value, "string_value", "x" * 70_000),
                    lambda: setattr(value, "number_value", math.nan),
                    lambda: value.list_value.values.add(null_value=0),
                    lambda: value.struct_value.update({"deep": {"er": 1}}),
                ]
            )
        )()


def spoil_list(draw: Any, items: Any, field: Field) -> None:
    how = draw(st.sampled_from(["empty", "double", "spoil", "many"]))
    if how == "empty":
        del items[:]
    elif field.message_type is not None and how in {"double", "many"} and len(items):
        for _ in range(1 if how == "double" else 1100):
            items.add().CopyFrom(items[0])
    elif field.message_type is not None and len(items):
        spoil(draw, items[0])
    elif field.message_type is None:
        items.extend([draw(nasty(field))] * (1 if how != "many" else 1100))


def nasty(field: Field) -> st.SearchStrategy[Any]:
    match field.type:
        case Field.TYPE_STRING:
            return NASTY_TEXT.filter(is_utf8)
        case Field.TYPE_BOOL:
            return st.booleans()
        case Field.TYPE_DOUBLE:
            return NASTY_DOUBLE
        case Field.TYPE_INT32:
            return NASTY_INT32
        case _:
            return NASTY_INT64


def is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
