"""What a shop does with its stock: record movements, count, look back, and prove that it all adds up."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

import structlog

from listings.domain.errors import FailedPrecondition, InvalidArgument, ListingsError, NotFound, invalid
from listings.domain.inventory import RECORDABLE, LedgerPage, MovementType
from listings.domain.paging import newest_key, newest_position, read_token, write_token
from listings.domain.stock import MOST_LINES, Item, ItemOutcome, Line, LineResult, Outcome, StockRequest
from listings.domain.text import bounded, many_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.db.inventory import InventoryRows
    from listings.domain.inventory import Drift, LedgerFilter, ProductStats
    from listings.metrics import StockMetrics
    from listings.usecases.stock import StockEngine

log = structlog.get_logger(__name__)

LONGEST_KEY: Final = 255
LONGEST_REASON: Final = 255
DEFAULT_PAGE_SIZE: Final = 50
HIGHEST_PAGE_SIZE: Final = 200
_KNOWN_TYPES: Final = tuple(kind.value for kind in MovementType)
# One repair locks so many items at most: orders wait no longer than for a large batch.
_REPAIRED_AT_ONCE: Final = 500


class Inventory:
    """Movements, counts, history and figures of products and variants."""

    def __init__(self, rows: InventoryRows, engine: StockEngine, metrics: StockMetrics) -> None:
        self._rows = rows
        self._engine = engine
        self._metrics = metrics

    async def record(
        self,
        *,
        storefront_id: int,
        item: Item,
        movement_type: str,
        quantity: int,
        user_id: int,
        reason: str | None = None,
        notes: str | None = None,
        key: str | None = None,
    ) -> ItemOutcome:
        """Move stock and write why; once per key. Returns after the commit.

        Raises InvalidArgument, NotFound for an item that the storefront does not have, FailedPrecondition
        for an `out` of more than there is.
        """
        kind = _movement_type(movement_type)
        _check_quantity(kind, quantity)
        line = Line(item, quantity, _reason(reason, "reason"), many_lines(notes) if notes else None)
        request = StockRequest(
            kind,
            [line],
            key=_key(key),
            digest=_digest("record", storefront_id, kind, user_id, [line]) if key is not None else None,
            storefront_id=storefront_id,
            user_id=user_id,
        )
        outcome = (await self._engine.do(request))[item]
        if not outcome.success:
            reason_of_refusal, error = _refusal(item, outcome, quantity)
            self._metrics.not_recorded(reason_of_refusal)
            raise error
        if outcome.outcome is Outcome.DONE:
            self._metrics.recorded(kind.value)
        return outcome

    async def set_counts(
        self,
        *,
        storefront_id: int,
        lines: Sequence[Line],
        user_id: int,
        reason: str | None = None,
        key: str | None = None,
    ) -> list[LineResult]:
        """Set items to absolute counts, each for itself; once per key. Results in the order asked.

        Raises InvalidArgument for no line, too many, ids or quantities out of range, or a reused key.
        """
        _check_counts(lines)
        common = _reason(reason, "reason")
        cleaned = [
            Line(line.item, line.quantity, _reason(line.reason, f"items[{index}].reason") or common)
            for index, line in enumerate(lines)
        ]
        # Two counts of one item contradict each other; the first stands, the others are told so.
        firsts: dict[Item, int] = {}
        for index, line in enumerate(cleaned):
            firsts.setdefault(line.item, index)
        request = StockRequest(
            MovementType.ADJUSTMENT,
            [cleaned[index] for index in firsts.values()],
            key=_key(key),
            digest=_digest("counts", storefront_id, "", user_id, cleaned) if key is not None else None,
            storefront_id=storefront_id,
            user_id=user_id,
        )
        outcomes = await self._engine.do(request)
        if any(outcome.outcome is Outcome.KEY_REUSED for outcome in outcomes.values()):
            raise _key_reused()
        return [
            _counted(line, outcomes[line.item], None if firsts[line.item] == index else firsts[line.item])
            for index, line in enumerate(cleaned)
        ]

    async def history(self, wanted: LedgerFilter, *, page_size: int, token: str) -> LedgerPage:
        """A page of the ledger, newest first. Raises InvalidArgument for filters that cannot be."""
        _check_filter(wanted)
        if page_size < 0:
            raise invalid("page_size", "page_size must be 0 or more")
        limit = min(page_size or DEFAULT_PAGE_SIZE, HIGHEST_PAGE_SIZE)
        query = ("inventory", wanted)
        after = newest_position(read_token(token, query=query)) if token else None
        entries = await self._rows.history(wanted, after=after, limit=limit + 1)
        if len(entries) <= limit:
            return LedgerPage(entries, "")
        last = entries[limit - 1]
        return LedgerPage(entries[:limit], write_token(newest_key(last.created_at, last.id), query=query))

    async def stats(self, storefront_id: int) -> ProductStats:
        """Figures over a storefront's undeleted products; zeros for an unknown one."""
        return await self._rows.stats(storefront_id)


