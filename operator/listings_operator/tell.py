"""What is said about a decision: conditions, and events.

`decide.py` calls `tell` with its verdict and with the problems that it found; here both become what people and tools
read. An event is sent when something changes and not again: the ledger remembers the reason and the problems that
were told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from listings_operator import names
from listings_operator.actions import Event, Plan
from listings_operator.conditions import Condition, Status
from listings_operator.vocabulary import ConditionType, Phase, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from listings_operator.actions import Action
    from listings_operator.ledger import Ledger
    from listings_operator.observed import Observed, Problem
    from listings_operator.steps.look import Verdict

# Events of one look, and what is remembered of them; whoever has more broken files reads the condition.
_PROBLEMS_TOLD: Final = 30


@dataclass(frozen=True, slots=True)
class Problems:
    """What only people can mend, by what it holds up."""

    stopping: tuple[Problem, ...] = ()
    """Everything: what others bring is missing."""
    refused: tuple[Problem, ...] = ()
    """What the refused object is for; the rest goes on."""
    beside: tuple[Problem, ...] = ()
    """Nothing but itself: rules, scraping, dashboards."""


def tell(
    observed: Observed,
    before: Ledger,
    verdict: Verdict,
    actions: tuple[Action, ...],
    problems: Problems,
    *,
    schema_known: bool,
) -> Plan:
    """The plan with everything that is to be said about it."""
    tokens = {
        f"{problem.reason}-{names.digest([problem.reason, problem.message])}": problem
        for problem in (*problems.stopping, *problems.refused, *problems.beside)[:_PROBLEMS_TOLD]
    }
    return Plan(
        phase=verdict.phase,
        reason=verdict.reason,
        message=verdict.message,
        actions=actions,
        conditions=_conditions(observed, verdict, problems, schema_known=schema_known),
        events=tuple(_events(before, verdict, problems, tokens)),
        ledger=replace(
            verdict.ledger, reason=verdict.reason, told=tuple(sorted(tokens)), refused=observed.refused
        ),
        requeue_after=verdict.requeue_after,
    )


def _events(
    before: Ledger, verdict: Verdict, problems: Problems, tokens: Mapping[str, Problem]
) -> Iterator[Event]:
    """One for each transition, and one for each problem: while both stay, there is nothing new to tell."""
    spoken = {problem.reason for problem in (*problems.stopping, *problems.refused)}
    moved = verdict.reason != before.reason and verdict.reason not in spoken
    if moved:
        warns = verdict.stalled or verdict.reason.is_trouble
        yield Event("Warning" if warns else "Normal", verdict.reason, verdict.message)
    for token, problem in tokens.items():
        if token not in before.told:
            yield Event("Warning", problem.reason, problem.message)
    if before.told and not tokens and not moved:
        yield Event("Normal", Reason.PROVISIONED, "Rules, scraping and dashboards are provisioned again.")


def _conditions(
    observed: Observed, verdict: Verdict, problems: Problems, *, schema_known: bool
) -> tuple[Condition, ...]:
    ledger, dependencies, beside = verdict.ledger, problems.stopping, problems.beside
    ready = verdict.reason == Reason.READY
    workload = observed.workload
    serving = workload is not None and (workload.available > 0 or workload.wanted == 0)

    def say(kind: ConditionType, status: Status, reason: Reason, message: str) -> Condition:
        return Condition(kind, status, reason, message)

    def word(true: bool) -> Status:  # noqa: FBT001 - turns a truth into its word
        return "True" if true else "False"

    return (
        say(ConditionType.READY, word(ready), verdict.reason, verdict.message),
        say(ConditionType.PROGRESSING, word(verdict.progressing), verdict.reason, verdict.message),
        say(
            ConditionType.STALLED,
            word(verdict.stalled),
            verdict.reason if verdict.stalled else Reason.NOT_STALLED,
            verdict.message if verdict.stalled else "Nothing waits for a person.",
        ),
        say(
            ConditionType.AVAILABLE,
            word(serving),
            Reason.PODS_AVAILABLE if serving else Reason.NO_POD_AVAILABLE,
            f"{workload.available} of {workload.wanted} pods are available."
            if workload
            else "There are no pods yet.",
        ),
        say(
            ConditionType.DEPENDENCIES_READY,
            word(not dependencies),
            dependencies[0].reason if dependencies else Reason.ALL_PRESENT,
            " ".join(problem.message for problem in dependencies) or "Everything that others bring is there.",
        ),
        _schema_condition(ledger, verdict, known=schema_known),
        _rollout_condition(ledger, verdict),
        say(
            ConditionType.OBSERVABILITY_READY,
            word(not beside),
            beside[0].reason if beside else Reason.PROVISIONED,
            " ".join(problem.message for problem in beside)
            or "Rules, scraping and dashboards are provisioned.",
        ),
    )


def _schema_condition(ledger: Ledger, verdict: Verdict, *, known: bool) -> Condition:
    schema = ledger.schema
    if known and schema is not None and schema.done:
        message = f"The schema is at version {schema.version}."
        return Condition(ConditionType.SCHEMA_CURRENT, "True", Reason.SCHEMA_CURRENT, message)
    status: Status = "False" if known else "Unknown"
    return Condition(ConditionType.SCHEMA_CURRENT, status, verdict.reason, verdict.message)


def _rollout_condition(ledger: Ledger, verdict: Verdict) -> Condition:
    if verdict.phase is Phase.READY:
        return Condition(
            ConditionType.ROLLOUT_HEALTHY, "True", Reason.PROVEN, "The revision took over and was checked."
        )
    if verdict.phase in (Phase.FAILED, Phase.ROLLING_BACK, Phase.ROLLED_BACK):
        reason = ledger.failed.reason if ledger.failed else verdict.reason
        return Condition(ConditionType.ROLLOUT_HEALTHY, "False", reason, verdict.message)
    return Condition(
        ConditionType.ROLLOUT_HEALTHY, "Unknown", verdict.reason, "No rollout has ended yet for this spec."
    )
