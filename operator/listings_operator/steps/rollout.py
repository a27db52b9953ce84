"""Pods of the target: let them take over, check them, and go back when they do not come up.

Going back means the last good revision, and only when the live schema serves it. A revision that was given up is not
tried again until the spec changes or somebody says retry. A schema is never taken back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from listings_operator.ledger import Error, Failed, Revision, Rollout
from listings_operator.observed import JobSeen, JobState, Task, Trouble
from listings_operator.steps.attempts import Finished, Purpose, attempt, told
from listings_operator.steps.look import AT_ONCE, Look, Outcome, Runs, Verdict
from listings_operator.vocabulary import Phase, Reason

if TYPE_CHECKING:
    from listings_operator.observed import PodTrouble, WorkloadSeen

# One repeat, so that a single lost packet takes no release back.
_SMOKE_RETRIES: Final = 1


def stay_rolled_back(look: Look) -> Outcome:
    """Keep the last good revision while the spec still asks for the one that was given up."""
    ledger, failed = look.ledger, look.ledger.failed
    if failed is None:
        return look
    if failed.hash != look.desired.target.revision:
        return look.noting(replace(ledger, failed=None))
    stable = look.desired.stable
    assert ledger.stable is not None
    back = _complete(look.observed.workload, stable.revision if stable else ledger.stable.hash)
    message = f"{failed.message} "
    if back:
        return Verdict(
            Phase.ROLLED_BACK,
            failed.reason,
            f"{message}Version {ledger.stable.version} serves again. Change the spec, or annotate the resource with "
            "listings.marketplace/retry.",
            replace(ledger, rollout=None),
            Runs.STABLE if stable else Runs.UNCHANGED,
            progressing=False,
            stalled=True,
        )
    return Verdict(
        Phase.ROLLING_BACK,
        Reason.ROLLING_BACK,
        f"{message}Returning to version {ledger.stable.version}.",
        ledger,
        Runs.STABLE if stable else Runs.UNCHANGED,
        stalled=True,
    )


def roll_out(look: Look) -> Outcome:
    """Give pods the target's template and wait until every one of them is available."""
    target, ledger, workload = look.desired.target, look.ledger, look.observed.workload
    if _is_proven(look):
        return look
    if ledger.rollout is None or ledger.rollout.template != target.template:
        ledger = replace(ledger, rollout=Rollout(target.template, look.now))
        look = look.noting(ledger)
    seen = workload is not None and workload.current and _runs(workload, target.template)
    if workload is None or not seen:
        return _rolling(look, "Pods of the new revision are being asked for.")
    if workload.complete:
        return look
    trouble = workload.trouble
    if trouble is not None and trouble.kind is Trouble.CRASH:
        return give_up(look, Error(Reason.CRASH_LOOP, f"pod {trouble.pod} keeps ending: {trouble.message}"))
    if workload.deadline_exceeded:
        seconds = target.spec.rollout.progress_deadline_seconds
        message = f"no further pod became available in {seconds} s.{_seen(trouble)}"
        return give_up(look, Error(Reason.PROGRESS_DEADLINE_EXCEEDED, message))
    new = f"{workload.updated} of {workload.wanted} pods are new, {workload.available} available."
    return _rolling(look, new + _seen(trouble))


def verify(look: Look) -> Outcome:
    """Check what was rolled out as a client would, and remember it as good."""
    target = look.desired.target
    if _is_proven(look):
        return look
    if not target.spec.rollout.smoke.enabled:
        return _remember(look)
    purpose = Purpose(
        Task.SMOKE,
        target.template,
        Phase.VERIFYING,
        Reason.SMOKE_RUNNING,
        f"Version {target.spec.version} is rolled out; the smoke test runs.",
        _SMOKE_RETRIES,
        blocked=Phase.VERIFYING,
    )

    def accept(job: JobSeen) -> Error | None:
        if job.state is JobState.SUCCEEDED:
            return None
        return told(job, look.ledger.attempt.error if look.ledger.attempt else None)

    result = attempt(look, purpose, accept)
    if isinstance(result, Finished):
        return _remember(look)
    current = result.ledger.attempt
    if current is not None and current.given_up and current.error is not None:
        return give_up(look.noting(result.ledger), replace(current.error, reason=Reason.SMOKE_FAILED))
    # The new pods have taken over and serve: whatever becomes of the test, they are not taken away while it runs.
    return replace(result, runs=Runs.TARGET)


def give_up(look: Look, error: Error) -> Verdict:
    """Go back if that is wanted and safe, else stay and say why."""
    refusal = _refusal(look)
    target, ledger = look.desired.target, look.ledger
    message = f"Version {target.spec.version} failed: {error}"
    if refusal is not None:
        return Verdict(
            Phase.FAILED,
            error.reason,
            f"{message} Not rolled back: {refusal}",
            ledger,
            Runs.TARGET,
            progressing=False,
            stalled=True,
        )
    return Verdict(
        Phase.ROLLING_BACK,
        Reason.ROLLING_BACK,
        f"{message} Returning to version {ledger.stable.version if ledger.stable else ''}.",
        replace(ledger, failed=Failed(target.revision, error.reason, message), rollout=None, attempt=None),
        Runs.STABLE,
        stalled=True,
        requeue_after=AT_ONCE,
    )


def _refusal(look: Look) -> str | None:
    """Why there is no way back, or None when there is one."""
    target, stable = look.desired.target, look.ledger.stable
    if not target.spec.rollout.automatic_rollback:
        return "spec.rollout.automaticRollback is false."
    if stable is None:
        return "no revision was good before."
    if stable.hash == target.revision:
        return "the last good revision is this one; look at what its Secrets say."
    if look.desired.stable is None:
        return f"the snapshot of revision {stable.hash} is gone or unreadable."
    if look.ledger.served is None or not look.ledger.served.holds(stable.schema):
        return f"the live schema does not serve version {stable.version}."
    return None


def _is_proven(look: Look) -> bool:
    """Whether exactly this, with these Secrets, is what was last found good."""
    target, stable = look.desired.target, look.ledger.stable
    return stable is not None and stable.hash == target.revision and look.ledger.secrets == target.secrets


def _remember(look: Look) -> Look:
    target, ledger = look.desired.target, look.ledger
    schema = ledger.schema.target if ledger.schema else None
    good = Revision(target.revision, target.spec.version, target.spec.image_reference, schema, look.now)
    others = tuple(revision for revision in ledger.revisions if revision.hash != good.hash)
    kept = (good, *others)[: target.spec.rollout.revision_history_limit]
    return look.noting(replace(ledger, revisions=kept, secrets=target.secrets, rollout=None, attempt=None))


def _rolling(look: Look, message: str) -> Verdict:
    return Verdict(
        Phase.ROLLING_OUT,
        Reason.ROLLOUT_RUNNING,
        f"Version {look.desired.target.spec.version}: {message}",
        look.ledger,
        Runs.TARGET,
    )


def _seen(trouble: PodTrouble | None) -> str:
    return f" Seen: {trouble}." if trouble else ""


def _runs(workload: WorkloadSeen, template: str) -> bool:
    return f"{workload.revision}-{workload.secrets}" == template


def _complete(workload: WorkloadSeen | None, revision: str) -> bool:
    return workload is not None and workload.revision == revision and workload.complete
