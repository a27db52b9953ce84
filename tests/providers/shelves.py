"""A few shelves, what may be asked of them, and how the model says that they begin.

For tests that compare histories of concurrent requests with `domain/stock_model.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis.strategies as st

from listings.domain.inventory import MovementType
from listings.domain.stock import Item, Line, Outcome, StockRequest
from listings.domain.stock_model import HIGHEST_STOCK, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

ITEMS = {
    Item(1): Shelf(12),
    Item(2): Shelf(3),
    Item(3): Shelf(HIGHEST_STOCK - 4),
    Item(4): Shelf(9, deleted=True),
    Item(5): Shelf(6, storefront_id=2),
    Item(6): Shelf(5),
    Item(6, 61): Shelf(8),
    Item(6, 62): Shelf(2),
    Item(1, 61): Shelf(0, missing=Outcome.VARIANT_NOT_FOUND),
    Item(404): Shelf(0, missing=Outcome.PRODUCT_NOT_FOUND),
}

quantities = st.integers(1, 6)
lines = st.lists(
    st.builds(Line, st.sampled_from(list(ITEMS)), quantities, st.none(), st.none()), min_size=1, max_size=4
)
orders = st.sampled_from(["order-1", "order-2", "order-3", "order-4"])


@st.composite
def movements(draw: st.DrawFn) -> StockRequest:
    kind = draw(st.sampled_from([MovementType.IN, MovementType.OUT, MovementType.ADJUSTMENT]))
    moved = draw(lines)
    if kind is MovementType.ADJUSTMENT:
        moved = list({line.item: line for line in moved}.values())
    else:
        moved = moved[:1]
    storefront_id = draw(st.sampled_from([1, 1, 1, 2]))
    key = draw(st.none() | st.sampled_from(["key-1", "key-2"]))
    return StockRequest(
        kind,
        moved,
        key=key,
        digest=repr((kind, moved, storefront_id)) if key else None,
        storefront_id=storefront_id,
        user_id=7,
    )


requests = st.one_of(
    st.builds(StockRequest, st.just(MovementType.DECREMENT), lines, order_id=st.none() | orders),
    st.builds(StockRequest, st.just(MovementType.ROLLBACK), lines, order_id=orders),
    movements(),
)

ON_HAND = """
SELECT id AS product_id, 0 AS variant_id, quantity, view_count AS views FROM listings UNION ALL
SELECT product_id, id, stock_quantity, 0 FROM product_variants
"""


def stock_of(rows: Iterable[Mapping[str, Any]]) -> dict[Item, int]:
    """Units by item, from the rows of ON_HAND."""
    found = {Item(row["product_id"], row["variant_id"]): row["quantity"] for row in rows}
    return {item: found.get(item, 0) for item in ITEMS}


def reset() -> list[str]:
    """Statements that put the shelves back to how the model begins."""
    texts = [
        "TRUNCATE inventory_movements, indexing_queue",
        "TRUNCATE listings, categories CASCADE",
        "INSERT INTO categories (id, name, slug, level) VALUES (1, 'Goods', 'goods', 0)",
    ]
    for item, shelf in ITEMS.items():
        if shelf.missing is not None:
            continue
        if item.variant_id:
            texts.append(
                "INSERT INTO product_variants (id, product_id, stock_quantity)"
                f" VALUES ({item.variant_id}, {item.product_id}, {shelf.stock})"
            )
        else:
            texts.append(
                "INSERT INTO listings (id, user_id, storefront_id, title, slug, price, category_id, status,"
                f" source_type, quantity, is_deleted) VALUES ({item.product_id}, 7, {shelf.storefront_id},"
                f" 'Product', 'p-{item.product_id}', 1, 1, 'active', 'b2c', {shelf.stock}, {shelf.deleted})"
            )
        texts.append(
            "INSERT INTO inventory_movements (listing_id, variant_id, movement_type, quantity, delta,"
            f" stock_before, stock_after) VALUES ({item.product_id}, nullif({item.variant_id}, 0), 'opening',"
            f" {shelf.stock}, {shelf.stock}, 0, {shelf.stock})"
        )
    return texts
