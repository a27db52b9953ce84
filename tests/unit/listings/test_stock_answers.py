"""How outcomes by item become answers by line, in the words that clients search for."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from listings.domain.inventory import MovementType
from listings.domain.stock import (
    Item,
    ItemOutcome,
    Line,
    Outcome,
    StockRequest,
    answer_of,
    by_line,
    explained,
    faults_of,
    summed,
)

PRODUCT = Item(5)
VARIANT = Item(5, 51)


def order(*lines: tuple[Item, int], kind=MovementType.DECREMENT):
    return StockRequest(kind, [Line(item, quantity) for item, quantity in lines], order_id="o-1")


items = st.builds(Item, st.integers(1, 3), st.integers(0, 2))
carts = st.lists(st.tuples(items, st.integers(1, 50)), min_size=1, max_size=8)


@given(carts, st.sampled_from([MovementType.DECREMENT, MovementType.ROLLBACK]))
def test_the_lines_of_an_item_form_a_chain_from_its_first_to_its_last_stock(cart, kind):
    request = order(*cart, kind=kind)
    sign = -1 if kind is MovementType.DECREMENT else 1
    outcomes = {
        item: ItemOutcome(Outcome.DONE, 1000, 1000 + sign * quantity)
        for item, quantity in summed(request.lines).items()
    }
    results = by_line(request, outcomes)
    assert [result.line for result in results] == list(request.lines)
    for item, outcome in outcomes.items():
        chain = [result for result in results if result.line.item == item]
        assert chain[0].stock_before == outcome.stock_before
        assert chain[-1].stock_after == outcome.stock_after
        for result in chain:
            assert result.stock_after - result.stock_before == sign * result.line.quantity
        for earlier, later in pairwise(chain):
            assert earlier.stock_after == later.stock_before


def test_a_refused_order_names_each_faulty_item_once_and_leaves_all_stock():
    request = order((PRODUCT, 2), (PRODUCT, 3), (VARIANT, 1), (Item(9), 1))
    answer = answer_of(
        request,
        {
            PRODUCT: ItemOutcome(Outcome.SHORT, 4, 4),
            VARIANT: ItemOutcome(Outcome.REFUSED, 7, 7),
            Item(9): ItemOutcome(Outcome.PRODUCT_NOT_FOUND, 0, 0),
        },
    )
    assert answer.error == (
        "failed to decrement stock for product 5: insufficient stock for product 5: have 4, need 5; "
        "product 9 not found"
    )
    assert [(r.stock_before, r.stock_after, r.success) for r in answer.results] == [
        (4, 4, False),
        (4, 4, False),
        (7, 7, False),
        (0, 0, False),
    ]
    assert answer.results[2].error is None, "nothing is wrong with this line"


@pytest.mark.parametrize(
    ("item", "outcome", "text"),
    [
        (PRODUCT, ItemOutcome(Outcome.SHORT, 1, 1), "insufficient stock for product 5: have 1, need 4"),
        (VARIANT, ItemOutcome(Outcome.SHORT, 1, 1), "insufficient stock for variant 51: have 1, need 4"),
        (PRODUCT, ItemOutcome(Outcome.PRODUCT_NOT_FOUND, 0, 0), "product 5 not found"),
        (VARIANT, ItemOutcome(Outcome.VARIANT_NOT_FOUND, 0, 0), "variant 51 for product 5 not found"),
        (PRODUCT, ItemOutcome(Outcome.TAKEN_OTHERWISE, 0, 0, 3), "order o-1 already took 3 of product 5"),
        (PRODUCT, ItemOutcome(Outcome.TAKEN_BEFORE, 0, 0, 4), "order o-1 already took 4 of product 5"),
        (PRODUCT, ItemOutcome(Outcome.GIVEN_BACK, 0, 0, 4), "order o-1 already gave 4 of product 5 back"),
        (PRODUCT, ItemOutcome(Outcome.MORE_THAN_TAKEN, 0, 0, 2), "took 2 of product 5: 4 cannot be given"),
        (PRODUCT, ItemOutcome(Outcome.UNSEEN, 0, 0), "order o-1 never took any product 5"),
        (PRODUCT, ItemOutcome(Outcome.TOO_MUCH, 9, 9), "would exceed 2147483647"),
        (PRODUCT, ItemOutcome(Outcome.KEY_REUSED, 9, 9), "idempotency_key was used for another request"),
    ],
)
def test_each_fault_has_its_words(item, outcome, text):
    told = explained(order((item, 4)), item, outcome, 4)
    assert told is not None
    assert text in told


def test_on_a_rollback_what_is_missing_says_so():
    request = order((VARIANT, 1), kind=MovementType.ROLLBACK)
    missing = ItemOutcome(Outcome.VARIANT_NOT_FOUND, 0, 0)
    answer = answer_of(request, {VARIANT: missing})
    assert (answer.error or "").endswith("variant 51 for product 5 not found during rollback")


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.REPLAYED, Outcome.REFUSED])
def test_an_item_that_is_not_at_fault_has_no_words(outcome):
    assert explained(order((PRODUCT, 1)), PRODUCT, ItemOutcome(outcome, 1, 1), 1) is None


def test_faults_stand_at_their_lines():
    faults = faults_of(order((PRODUCT, 1), (Item(0), 1), (Item(1, -1), 1), (PRODUCT, 0), (PRODUCT, -2)))
    assert faults[0] is None
    said = [(fault.field, fault.text) for fault in faults[1:] if fault is not None]
    assert [field for field, _ in said] == ["product_id", "variant_id", "quantity", "quantity"]
    for (_, text), part in zip(
        said, ("invalid product_id", "invalid variant_id", *["must be positive"] * 2), strict=True
    ):
        assert part in text