class LedgerWatch:
    """Proves the ledger now and then, and says in a gauge what does not add up."""

    # More than anybody reads; the gauge then stands at this number.
    MOST: Final = 1000

    def __init__(self, rows: InventoryRows, metrics: StockMetrics) -> None:
        self._rows = rows
        self._metrics = metrics

    async def check(self) -> int:
        """Count the items that drift and name the first. Nothing is changed: 0 rows."""
        drifts = await self._rows.drift(most=self.MOST)
        self._metrics.drifting(len(drifts))
        if drifts:
            log.error(
                "stock is not the sum of its movements; see `listings ledger verify`",
                items=len(drifts),
                first_product_id=drifts[0].product_id,
                first_variant_id=drifts[0].variant_id,
            )
        return 0


class Ledger:
    """Proves that every item's movements add up to its stock, and repairs what does not."""

    def __init__(self, rows: InventoryRows) -> None:
        self._rows = rows

    async def drift(self, *, most: int = 1000) -> list[Drift]:
        """Items that do not add up, at most so many."""
        return await self._rows.drift(most=most)

    async def repair(self, drifts: Sequence[Drift]) -> list[Drift]:
        """Write a repair line for each item that still does not add up; what was written."""
        written: list[Drift] = []
        for start in range(0, len(drifts), _REPAIRED_AT_ONCE):
            written += await self._rows.repair(drifts[start : start + _REPAIRED_AT_ONCE])
        return written

    async def history(self, wanted: LedgerFilter, *, most: int) -> LedgerPage:
        """The newest lines that pass a filter."""
        entries = await self._rows.history(wanted, after=None, limit=most + 1)
        return LedgerPage(entries[:most], "more" if len(entries) > most else "")


def _movement_type(value: str) -> MovementType:
    if value not in RECORDABLE:
        raise invalid(
            "movement_type", f"movement_type must be one of in, out, adjustment, not {value[:50]!r}"
        )
    return MovementType(value)


def _check_quantity(kind: MovementType, quantity: int) -> None:
    if quantity < 0:
        raise invalid("quantity", "quantity must be 0 or more")
    if quantity == 0 and kind is not MovementType.ADJUSTMENT:
        raise invalid("quantity", f"quantity must be positive for {kind.value}; only an adjustment may be 0")


def _check_counts(lines: Sequence[Line]) -> None:
    if not lines:
        raise invalid("items", "no items provided", reason="NO_ITEMS")
    if len(lines) > MOST_LINES:
        raise invalid("items", f"too many items: {len(lines)}, at most {MOST_LINES}", reason="TOO_MANY_ITEMS")
    for index, line in enumerate(lines):
        if line.item.product_id <= 0:
            raise invalid(f"items[{index}].product_id", f"items[{index}]: product_id must be greater than 0")
        if line.item.variant_id < 0:
            raise invalid(f"items[{index}].variant_id", f"items[{index}]: variant_id must be greater than 0")
        if line.quantity < 0:
            raise invalid(f"items[{index}].quantity", f"items[{index}]: quantity must be 0 or more")


