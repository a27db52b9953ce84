"""One Job after another for one purpose: started, awaited, repeated after a pause, given up.

The ledger names the attempt that is under way, and a Job's name follows from the ledger. So a look that is repeated,
because the operator was stopped or read old state, asks for the Job that is there already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from listings_operator.actions import Create
from listings_operator.ledger import Attempt, Error, Ledger
from listings_operator.observed import JobSeen, JobState, Task, Trouble
from listings_operator.steps.look import Look, Verdict
from listings_operator.vocabulary import Phase, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

# 10 s, 20 s, 40 s ... 5 min: a restarted database is back within the first ones.
_FIRST_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(minutes=5)

# Kinds of errors of the service's commands that may be gone next time.
_PASSING: Final = ("Unreachable", "LoginRefused", "LockHeld")

_REASON_OF_TROUBLE: Final = {
    Trouble.IMAGE: Reason.IMAGE_PULL_FAILED,
    Trouble.CRASH: Reason.CRASH_LOOP,
    Trouble.CONFIG: Reason.CONTAINER_CONFIG_INVALID,
    Trouble.PLACE: Reason.POD_NOT_PLACED,
}
_REASON_OF_ERROR: Final = {
    "Unreachable": Reason.DATABASE_UNREACHABLE,
    "LoginRefused": Reason.DATABASE_LOGIN_REFUSED,
    "LockHeld": Reason.DATABASE_LOCKED,
    "UnknownState": Reason.SCHEMA_UNKNOWN_TO_IMAGE,
    "DirtyState": Reason.SCHEMA_DIRTY,
    "BadFiles": Reason.MIGRATION_FILES_INVALID,
    "StatementFailed": Reason.MIGRATION_FAILED,
}
_REASON_OF_TASK: Final = {
    Task.PLAN: Reason.PLAN_FAILED,
    Task.MIGRATE: Reason.MIGRATION_FAILED,
    Task.SEED: Reason.SEED_FAILED,
    Task.SMOKE: Reason.SMOKE_FAILED,
}


@dataclass(frozen=True, slots=True)
class Purpose:
    """What Jobs are made for, and how its waiting is told."""

    task: Task
    key: str
    phase: Phase
    reason: Reason
    message: str
    retries: int
    """Further attempts after a failure that may pass."""
    first_pause: timedelta = _FIRST_PAUSE
    """Before the second attempt; each further one is twice as long."""
    forever: bool = False
    """Whether attempts go on, rarely, after those: only for what changes nothing."""
    blocked: Phase = Phase.BLOCKED


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt that came to a good end."""

    job: JobSeen


def attempt(look: Look, purpose: Purpose, accept: Callable[[JobSeen], Error | None]) -> Finished | Verdict:
    """Bring one purpose forward by one step. `accept` says what is wrong with a Job that has ended, if anything."""
    current = look.ledger.attempt
    if current is None or (current.task, current.key) != (purpose.task.value, purpose.key):
        return _start(look, purpose, failures=0)
    if current.given_up:
        return _blocked(look.ledger, look, purpose, current)
    if current.not_before is not None:
        if look.now < current.not_before:
            return _pause(look.ledger, look, purpose, current)
        return _start(look, purpose, failures=current.failures, error=current.error)
    job = next((job for job in look.observed.jobs if _is(job, current)), None)
    if job is None:
        return _asked(look.ledger, look, purpose, current.number)
    if job.state is JobState.RUNNING:
        return _running(look, purpose, current, job)
    error = accept(job)
    if error is None:
        return Finished(job)
    return failed(look, purpose, error, passes=_passes(job))


def failed(look: Look, purpose: Purpose, error: Error, *, passes: bool) -> Verdict:
    """Note a failure of the current attempt: pause before the next, or give up."""
    current = look.ledger.attempt
    assert current is not None
    failures = current.failures + 1
    again = passes and (failures <= purpose.retries or purpose.forever)
    current = replace(
        current,
        failures=failures,
        error=error,
        not_before=look.now + pause_after(failures, purpose.first_pause) if again else None,
        given_up=not again,
    )
    ledger = replace(look.ledger, attempt=current)
    return _pause(ledger, look, purpose, current) if again else _blocked(ledger, look, purpose, current)


