"""The lines of an order or a count, to and from the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.domain.stock import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from listings.domain.stock import LineResult
    from listings.v1 import listings_pb2 as pb


def item_of(line: pb.StockItem | pb.StockUpdateItem) -> Item:
    """What a line is about: a product, or one of its variants."""
    # A variant_id of 0 that was really sent is refused like any other id that cannot exist.
    return Item(line.product_id, line.variant_id or (-1 if line.HasField("variant_id") else 0))


def add_results(add: Callable[..., object], results: Iterable[LineResult]) -> None:
    """Answer lines by a repeated field's `add`, which takes a third of the time that a list of messages does."""
    for ((product_id, variant_id), _, _, _), before, after, success, error in results:
        add(
            product_id=product_id,
            variant_id=variant_id or None,
            stock_before=before,
            stock_after=after,
            success=success,
            error=error,
        )
