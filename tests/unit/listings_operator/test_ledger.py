"""What is remembered survives being written to status and read back, and times of conditions are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from listings_operator.conditions import Condition, conditions_status, shortened
from listings_operator.ledger import (
    Attempt,
    Error,
    Failed,
    Ledger,
    Revision,
    Rollout,
    Schema,
    Served,
    ledger_status,
    read_ledger,
)
from listings_operator.observed import Refused
from listings_operator.vocabulary import ConditionType, Reason

times = st.integers(1_500_000_000, 2_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
texts = st.text(max_size=10)
reasons = st.sampled_from(Reason)
versions = st.none() | st.integers(0, 99)
schemas = st.builds(
    Schema,
    texts,
    versions,
    st.integers(0, 99),
    st.lists(texts, max_size=20).map(tuple),
    st.integers(0, 99),
    st.booleans(),
)
ledgers = st.builds(
    Ledger,
    schema=schemas,
    served=st.none() | st.builds(Served, st.integers(0, 9), st.integers(9, 20)),
    secrets=texts,
    revisions=st.lists(st.builds(Revision, texts, texts, texts, versions, times), max_size=3).map(tuple),
    failed=st.none() | st.builds(Failed, texts, reasons, texts),
    rollout=st.none() | st.builds(Rollout, texts, times),
    attempt=st.none()
    | st.builds(
        Attempt,
        texts,
        texts,
        st.integers(1, 99),
        st.integers(0, 9),
        st.none() | times,
        st.booleans(),
        st.none() | st.builds(Error, reasons, texts, texts),
    ),
    last_number=st.integers(0, 99),
    seeded=st.booleans(),
    retry_token=texts,
    reason=texts,
    told=st.lists(texts, max_size=3).map(tuple),
    refused=st.lists(st.builds(Refused, texts, texts, texts, texts), max_size=2).map(tuple),
)


@given(ledgers)
def test_a_ledger_is_read_back_as_it_was_written(ledger):
    assert read_ledger(ledger_status(ledger)) == ledger


def test_an_empty_status_is_an_empty_ledger():
    assert read_ledger({}) == Ledger()
    assert read_ledger(ledger_status(Ledger())) == Ledger()


@given(ledgers)
def test_retry_forgets_failures_and_what_was_never_reached(ledger):
    after = ledger.forgetting_failures("again")
    assert (after.failed, after.attempt, after.retry_token) == (None, None, "again")
    assert after.schema == (ledger.schema if ledger.schema.done else None)
    assert (after.revisions, after.last_number) == (ledger.revisions, ledger.last_number)


def test_a_reason_of_another_version_is_read_as_unknown():
    status = {
        "attempt": {"task": "plan", "key": "k", "number": 1, "error": {"reason": "New", "message": "m"}}
    }
    assert read_ledger(status).attempt.error == Error(Reason.UNKNOWN, "m")


def test_an_error_reads_as_sentences():
    assert str(Error("X", "It broke.", "Mend it.")) == "It broke. Mend it."
    assert str(Error("X", "It broke", "Mend it.")) == "It broke. Mend it."
    assert str(Error("X", "It broke")) == "It broke"


def test_the_time_of_a_transition_is_that_of_the_status_word():
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def told(status, reason, previous, at):
        condition = Condition(ConditionType.READY, status, reason, "m" * 2000)
        return conditions_status([condition], previous, 7, at)

    first = told("False", "A", [], now)
    other_reason = told("False", "B", first, now + timedelta(hours=1))
    turned = told("True", "C", other_reason, now + timedelta(hours=2))
    assert first[0]["lastTransitionTime"] == other_reason[0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert turned[0]["lastTransitionTime"] == "2026-01-01T02:00:00Z"
    assert turned[0]["observedGeneration"] == 7
    assert len(turned[0]["message"]) == 1024
    assert shortened("short") == "short"
