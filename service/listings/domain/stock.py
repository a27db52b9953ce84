"""Stock changes as values: what is asked of an item, and what became of it.

Named tuples, because every order makes several: a frozen dataclass takes three times as long to fill.

The engine in the database (`listings_apply_stock`) decides; `domain/stock_model.py` states the same rules
as a model that tests compare it with. Texts of outcomes stand here, because clients match on them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from listings.domain.inventory import MovementType

if TYPE_CHECKING:
    from collections.abc import Sequence

# As BatchUpdateStock always had it; an order of more lines is a mistake, and would hold its locks for long.
MOST_LINES: Final = 1000
LONGEST_ORDER_ID: Final = 255


class Item(NamedTuple):
    """What has stock: a product, or one of its variants. Sorts in the order in which rows are locked."""

    product_id: int
    variant_id: int = 0
    """0: the product's own quantity, also where it has variants."""


class Line(NamedTuple):
    """How much of what; for an adjustment the new absolute count."""

    item: Item
    quantity: int
    reason: str | None = None
    notes: str | None = None


class StockRequest(NamedTuple):
    """One order, rollback or count. A decrement takes all of its lines or none, other kinds go line by line.

    `kind` is DECREMENT, ROLLBACK, IN, OUT or ADJUSTMENT. `digest` stands for everything the caller sent
    under its idempotency `key`. With `storefront_id` items of other storefronts count as not found.
    """

    kind: MovementType
    lines: Sequence[Line]
    order_id: str | None = None
    key: str | None = None
    digest: str | None = None
    storefront_id: int | None = None
    user_id: int = 0


class Outcome(StrEnum):
    """What became of one item of a request; the engine's own words."""

    DONE = "done"
    REPLAYED = "replayed"
    REFUSED = "refused"  # nothing wrong with this item: another one spoiled the order
    SHORT = "short"
    TOO_MUCH = "too_much"
    PRODUCT_NOT_FOUND = "product_not_found"
    VARIANT_NOT_FOUND = "variant_not_found"
    TAKEN_BEFORE = "taken_before"
    TAKEN_OTHERWISE = "taken_otherwise"
    GIVEN_BACK = "given_back"
    MORE_THAN_TAKEN = "more_than_taken"
    UNSEEN = "unseen"
    KEY_REUSED = "key_reused"
    NOT_FOUND_BEFORE = "not_found_before"


# The request contradicts an earlier one of the same order or key.
CONFLICTS: Final = frozenset(
    {
        Outcome.TAKEN_BEFORE,
        Outcome.TAKEN_OTHERWISE,
        Outcome.GIVEN_BACK,
        Outcome.MORE_THAN_TAKEN,
        Outcome.KEY_REUSED,
    }
)


class ItemOutcome(NamedTuple):
    """One item's part of the answer.

    `known`: what the order took of it, or gave back, before; 0 for an item given back that it never took.
    """

    outcome: Outcome
    stock_before: int
    stock_after: int
    known: int | None = None

    @property
    def success(self) -> bool:
        """Whether the item moved, now or the first time."""
        return self.outcome is Outcome.DONE or self.outcome is Outcome.REPLAYED


Outcomes = dict[Item, ItemOutcome]


class LineResult(NamedTuple):
    """One line of a request, in request order.

    Lines of one item follow each other: what the first leaves is what the second finds.
    """

    line: Line
    stock_before: int
    stock_after: int
    success: bool
    error: str | None = None


class StockAnswer(NamedTuple):
    """What became of an order or a rollback."""

    success: bool
    error: str | None
    results: Sequence[LineResult]


def summed(lines: Sequence[Line]) -> dict[Item, int]:
    """Quantities by item, in the order in which items are first named."""
    sums: dict[Item, int] = {}
    for line in lines:
        sums[line.item] = sums.get(line.item, 0) + line.quantity
    return sums


class Fault(NamedTuple):
    """What no line may say: which of its fields, and why."""

    field: str
    text: str


