"""Before any pod of a new version: look at the schema, bring it to what the image needs, fill it with demo data.

1. A Job of the target image reads the ledger in the database and reports what is pending. That is written to status.
2. Only then, and only when the strategy says so, another Job migrates. One at a time, whatever the spec says meanwhile.
3. The way is open when a result says that the schema is at the version the image needs, and at no other time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from listings_operator import names
from listings_operator.ledger import PENDING_SHOWN, Error, Schema, Served
from listings_operator.observed import JobSeen, JobState, Task
from listings_operator.steps.attempts import LONGEST_PAUSE, Purpose, attempt, told
from listings_operator.steps.look import AT_ONCE, Look, Outcome, Verdict
from listings_operator.vocabulary import Phase, Reason

if TYPE_CHECKING:
    from listings_operator.ledger import Revision

# Reading changes nothing, so a few quick repeats cost nothing: 2 s, 4 s ... 32 s. A database that is started together
# with the resource answers within the first ones. After them it goes on, at most every five minutes.
_PLAN_RETRIES: Final = 5
_PLAN_PAUSE: Final = timedelta(seconds=2)
_SEED_RETRIES: Final = 2
_SHOWN: Final = 3


def wait_for_other_migrations(look: Look) -> Outcome:
    """A migration of an earlier spec is neither stopped nor overtaken: its end decides what there is to plan."""
    current, schema = look.ledger.attempt, look.ledger.schema
    same_spec = schema is not None and schema.key == look.desired.target.schema_key
    for job in look.observed.jobs:
        ours = same_spec and current is not None and (job.key, job.number) == (current.key, current.number)
        if job.task is Task.MIGRATE and job.state is JobState.RUNNING and not ours:
            return Verdict(
                Phase.MIGRATING,
                Reason.EARLIER_MIGRATION_RUNNING,
                f"Job {job.name} of an earlier spec is still migrating; nothing starts before it has ended.",
                look.ledger,
                look.holding,
            )
    return look


def look_at_schema(look: Look) -> Outcome:
    """Learn what is pending for the target image, and write it down before anything moves."""
    target, ledger = look.desired.target, look.ledger
    known = ledger.schema is not None and ledger.schema.key == target.schema_key
    if known and ledger.schema is not None:
        waits_for_people = target.spec.migrations.strategy == "Off" and not ledger.schema.done
        if not waits_for_people:
            return look
    purpose = Purpose(
        Task.PLAN,
        target.schema_key,
        Phase.PLANNING,
        Reason.PLAN_RUNNING,
        f"Asking {target.spec.image_reference} what is pending in the database.",
        _PLAN_RETRIES,
        first_pause=_PLAN_PAUSE,
        forever=True,
    )
    image = target.spec.image_reference
    served = next((item for item in ledger.revisions if item.image == image and _serves(look, item)), None)

    def accept(job: JobSeen) -> Error | None:
        if job.report is not None and job.report.ok and job.report.target is not None:
            return None
        if served is not None and _unknown_to_image(job):
            return None
        return told(job, ledger.attempt.error if ledger.attempt else None)

    result = attempt(look, purpose, accept)
    if isinstance(result, Verdict):
        return result
    report = result.job.report
    assert report is not None
    if not report.ok:
        assert served is not None
        return _open_again(look, served)
    assert report.target is not None
    schema = Schema(
        key=target.schema_key,
        version=report.version,
        target=report.target,
        pending=report.pending[:PENDING_SHOWN],
        pending_count=report.pending_count,
        done=report.pending_count == 0,
    )
    if schema.done:
        ledger = replace(ledger, schema=schema, served=_served_as_found(look, schema), attempt=None)
        return look.noting(ledger)
    if target.spec.migrations.strategy == "Off":
        return _wait_for_people(look, schema)
    return Verdict(
        Phase.PLANNING,
        Reason.MIGRATION_PLANNED,
        f"{_files(schema)} to go from schema version {schema.version or 'none'} to {schema.target}.",
        replace(ledger, schema=schema, attempt=None),
        look.holding,
        requeue_after=AT_ONCE,
    )


def migrate(look: Look) -> Outcome:
    """Run what is pending, until a result says that the schema is where the image needs it."""
    target, schema = look.desired.target, look.ledger.schema
    assert schema is not None
    if schema.done:
        return look
    purpose = Purpose(
        Task.MIGRATE,
        names.digest([schema.key, schema.version, schema.target, schema.pending]),
        Phase.MIGRATING,
        Reason.MIGRATION_RUNNING,
        f"{_files(schema)} from schema version {schema.version or 'none'} to {schema.target}; "
        "what ran before goes on serving.",
        target.spec.migrations.backoff_limit,
    )

    def accept(job: JobSeen) -> Error | None:
        report = job.report
        if report is None or not report.ok:
            return told(job, look.ledger.attempt.error if look.ledger.attempt else None)
        if report.version != schema.target:
            return Error(
                Reason.MIGRATION_INCOMPLETE,
                f"Job {job.name} ended at schema version {report.version}, the image needs {schema.target}",
                "Look at `listings migrate status` with this image.",
            )
        return None

    result = attempt(look, purpose, accept)
    if isinstance(result, Verdict):
        return result
    done = replace(schema, version=schema.target, pending=(), pending_count=0, done=True)
    ledger = replace(look.ledger, schema=done, served=_served_after_migration(look, done), attempt=None)
    return look.noting(ledger)


def seed(look: Look) -> Outcome:
    """Load the demo catalog, once; the command itself leaves a catalog that has rows alone."""
    if look.desired.target.spec.seed != "demo" or look.ledger.seeded:
        return look
    purpose = Purpose(
        Task.SEED,
        look.desired.target.schema_key,
        Phase.SEEDING,
        Reason.SEED_RUNNING,
        "Loading the demo catalog.",
        _SEED_RETRIES,
    )

    def accept(job: JobSeen) -> Error | None:
        if job.state is JobState.SUCCEEDED:
            return None
        error = told(job, look.ledger.attempt.error if look.ledger.attempt else None)
        return replace(error, remedy=f"{error.remedy} Or go without: spec.seed: none.".strip())

    result = attempt(look, purpose, accept)
    if isinstance(result, Verdict):
        return result
    return look.noting(replace(look.ledger, seeded=True, attempt=None))


def _wait_for_people(look: Look, schema: Schema) -> Verdict:
    """With strategy Off: show what is pending, and look again now and then."""
    current = look.ledger.attempt
    assert current is not None
    error = Error(
        Reason.MIGRATIONS_PENDING,
        f"{_files(schema)} pending and spec.migrations.strategy is Off",
        "Run `listings migrate up` with this image, or set the strategy to Auto.",
    )
    # Counted like an exhausted attempt: what follows are rare looks whether somebody has done it.
    waiting = replace(current, failures=_PLAN_RETRIES + 1, not_before=look.now + LONGEST_PAUSE, error=error)
    return Verdict(
        Phase.BLOCKED,
        error.reason,
        str(error),
        replace(look.ledger, schema=schema, attempt=waiting),
        look.holding,
        progressing=False,
        stalled=True,
        requeue_after=LONGEST_PAUSE.total_seconds(),
    )


def _open_again(look: Look, served: Revision) -> Outcome:
    """The image is older than the schema, and ran on it, or on the one it was migrated from, without harm."""
    assert look.ledger.schema is not None
    assert served.schema is not None
    schema = Schema(
        key=look.desired.target.schema_key,
        version=look.ledger.schema.version,
        target=served.schema,
        done=True,
    )
    return look.noting(replace(look.ledger, schema=schema, attempt=None))


def _unknown_to_image(job: JobSeen) -> bool:
    return job.report is not None and job.report.error is not None and job.report.error.kind == "UnknownState"


def _serves(look: Look, revision: Revision) -> bool:
    return look.ledger.served is not None and look.ledger.served.holds(revision.schema)


def _served_as_found(look: Look, schema: Schema) -> Served:
    """The window when nothing was pending: as it was, unless somebody else has moved the schema."""
    before, served = look.ledger.schema, look.ledger.served
    if (
        before is not None
        and before.version == schema.version
        and served is not None
        and served.holds(schema.target)
    ):
        return served
    return Served(schema.target, schema.target)


def _served_after_migration(look: Look, schema: Schema) -> Served:
    """The window after a migration: what the one before it ended at went on being served, and nothing older."""
    served = look.ledger.served
    return Served(min(served.newest, schema.target) if served else schema.target, schema.target)


def _files(schema: Schema) -> str:
    """`2 files (a, b)`: the first ones by name, and how many there are."""
    shown = ", ".join(schema.pending[:_SHOWN])
    more = ", ..." if schema.pending_count > _SHOWN else ""
    word = "file" if schema.pending_count == 1 else "files"
    return f"{schema.pending_count} {word} ({shown}{more})"
