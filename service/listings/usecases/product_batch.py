"""How products are written: a batch at a time, in the caller's transaction, by a constant number of statements.

`Products` writes batches of one, `ProductBulk` and the import large ones. Items are known by the caller's
index. What is wrong with one item is told of that item; the others land.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.db.connections import as_ids
from listings.domain.products import (
    ProductNotFound,
    StorefrontNotFound,
    category_unknown,
    sku_taken,
)
from listings.domain.slug import last_resort, numbered_stem, slug_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from listings.cache.encoded import Topic
    from listings.db.products import FreeSlug, ProductRows
    from listings.db.session import Session
    from listings.domain.errors import ListingsError
    from listings.domain.products import NewProduct, Product, ProductChange

Written = tuple[dict[int, "Product"], dict[int, "ListingsError"]]


def topics_of(product_ids: Iterable[int]) -> list[Topic]:
    """Every cached answer that a written product makes stale."""
    topics: list[Topic] = [("pages",), ("counts",)]
    for product_id in product_ids:
        topics += (("product", product_id), ("listing", product_id))
    return topics


async def create_batch(
    rows: ProductRows,
    session: Session,
    storefront_id: int,
    new: Mapping[int, NewProduct],
    uuids: Mapping[int, UUID],
) -> Written:
    """Create what can be created; of several items with one SKU the first.

    Raises StorefrontNotFound: then none can.
    """
    standing = await rows.standing(
        session,
        storefront_id,
        (product.category_id for product in new.values()),
        (product.sku for product in new.values() if product.sku is not None),
    )
    if standing.owner_id is None:
        raise StorefrontNotFound
    refused: dict[int, ListingsError] = {}
    wanted: dict[int, NewProduct] = {}
    taken = set(standing.skus)
    for index, product in new.items():
        if product.category_id not in standing.categories:
            refused[index] = category_unknown()
        elif product.sku is not None and product.sku in taken:
            refused[index] = sku_taken()
        else:
            wanted[index] = product
            if product.sku is not None:
                taken.add(product.sku)

    if not wanted:
        return {}, refused
    slugs = await _free_slugs(rows, session, wanted, uuids)
    created = await rows.insert(
        session, storefront_id, standing.owner_id, [(uuids[i], slugs[i], wanted[i]) for i in wanted]
    )
    left_out = [index for index in wanted if uuids[index] not in created]
    if left_out:
        # Somebody took the slug or the SKU since we looked. A slug with a part of the uuid nobody else asks for,
        # so whatever is left out again lost its SKU.
        again = [(uuids[i], last_resort(slugs[i], uuids[i]), wanted[i]) for i in left_out]
        created |= await rows.insert(session, storefront_id, standing.owner_id, again)
        refused |= {index: sku_taken() for index in left_out if uuids[index] not in created}
    return {index: created[uuids[index]] for index in wanted if uuids[index] in created}, refused


async def update_batch(
    rows: ProductRows, session: Session, storefront_id: int, changes: Sequence[tuple[int, int, ProductChange]]
) -> Written:
    """Apply (index, product id, change) one after the other and store the result.

    Raises AlreadyExists when a SKU was taken by somebody else meanwhile: do the whole batch again.
    """
    before = await rows.lock(session, storefront_id, as_ids([product_id for _, product_id, _ in changes]))
    skus = {change.sku for _, _, change in changes if change.sku}
    holders = await rows.holders_of_skus(session, storefront_id, skus) if skus else {}
    categories = {change.category_id for _, _, change in changes if change.category_id is not None}
    usable = await rows.usable_categories(session, categories) if categories else frozenset()

    now = dict(before)
    changed: dict[int, int] = {}
    refused: dict[int, ListingsError] = {}
    for index, product_id, change in changes:
        product = now.get(product_id)
        if product is None:
            refused[index] = ProductNotFound()
        elif change.category_id not in {None, product.category_id} and change.category_id not in usable:
            refused[index] = category_unknown()
        elif change.sku and holders.get(change.sku, product_id) != product_id:
            refused[index] = sku_taken()
        else:
            after = now[product_id] = change.applied_to(product)
            changed[index] = product_id
            if product.sku != after.sku:
                holders.pop(product.sku or "", None)
                if after.sku:
                    holders[after.sku] = product_id
    if not changed:
        return {}, refused
    stored = await rows.update(
        session, before, [now[product_id] for product_id in as_ids(list(changed.values()))]
    )
    return {index: stored[product_id] for index, product_id in changed.items()}, refused


async def _free_slugs(
    rows: ProductRows, session: Session, wanted: Mapping[int, NewProduct], uuids: Mapping[int, UUID]
) -> dict[int, str]:
    plain = {index: slug_for(product.name, uuids[index]) for index, product in wanted.items()}
    stems = {slug: numbered_stem(slug) for slug in plain.values()}
    return spread(plain, await rows.free_slugs(session, stems, list(plain.values())), uuids)


def spread(
    plain: Mapping[int, str], free: Mapping[str, FreeSlug], uuids: Mapping[int, UUID]
) -> dict[int, str]:
    """A slug of its own for each item: the plain one, else numbered, else with a part of the uuid."""
    used = {slug for slug, place in free.items() if place.is_taken}
    numbers = {slug: place.number for slug, place in free.items()}
    chosen: dict[int, str] = {}
    for index, slug in plain.items():
        candidate = slug
        if slug in used:
            number = numbers.get(slug)
            candidate = last_resort(slug, uuids[index])
            if number is not None and (numbered := f"{numbered_stem(slug)}-{number}") not in used:
                candidate, numbers[slug] = numbered, number + 1
        used.add(candidate)
        chosen[index] = candidate
    return chosen