def faults_of(request: StockRequest) -> list[Fault | None]:
    """What is wrong with each line before anybody looks at stock; None for a line that is fine."""
    return [
        None
        if product_id > 0 and variant_id >= 0 and quantity > 0
        else _fault(product_id, variant_id, quantity)
        for (product_id, variant_id), quantity, _, _ in request.lines
    ]


def _fault(product_id: int, variant_id: int, quantity: int) -> Fault:
    if product_id <= 0:
        return Fault("product_id", f"invalid product_id: {product_id}; it must be greater than 0")
    if variant_id < 0:
        return Fault("variant_id", "invalid variant_id: it must be greater than 0")
    return Fault("quantity", f"quantity must be positive, product {product_id} has {quantity}")


def explained(request: StockRequest, item: Item, outcome: ItemOutcome, wanted: int) -> str | None:
    """What is wrong with an item, in the words clients search for; None when nothing is."""
    if outcome.success:
        return None
    name = f"variant {item.variant_id}" if item.variant_id else f"product {item.product_id}"
    order = f"order {request.order_id}"
    match outcome.outcome:
        case Outcome.SHORT:
            return f"insufficient stock for {name}: have {outcome.stock_before}, need {wanted}"
        case Outcome.PRODUCT_NOT_FOUND | Outcome.VARIANT_NOT_FOUND | Outcome.NOT_FOUND_BEFORE:
            whole = (
                f"variant {item.variant_id} for product {item.product_id}"
                if outcome.outcome is Outcome.VARIANT_NOT_FOUND
                else f"product {item.product_id}"
            )
            return f"{whole} not found" + (
                " during rollback" if request.kind is MovementType.ROLLBACK else ""
            )
        case Outcome.TOO_MUCH:
            return f"stock of {name} would exceed 2147483647: it has {outcome.stock_before}"
        case Outcome.TAKEN_BEFORE:
            return f"{order} already took {outcome.known} of {name}, but not its other lines as named here"
        case Outcome.TAKEN_OTHERWISE:
            return f"{order} already took {outcome.known} of {name}, not {wanted}"
        case Outcome.GIVEN_BACK:
            return (
                f"{order} already gave {outcome.known} of {name} back: use another order_id to take it again"
            )
        case Outcome.MORE_THAN_TAKEN:
            return f"{order} took {outcome.known} of {name}: {wanted} cannot be given back"
        case Outcome.UNSEEN:
            return f"{order} never took any {name} here: nothing can be given back"
        case Outcome.KEY_REUSED:
            return "idempotency_key was used for another request"
        case _:
            return None


def by_line(request: StockRequest, outcomes: Outcomes) -> list[LineResult]:
    """The outcomes of a request's items, told for each of its lines."""
    wanted = summed(request.lines)
    spent: dict[Item, int] = {}
    results = []
    for line in request.lines:
        item = line.item
        outcome = outcomes[item]
        success = outcome.success
        error = None if success else explained(request, item, outcome, wanted[item])
        before = outcome.stock_before
        after = outcome.stock_after
        if before != after and wanted[item] != line.quantity:
            sign = 1 if after > before else -1
            before += sign * spent.get(item, 0)
            after = before + sign * line.quantity
            spent[item] = spent.get(item, 0) + line.quantity
        results.append(LineResult(line, before, after, success, error))
    return results


def answer_of(request: StockRequest, outcomes: Outcomes) -> StockAnswer:
    """The whole answer to an order or a rollback; its error names every line at fault, once per item."""
    results = by_line(request, outcomes)
    if all(result.success for result in results):
        return StockAnswer(success=True, error=None, results=results)
    return refused(request, results)


def refused(request: StockRequest, results: Sequence[LineResult]) -> StockAnswer:
    """An answer that says what is wrong with which lines."""
    errors = list(dict.fromkeys(result.error for result in results if result.error))
    first = next(result.line.item.product_id for result in results if result.error)
    if request.kind is MovementType.DECREMENT:
        return StockAnswer(
            success=False,
            error=f"failed to decrement stock for product {first}: {'; '.join(errors)}",
            results=results,
        )
    failed = sum(not result.success for result in results)
    return StockAnswer(
        success=False,
        error=f"failed to roll back {failed} of {len(results)} items: {'; '.join(errors)}",
        results=results,
    )