def _check_filter(wanted: LedgerFilter) -> None:
    for field in ("storefront_id", "product_id", "variant_id"):
        value = getattr(wanted, field)
        if value is not None and value <= 0:
            raise invalid(field, f"{field} must be greater than 0")
    for movement_type in wanted.movement_types:
        if movement_type not in _KNOWN_TYPES:
            raise invalid(
                "movement_types",
                f"movement_types: {movement_type[:50]!r} is unknown; known are {', '.join(_KNOWN_TYPES)}",
            )
    if wanted.order_id is not None and not wanted.order_id.isprintable():
        raise invalid("order_id", "order_id must not contain control characters")
    if (
        wanted.created_after is not None
        and wanted.created_before is not None
        and wanted.created_after >= wanted.created_before
    ):
        raise invalid("created_after", "created_after must be before created_before")


def _reason(value: str | None, field: str) -> str | None:
    return (bounded(value, field=field, longest=LONGEST_REASON) or None) if value else None


def _key(value: str | None) -> str | None:
    if value is None:
        return None
    if not 1 <= len(value) <= LONGEST_KEY or not value.isprintable():
        raise invalid("idempotency_key", f"idempotency_key must have 1 to {LONGEST_KEY} printable characters")
    return value


def _digest(call: str, storefront_id: int, kind: str, user_id: int, lines: Sequence[Line]) -> str:
    """Everything that was asked, in 16 bytes: the same key with another digest is another request."""
    asked = [call, storefront_id, kind, user_id, lines]
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=16).hexdigest()


def _key_reused() -> InvalidArgument:
    return invalid(
        "idempotency_key",
        "idempotency_key was used for another request: choose a new one for each intended change",
        reason="IDEMPOTENCY_KEY_REUSED",
    )


def _refusal(item: Item, outcome: ItemOutcome, quantity: int) -> tuple[str, ListingsError]:
    """What a refused movement is counted as, and what its caller is told."""
    facts = {"product_id": str(item.product_id)}
    if item.variant_id:
        facts["variant_id"] = str(item.variant_id)
    match outcome.outcome:
        case Outcome.PRODUCT_NOT_FOUND | Outcome.NOT_FOUND_BEFORE:
            return "product_not_found", NotFound(
                f"inventory.product_not_found: product {item.product_id} not found in this storefront",
                reason="PRODUCT_NOT_FOUND",
                metadata=facts,
            )
        case Outcome.VARIANT_NOT_FOUND:
            return "variant_not_found", NotFound(
                f"inventory.variant_not_found: variant {item.variant_id} for product {item.product_id} not found",
                reason="VARIANT_NOT_FOUND",
                metadata=facts,
            )
        case Outcome.SHORT:
            return "insufficient_stock", FailedPrecondition(
                f"inventory.insufficient_stock: have {outcome.stock_before}, need {quantity}",
                reason="INSUFFICIENT_STOCK",
                metadata={**facts, "have": str(outcome.stock_before), "need": str(quantity)},
            )
        case Outcome.TOO_MUCH:
            return "unknown", FailedPrecondition(
                f"inventory.update_failed: stock would exceed 2147483647, it is {outcome.stock_before}",
                reason="STOCK_TOO_LARGE",
                metadata=facts,
            )
        case _:
            return "unknown", _key_reused()


def _counted(line: Line, outcome: ItemOutcome, set_by: int | None) -> LineResult:
    if set_by is not None:
        now = outcome.stock_after
        return LineResult(
            line, now, now, success=False, error=f"duplicate item: items[{set_by}] names it too"
        )
    return LineResult(
        line,
        outcome.stock_before,
        outcome.stock_after,
        outcome.success,
        None if outcome.success else "not found",
    )
