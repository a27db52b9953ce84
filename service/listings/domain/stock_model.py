"""The rules of stock, said once more in Python.

The engine in the database decides; this model states the same rules without a database, so that tests
can compare every outcome of the one with the other. Nothing in the service calls it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from listings.domain.inventory import MovementType
from listings.domain.stock import ItemOutcome, Outcome, Outcomes, StockRequest, summed

if TYPE_CHECKING:
    from listings.domain.stock import Item

HIGHEST_STOCK: Final = 2**31 - 1


@dataclass(slots=True)
class Shelf:
    """What the model knows of one item."""

    stock: int
    storefront_id: int | None = 1
    deleted: bool = False
    missing: Outcome | None = None
    """What an item without a row is reported as."""


@dataclass(slots=True)
class Memory:
    """What an order did to an item, or a key."""

    quantity: int
    stock_before: int
    stock_after: int


@dataclass(slots=True)
class StockModel:
    """All items, and what orders and keys did to them. `apply` changes it as the engine changes the database."""

    shelves: dict[Item, Shelf]
    refuse_unseen: bool = False
    taken: dict[tuple[str, Item], Memory] = field(default_factory=dict)
    given: dict[tuple[str, Item], Memory] = field(default_factory=dict)
    keyed: dict[str, tuple[str | None, dict[Item, Memory]]] = field(default_factory=dict)

    def apply(self, request: StockRequest) -> Outcomes:
        """Carry one request out."""
        wanted = summed(request.lines)
        match request.kind:
            case MovementType.DECREMENT:
                return self._decrement(request.order_id, wanted)
            case MovementType.ROLLBACK:
                assert request.order_id is not None
                return {item: self._give(request.order_id, item, wanted[item]) for item in wanted}
            case _:
                return self._move(request, wanted)

    def _decrement(self, order_id: str | None, wanted: dict[Item, int]) -> Outcomes:
        outcomes = {item: self._judged(order_id, item, wanted[item]) for item in wanted}
        kinds = {outcome.outcome for outcome in outcomes.values()}
        if kinds == {Outcome.TAKEN_BEFORE}:
            assert order_id is not None
            return {
                item: ItemOutcome(Outcome.REPLAYED, first.stock_before, first.stock_after, first.quantity)
                for item in wanted
                for first in [self.taken[order_id, item]]
            }
        if kinds != {Outcome.REFUSED}:
            return outcomes
        for item, quantity in wanted.items():
            moved = self._put(item, self.shelves[item].stock - quantity, quantity)
            if order_id is not None:
                self.taken[order_id, item] = moved
            outcomes[item] = ItemOutcome(Outcome.DONE, moved.stock_before, moved.stock_after)
        return outcomes

    def _judged(self, order_id: str | None, item: Item, quantity: int) -> ItemOutcome:
        """What an item is if the order is not taken; REFUSED: nothing is wrong with this one."""
        shelf = self.shelves[item]
        given = self.given.get((order_id, item)) if order_id is not None else None
        taken = self.taken.get((order_id, item)) if order_id is not None else None
        known = None
        if given is not None:
            outcome, known = Outcome.GIVEN_BACK, given.quantity
        elif taken is not None:
            same = taken.quantity == quantity
            outcome, known = Outcome.TAKEN_BEFORE if same else Outcome.TAKEN_OTHERWISE, taken.quantity
        elif (absence := _absence(shelf)) is not None:
            outcome = absence
        elif shelf.stock < quantity:
            outcome = Outcome.SHORT
        else:
            outcome = Outcome.REFUSED
        return _nothing(outcome, shelf, known)

    def _give(self, order_id: str, item: Item, quantity: int) -> ItemOutcome:
        shelf = self.shelves[item]
        taken = self.taken.get((order_id, item))
        given = self.given.get((order_id, item))
        if given is not None:
            return _nothing(Outcome.REPLAYED, shelf, given.quantity)
        if shelf.missing is not None:
            return _nothing(shelf.missing, shelf)
        if taken is not None and taken.quantity < quantity:
            return _nothing(Outcome.MORE_THAN_TAKEN, shelf, taken.quantity)
        if taken is None and any(seen == order_id for seen, _ in self.taken):
            return _nothing(Outcome.MORE_THAN_TAKEN, shelf, 0)
        if taken is None and self.refuse_unseen:
            return _nothing(Outcome.UNSEEN, shelf)
        if shelf.stock + quantity > HIGHEST_STOCK:
            return _nothing(Outcome.TOO_MUCH, shelf)
        moved = self.given[order_id, item] = self._put(item, shelf.stock + quantity, quantity)
        return ItemOutcome(Outcome.DONE, moved.stock_before, moved.stock_after, 0 if taken is None else None)

    def _move(self, request: StockRequest, wanted: dict[Item, int]) -> Outcomes:
        if request.key is not None and request.key in self.keyed:
            digest, first = self.keyed[request.key]
            if digest != request.digest:
                return {item: _nothing(Outcome.KEY_REUSED, self.shelves[item]) for item in wanted}
            return {
                item: ItemOutcome(Outcome.REPLAYED, first[item].stock_before, first[item].stock_after)
                if item in first
                else _nothing(Outcome.NOT_FOUND_BEFORE, self.shelves[item])
                for item in wanted
            }
        outcomes: Outcomes = {}
        for item, quantity in wanted.items():
            outcome = outcomes[item] = self._moved(request, item, quantity)
            if request.key is not None and outcome.outcome is Outcome.DONE:
                _, memories = self.keyed.setdefault(request.key, (request.digest, {}))
                memories[item] = Memory(quantity, outcome.stock_before, outcome.stock_after)
        return outcomes

    def _moved(self, request: StockRequest, item: Item, quantity: int) -> ItemOutcome:
        shelf = self.shelves[item]
        if request.storefront_id not in {None, shelf.storefront_id}:
            return _nothing(Outcome.PRODUCT_NOT_FOUND, shelf)
        absence = _absence(shelf)
        if absence is not None:
            return _nothing(absence, shelf)
        stock = {
            MovementType.IN: shelf.stock + quantity,
            MovementType.OUT: shelf.stock - quantity,
            MovementType.ADJUSTMENT: quantity,
        }[request.kind]
        if stock < 0:
            return _nothing(Outcome.SHORT, shelf)
        if stock > HIGHEST_STOCK:
            return _nothing(Outcome.TOO_MUCH, shelf)
        moved = self._put(item, stock, quantity)
        return ItemOutcome(Outcome.DONE, moved.stock_before, moved.stock_after)

    def _put(self, item: Item, stock: int, quantity: int) -> Memory:
        before, self.shelves[item].stock = self.shelves[item].stock, stock
        return Memory(quantity, before, stock)


def _absence(shelf: Shelf) -> Outcome | None:
    return Outcome.PRODUCT_NOT_FOUND if shelf.deleted else shelf.missing


def _nothing(outcome: Outcome, shelf: Shelf, known: int | None = None) -> ItemOutcome:
    return ItemOutcome(outcome, shelf.stock, shelf.stock, known)
