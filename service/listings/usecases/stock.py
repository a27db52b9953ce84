"""What orders do with stock: ask, take, give back; and what viewers do: look."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import structlog

from listings.domain.errors import Aborted, AlreadyExists, FieldViolation, InvalidArgument, NotFound, invalid
from listings.domain.inventory import MovementType
from listings.domain.stock import (
    CONFLICTS,
    LONGEST_ORDER_ID,
    MOST_LINES,
    Item,
    Line,
    LineResult,
    Outcome,
    Outcomes,
    StockAnswer,
    StockRequest,
    answer_of,
    faults_of,
    refused,
    summed,
)
from listings.usecases.stock_batch import Batches

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from listings.cache.invalidation import Invalidations
    from listings.db.stock import StockRows
    from listings.domain.errors import ListingsError
    from listings.metrics import StockMetrics

T = TypeVar("T")

log = structlog.get_logger(__name__)

# Two batches lock rows in one order, so a deadlock can only be with somebody who does not; more would hide him.
_ATTEMPTS = 4

# Lines that one statement takes, an order of more aside. Measured with 50 clients and carts of 10: in larger batches
# service and database wait for each other in turns (1.3 times slower), in much smaller ones commits count again.
_ENOUGH = 200

# A check waits for no commit, so nothing but turns of the event loop lets further ones join; and a statement of 200
# items costs service and database little more than one of 10. Measured with 50 clients and checks of 10: 290 us of the
# service's CPU per call with orders' numbers, 223 with these.
_QUIET_CHECKS = 8
_ENOUGH_CHECKED = 400


class StockEngine:
    """Carries out stock changes in batches, and tells caches, counters and the log what came of them."""

    def __init__(
        self,
        rows: StockRows,
        invalidations: Invalidations,
        metrics: StockMetrics,
        sold: Callable[[Item, int, int], None] | None = None,
    ) -> None:
        """`sold` is told the item and its units before and after, once per item that orders took."""
        self._rows = rows
        self._invalidations = invalidations
        self._metrics = metrics
        self._sold = sold
        self._batches: Batches[StockRequest, Outcomes] = Batches(
            self._carry_out, weigh=lambda request: len(request.lines), enough=_ENOUGH
        )

    async def do(self, request: StockRequest) -> Outcomes:
        """Carry one request out; returns after its commit."""
        return await self._batches.do(request)

    async def _carry_out(self, requests: Sequence[StockRequest]) -> list[Outcomes]:
        # Somebody wrote the same order or key for an item that has no row left to lock. Alone, the next attempt sees it
        # and replays; in a batch the requests go one by one first.
        lost = (Aborted, AlreadyExists) if len(requests) == 1 else (Aborted,)
        outcomes = await _persistently(lambda: self._rows.apply(requests), lost)
        changed: set[int] = set()
        results: Counter[tuple[str, str]] = Counter()
        for request, found in zip(requests, outcomes, strict=True):
            kinds = set()
            for item, (outcome, before, after, known) in found.items():
                kinds.add(outcome)
                if outcome is Outcome.DONE:
                    changed.add(item.product_id)
                    if known == 0:
                        self._metrics.unseen()
                    if self._sold is not None and after < before:
                        self._sold(item, before, after)
            results[request.kind.value, _result(request, kinds)] += 1
        for (operation, status), number in results.items():
            self._metrics.carried_out(operation, status, number)
        self._metrics.batched(len(requests))
        if changed:
            self._invalidations.changed(
                *((kind, product_id) for product_id in changed for kind in ("product", "listing")), ("pages",)
            )
        return outcomes


class Stock:
    """Checks, takes and gives back units of products and variants, and counts views."""

    def __init__(
        self, rows: StockRows, engine: StockEngine, invalidations: Invalidations, metrics: StockMetrics
    ) -> None:
        self._rows = rows
        self._engine = engine
        self._invalidations = invalidations
        self._metrics = metrics
        self._checks: Batches[Mapping[Item, int], Mapping[tuple[int, int], int]] = Batches(
            self._load, weigh=len, enough=_ENOUGH_CHECKED, quiet_in_company=_QUIET_CHECKS
        )
        self._views: Batches[int, bool] = Batches(self._add_views)

    async def check(self, lines: Sequence[Line]) -> list[tuple[Line, int, bool]]:
        """For each line: units on hand, and whether the sum asked of its item fits; concurrent checks share a read.

        Raises InvalidArgument for no line, too many, an id or quantity of 0 or less.
        """
        if not lines:
            raise invalid("items", "no items provided", reason="NO_ITEMS")
        if len(lines) > MOST_LINES:
            raise invalid("items", _too_many(len(lines)), reason="TOO_MANY_ITEMS")
        faults = [
            (f"items[{index}]", fault)
            for index, fault in enumerate(faults_of(StockRequest(MovementType.DECREMENT, lines)))
            if fault is not None
        ]
        if faults:
            raise InvalidArgument(
                "; ".join(f"{item}: {fault.text}" for item, fault in faults),
                fields=[FieldViolation(f"{item}.{fault.field}", fault.text) for item, fault in faults],
            )
        wanted = summed(lines)
        on_hand = await self._checks.do(wanted)
        return [(line, units := on_hand.get(line.item, 0), units >= wanted[line.item]) for line in lines]

    async def decrement(self, lines: Sequence[Line], order_id: str | None) -> StockAnswer:
        """Take every line of an order or none; once per order line when there is an `order_id`."""
        request = StockRequest(MovementType.DECREMENT, lines, order_id=order_id)
        problem = _problem(request)
        if problem is not None:
            return problem
        return answer_of(request, await self._engine.do(request))

    async def rollback(self, lines: Sequence[Line], order_id: str | None) -> StockAnswer:
        """Give back what an order took, each item for itself and once."""
        request = StockRequest(MovementType.ROLLBACK, lines, order_id=order_id)
        problem = _problem(request)
        if problem is not None:
            return problem
        return answer_of(request, await self._engine.do(request))

    async def view(self, product_id: int) -> None:
        """Count a view; returns after its commit. Raises NotFound."""
        if not await self._views.do(product_id):
            self._metrics.not_viewed()
            raise NotFound(
                f"products.increment_views_failed: product {product_id} not found",
                reason="PRODUCT_NOT_FOUND",
                metadata={"product_id": str(product_id)},
            )

    async def _load(self, asked: Sequence[Mapping[Item, int]]) -> list[Mapping[tuple[int, int], int]]:
        items: set[Item] = set()
        on_hand = await self._rows.on_hand(items.union(*asked))
        self._metrics.checked(len(asked))
        return [on_hand] * len(asked)

    async def _add_views(self, product_ids: Sequence[int]) -> list[bool]:
        views = Counter(product_ids)
        viewed = await _persistently(lambda: self._rows.view(views), (Aborted,))
        for product_id in viewed:
            self._metrics.viewed(product_id, views[product_id])
        self._invalidations.changed(
            *(("product", product_id) for product_id in viewed),
            *(("listing", product_id) for product_id in viewed),
        )
        return [product_id in viewed for product_id in product_ids]


async def _persistently(work: Callable[[], Awaitable[T]], lost: tuple[type[ListingsError], ...]) -> T:
    """Do one statement's work again while it loses against others; a loss leaves nothing done."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(*lost):
            return await work()
    return await work()