def pause_after(failures: int, first: timedelta = _FIRST_PAUSE) -> timedelta:
    """How long to wait after this many failures in a row."""
    doublings = 1 << min(failures - 1, 10)
    return min(first * doublings, LONGEST_PAUSE)


def told(job: JobSeen, before: Error | None) -> Error:
    """What a Job that failed says: its report, else its last words, else what was seen of it while it ran."""
    if job.report is not None and job.report.error is not None:
        error = job.report.error
        reason = _REASON_OF_ERROR.get(error.kind, _REASON_OF_TASK[job.task])
        return Error(reason, error.message, error.remedy)
    if before is not None and job.failure == "DeadlineExceeded":
        return before
    why = job.words.strip() or job.failure or "it ended without a result"
    return Error(
        _REASON_OF_TASK[job.task], f"Job {job.name}: {why}", f"Read its log: kubectl logs job/{job.name}."
    )


def _passes(job: JobSeen) -> bool:
    """Whether a failure may be gone next time: a process that said nothing was stopped by something else."""
    if job.report is None or job.report.error is None:
        return True
    return job.report.error.kind in _PASSING


def _is(job: JobSeen, current: Attempt) -> bool:
    return (job.task.value, job.key, job.number) == (current.task, current.key, current.number)


def _start(look: Look, purpose: Purpose, *, failures: int, error: Error | None = None) -> Verdict:
    number = look.ledger.last_number + 1
    ledger = replace(
        look.ledger,
        last_number=number,
        attempt=Attempt(purpose.task.value, purpose.key, number, failures, error=error),
    )
    return _asked(ledger, look, purpose, number)


def _asked(ledger: Ledger, look: Look, purpose: Purpose, number: int) -> Verdict:
    manifest = look.desired.target.job(purpose.task, purpose.key, number)
    return _waiting(ledger, look, purpose, (Create(manifest),))


def _waiting(ledger: Ledger, look: Look, purpose: Purpose, jobs: tuple[Create, ...] = ()) -> Verdict:
    """A Job is on its way. After many failures that is no news: the last one stands until there is a better result."""
    current = ledger.attempt
    if current is not None and current.error is not None and current.failures > purpose.retries:
        reason, message = current.error.reason, f"{current.error} Trying again."
        return Verdict(purpose.blocked, reason, message, ledger, look.holding, stalled=True, jobs=jobs)
    return Verdict(purpose.phase, purpose.reason, purpose.message, ledger, look.holding, jobs=jobs)


def _running(look: Look, purpose: Purpose, current: Attempt, job: JobSeen) -> Verdict:
    if job.trouble is None:
        return _waiting(look.ledger, look, purpose)
    error = Error(
        _REASON_OF_TROUBLE[job.trouble.kind],
        str(job.trouble),
        "Correct spec.image or the credentials in image.pullSecrets."
        if job.trouble.kind is Trouble.IMAGE
        else "",
    )
    # Kept, because the pod that shows it is gone once the Job has passed its deadline.
    ledger = replace(look.ledger, attempt=replace(current, error=error))
    # A node may be on its way; anything else takes a person.
    stalled = job.trouble.kind is not Trouble.PLACE
    phase = purpose.blocked if stalled else purpose.phase
    return Verdict(phase, error.reason, str(error), ledger, look.holding, stalled=stalled)


def _pause(ledger: Ledger, look: Look, purpose: Purpose, current: Attempt) -> Verdict:
    assert current.not_before is not None
    assert current.error is not None
    exhausted = current.failures > purpose.retries
    return Verdict(
        purpose.blocked if exhausted else purpose.phase,
        current.error.reason,
        f"{current.error} Next attempt {_at(current.not_before)}.",
        ledger,
        look.holding,
        stalled=exhausted,
        requeue_after=max(0.0, (current.not_before - look.now).total_seconds()),
    )


def _blocked(ledger: Ledger, look: Look, purpose: Purpose, current: Attempt) -> Verdict:
    assert current.error is not None
    return Verdict(
        purpose.blocked,
        current.error.reason,
        f"{current.error} After mending it, change the spec or annotate the resource with listings.marketplace/retry.",
        ledger,
        look.holding,
        progressing=False,
        stalled=True,
    )


def _at(time: datetime) -> str:
    return f"at {time:%H:%M:%S}"
