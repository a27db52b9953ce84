"""Decides what to do next for one ListingsDeployment, from what is wanted, seen and remembered. Pure.

`reconcile.py` calls `plan` after every look at the cluster, writes the ledger it returns to status, and then carries
out its actions in order. The rollout is the table `STEPS`, read from the top at every look:

 1. A resource that goes away or is suspended is left as it is.
 2. What is not ours to make, Secrets and names that others hold, must be there.
 3. A revision that was given up is not tried again; the last good one stays.
 4. No migration of an earlier spec may be under way.
 5. The target image says what is pending in the database, and that stands in status before anything moves.
 6. It migrates the schema, and says that nothing is pending any more.
 7. Demo data, if asked for.
 8. Pods of the new revision take over. Not before 6.
 9. A smoke test proves them; the revision is remembered as good. If 8 or 9 fails, the last good revision returns.

A step that cannot be passed yet ends the look with a verdict; a look that passes all of them is steady. Everything
that may be applied at the step reached is applied at every look, so drift is corrected at any time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from listings_operator import names
from listings_operator.actions import Action, Apply, Create, Delete
from listings_operator.conditions import shortened
from listings_operator.desired import Concern
from listings_operator.observed import JobState, Problem
from listings_operator.steps.look import Desired, Look, Outcome, Runs, Verdict
from listings_operator.steps.rollout import roll_out, stay_rolled_back, verify
from listings_operator.steps.schema import look_at_schema, migrate, seed, wait_for_other_migrations
from listings_operator.tell import Problems, tell
from listings_operator.vocabulary import Phase, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from listings_operator.actions import Plan
    from listings_operator.desired import DesiredState, Manifest
    from listings_operator.ledger import Ledger
    from listings_operator.observed import Observed

__all__ = ["Desired", "plan", "refuse"]

# Finished Jobs beyond these are removed before their time; a database that is away for a day makes hundreds.
_JOBS_KEPT: Final = 5

# Leaves room in a condition for what follows it.
_LONGEST_REFUSAL: Final = 900

# Without these nothing can run; what is beside them may fail alone.
_ESSENTIAL: Final = ("Deployment", "Service", "ServiceAccount", "ConfigMap")
# What is removed when it is no longer wanted. Never what pods or clients stand on.
_OPTIONAL: Final = (
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "ServiceMonitor",
    "PrometheusRule",
    "ConfigMap",
)


def leave_alone(look: Look) -> Outcome:
    """Neither a resource that goes away nor a suspended one is touched."""
    if look.observed.deleting:
        return _idle(
            look, Phase.DELETING, Reason.DELETING, "Kubernetes removes what belongs to this resource."
        )
    if look.desired.target.spec.suspend:
        return _idle(
            look, Phase.SUSPENDED, Reason.SUSPENDED, "spec.suspend is true: everything stays as it is."
        )
    return look


def check_dependencies(look: Look) -> Outcome:
    """Wait for what only people can bring."""
    problems = _dependencies(look)
    if not problems:
        return look
    return Verdict(
        Phase.WAITING,
        problems[0].reason,
        " ".join(problem.message for problem in problems),
        look.ledger,
        look.holding,
        stalled=True,
        progressing=False,
        # Nobody tells us of other people's Secrets.
        requeue_after=15.0,
    )


STEPS: Final[tuple[Callable[[Look], Outcome], ...]] = (
    leave_alone,
    check_dependencies,
    stay_rolled_back,
    wait_for_other_migrations,
    look_at_schema,
    migrate,
    seed,
    roll_out,
    verify,
)


def plan(desired: Desired, observed: Observed, ledger: Ledger, now: datetime) -> Plan:
    """What to do, tell and remember. Equal arguments give an equal plan."""
    now = now.replace(microsecond=0)
    if observed.retry_token not in ("", ledger.retry_token):
        ledger = ledger.forgetting_failures(observed.retry_token)
    look = Look(desired, observed, ledger, now)
    for step in STEPS:
        outcome = step(look)
        if isinstance(outcome, Verdict):
            return _planned(look.noting(outcome.ledger), outcome)
        look = outcome
    return _planned(look, _steady(look))


def refuse(observed: Observed, ledger: Ledger, problem: Problem) -> Plan:
    """The plan for a spec that cannot be read: touch nothing and say why."""
    verdict = Verdict(
        Phase.BLOCKED,
        problem.reason,
        problem.message,
        ledger,
        Runs.UNCHANGED,
        progressing=False,
        stalled=True,
    )
    return tell(observed, ledger, verdict, (), Problems(stopping=(problem,)), schema_known=False)


def _problems(look: Look) -> Problems:
    aside = {
        (manifest["kind"], manifest["metadata"]["name"]) for manifest in look.desired.target.observability
    }

    def refused(*, beside: bool) -> Iterator[Problem]:
        for item in look.observed.refused:
            if ((item.kind, item.name) in aside) is beside:
                yield Problem(Reason.OBJECT_REFUSED, f"{item.kind} {item.name}: {item.message}")

    return Problems(
        stopping=_dependencies(look),
        refused=tuple(refused(beside=False)),
        beside=(
            *look.observed.observability,
            *refused(beside=True),
            *_conflicts(look.observed, essential=False),
        ),
    )


def _planned(look: Look, verdict: Verdict) -> Plan:
    idle = verdict.phase in (Phase.SUSPENDED, Phase.DELETING)
    target, problems = look.desired.target, _problems(look)
    known = verdict.ledger.schema is not None and verdict.ledger.schema.key == target.schema_key
    actions = () if idle else tuple(_actions(look, verdict))
    if problems.refused and not idle:
        # The table says what is to be done, and that is tried again; what stands in the way is told.
        first = problems.refused[0]
        message = f"{shortened(first.message, _LONGEST_REFUSAL)} It is tried again by itself."
        verdict = replace(verdict, reason=first.reason, message=message, stalled=True)
    return tell(look.observed, look.ledger, verdict, actions, problems, schema_known=known)


def _steady(look: Look) -> Verdict:
    workload, version = look.observed.workload, look.desired.target.spec.version
    if workload is None or (workload.wanted > 0 and workload.available == 0):
        trouble = workload.trouble if workload else None
        why = f" Seen: {trouble}." if trouble else ""
        return Verdict(
            Phase.READY,
            Reason.NO_POD_AVAILABLE,
            f"Version {version} is rolled out, but no pod is available.{why}",
            look.ledger,
            Runs.TARGET,
            stalled=trouble is not None,
        )
    return Verdict(
        Phase.READY,
        Reason.READY,
        f"Version {version} serves with {workload.available} of {workload.wanted} pods.",
        look.ledger,
        Runs.TARGET,
        progressing=False,
    )


def _idle(look: Look, phase: Phase, reason: Reason, message: str) -> Verdict:
    return Verdict(phase, reason, message, look.ledger, Runs.UNCHANGED, progressing=False)


def _dependencies(look: Look) -> tuple[Problem, ...]:
    return look.observed.dependencies + tuple(_conflicts(look.observed, essential=True))


def _conflicts(observed: Observed, *, essential: bool) -> Iterator[Problem]:
    for child in observed.children:
        if not child.ours and (child.kind in _ESSENTIAL) is essential:
            yield Problem(
                Reason.CHILD_OWNED_BY_ANOTHER,
                f"{child.kind} {child.name} is there and belongs to {child.owner or 'somebody else'}: "
                "remove or rename it, or give this resource another name.",
            )


def _actions(look: Look, verdict: Verdict) -> Iterator[Action]:
    target, foreign = look.desired.target, _foreign(look.observed)

    def apply(concern: Concern, *manifests: Manifest) -> Iterator[Apply]:
        for manifest in manifests:
            if (manifest["kind"], manifest["metadata"]["name"]) not in foreign:
                yield Apply(concern, manifest)

    yield from apply(Concern.WORKLOAD, *target.foundation)
    runs = _running(look, verdict)
    if runs is not None:
        state, deployment = runs
        yield from apply(Concern.WORKLOAD, state.foundation[0])
        if state is target:
            yield Create(target.snapshot)
        yield from apply(Concern.WORKLOAD, deployment)
    if runs is not None or look.observed.workload is not None:
        if target.scale is not None:
            yield from apply(Concern.SCALE, target.scale)
        yield from apply(Concern.WORKLOAD, *target.around)
    yield from apply(Concern.OBSERVABILITY, *target.observability)
    yield from _superfluous(look, verdict)
    yield from verdict.jobs


def _running(look: Look, verdict: Verdict) -> tuple[DesiredState, Manifest] | None:
    """The state whose pods are to run, and its Deployment; None leaves what runs alone."""
    target, stable = look.desired.target, look.desired.stable
    if verdict.runs is Runs.TARGET:
        return target, target.deployment
    if verdict.runs is Runs.STABLE and stable is not None:
        # New content of the Secrets has not been proven by a login yet: it moves no pod.
        return stable, stable.deployment_with(verdict.ledger.secrets)
    return None


def _foreign(observed: Observed) -> set[tuple[str, str]]:
    return {(child.kind, child.name) for child in observed.children if not child.ours}


def _superfluous(look: Look, verdict: Verdict) -> Iterator[Delete]:
    """What is ours and no longer wanted, and finished Jobs that nobody will read."""
    target = look.desired.target
    wanted = {
        (manifest["kind"], manifest["metadata"]["name"])
        for manifest in (*target.foundation, *target.around, *target.observability)
    }
    if look.desired.stable is not None:
        wanted.add(("ConfigMap", look.desired.stable.config))
    kept = {names.revision(target.owner.name, revision.hash) for revision in verdict.ledger.revisions}
    settled = (
        verdict.phase is Phase.READY
        and look.observed.workload is not None
        and look.observed.workload.complete
    )
    for child in look.observed.children:
        if not child.ours or (child.kind, child.name) in wanted:
            continue
        # Settings of a revision are needed by its pods until the last of them has gone.
        settings = child.kind == "ConfigMap" and names.is_config(target.owner.name, child.name)
        if child.kind in _OPTIONAL and (settled or not settings):
            yield Delete(child.api_version, child.kind, child.name)
        if child.kind == "ControllerRevision" and settled and child.name not in kept:
            yield Delete(child.api_version, child.kind, child.name)

    current = verdict.ledger.attempt.number if verdict.ledger.attempt else None
    finished = sorted(
        (job for job in look.observed.jobs if job.state is not JobState.RUNNING and job.number != current),
        key=lambda job: job.number,
        reverse=True,
    )
    for job in finished[_JOBS_KEPT:]:
        yield Delete("batch/v1", "Job", job.name)