def _result(request: StockRequest, kinds: set[Outcome]) -> str:
    """What to count a request as; every repetition, taken or refused, has its log line."""
    if kinds & CONFLICTS:
        result, event = "conflict", "stock request contradicts an earlier one"
    elif Outcome.REPLAYED in kinds:
        result, event = "replayed", "stock request repeated"
    else:
        return "first" if Outcome.DONE in kinds else "refused"
    log.info(
        event,
        kind=request.kind.value,
        order_id=request.order_id,
        idempotency_key=request.key,
        outcomes=sorted(kind.value for kind in kinds),
    )
    return result


def _problem(request: StockRequest) -> StockAnswer | None:
    """What is wrong with a request before anybody looks at stock, as the answer that says so."""
    error = _broken_rule(request)
    if error is not None:
        nothing = [LineResult(line, 0, 0, success=False) for line in request.lines[:MOST_LINES]]
        return StockAnswer(success=False, error=error, results=nothing)
    faults = faults_of(request)
    if not any(faults):
        return None
    return refused(
        request,
        [
            LineResult(line, 0, 0, success=False, error=fault and fault.text)
            for line, fault in zip(request.lines, faults, strict=True)
        ],
    )


def _broken_rule(request: StockRequest) -> str | None:
    if not request.lines:
        return "no items provided"
    if len(request.lines) > MOST_LINES:
        return _too_many(len(request.lines))
    if request.order_id is None:
        if request.kind is MovementType.ROLLBACK:
            return "order_id is required for idempotency protection"
        return None
    if len(request.order_id) > LONGEST_ORDER_ID:
        return f"order_id must have at most {LONGEST_ORDER_ID} characters"
    if not request.order_id.isprintable():
        return "order_id must not contain control characters"
    return None


def _too_many(lines: int) -> str:
    return f"too many items: {lines}, at most {MOST_LINES}"
