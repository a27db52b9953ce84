"""What must be remembered between two looks at the cluster, and is: in the resource's status.

`decide.plan` takes the ledger that status holds and returns the next one. Nothing needed for a right decision lives
in memory only, so an operator that is stopped at any moment goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from listings_operator.observed import Refused
from listings_operator.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

# Names of pending files that status shows; their number is always exact.
PENDING_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Schema:
    """What a plan Job of the target image found in the database, and whether new pods may start on it."""

    key: str
    """Image and database that this was found with."""
    version: int | None
    target: int
    pending: tuple[str, ...] = ()
    pending_count: int = 0
    done: bool = False
    """True once a result of the image says that nothing is pending."""


@dataclass(frozen=True, slots=True)
class Served:
    """Schema versions whose application the live schema serves, both ends included.

    Every migration is written so that the version before it goes on being served. So after one that has come to its
    end the window reaches from where the one before ended to where this one did. Older is not promised.
    """

    oldest: int
    newest: int

    def holds(self, version: int | None) -> bool:
        """Whether an application made for this schema version is served; unknown is not."""
        return version is not None and self.oldest <= version <= self.newest


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision that was rolled out and passed its smoke test."""

    hash: str
    version: str
    image: str
    schema: int | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """A revision that was given up; it is not tried again until the spec changes or somebody says retry."""

    hash: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """The rollout under way."""

    template: str
    """Revision and secrets, as the pods carry them."""
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Error:
    """Why an attempt failed, and what a person can do about it."""

    reason: Reason
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.message.rstrip('.')}. {self.remedy}".strip() if self.remedy else self.message


@dataclass(frozen=True, slots=True)
class Attempt:
    """The Job that is to run, running, or over: its number is part of its name, so naming it again is harmless."""

    task: str
    key: str
    number: int
    failures: int = 0
    """Failures in a row of this task for this key."""
    not_before: datetime | None = None
    """When the next attempt starts; set once this one has failed and that has been taken note of."""
    given_up: bool = False
    """Whether no further attempt is made until something changes or somebody says retry."""
    error: Error | None = None
    """What went wrong last."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything remembered."""

    schema: Schema | None = None
    served: Served | None = None
    secrets: str = ""
    """Hash of the Secrets' content that a login was proven with."""
    revisions: tuple[Revision, ...] = field(default=())
    """Good ones, newest first."""
    failed: Failed | None = None
    rollout: Rollout | None = None
    attempt: Attempt | None = None
    last_number: int = 0
    """Number of the last attempt of any kind; it only grows, so an old result is never taken for a new one."""
    seeded: bool = False
    retry_token: str = ""
    """Value of the retry annotation that was acted upon."""
    reason: str = ""
    """What was told last; another one is another event."""
    told: tuple[str, ...] = ()
    """Problems that an event has told, while they last; see `decide`."""
    refused: tuple[Refused, ...] = ()
    """Objects that the API server refused when they were last applied."""

    @property
    def stable(self) -> Revision | None:
        """The last good revision."""
        return self.revisions[0] if self.revisions else None

    def forgetting_failures(self, retry_token: str) -> Ledger:
        """This ledger after somebody said retry."""
        schema = self.schema if self.schema is not None and self.schema.done else None
        return replace(self, schema=schema, failed=None, attempt=None, retry_token=retry_token)


def read_ledger(status: Mapping[str, Any]) -> Ledger:
    """The ledger in a status document; an empty status is an empty ledger."""
    schema, rollout = status.get("schema"), status.get("rollout") or {}
    served = (schema or {}).get("served")
    failed, attempt = rollout.get("failed"), status.get("attempt")
    return Ledger(
        schema=Schema(
            key=schema["key"],
            version=schema.get("version"),
            target=schema["target"],
            pending=tuple(schema.get("pending", ())),
            pending_count=schema.get("pendingCount", 0),
            done=schema.get("done", False),
        )
        if schema
        else None,
        served=Served(served["oldest"], served["newest"]) if served else None,
        secrets=status.get("secretsHash", ""),
        revisions=tuple(
            Revision(
                hash=item["hash"],
                version=item["version"],
                image=item["image"],
                schema=item.get("schema"),
                since=datetime.fromisoformat(item["since"]),
            )
            for item in status.get("revisions", ())
        ),
        failed=Failed(failed["hash"], Reason.read(failed["reason"]), failed["message"]) if failed else None,
        rollout=Rollout(rollout["template"], datetime.fromisoformat(rollout["startedAt"]))
        if "template" in rollout
        else None,
        attempt=Attempt(
            attempt["task"],
            attempt["key"],
            attempt["number"],
            attempt.get("failures", 0),
            datetime.fromisoformat(attempt["notBefore"]) if "notBefore" in attempt else None,
            attempt.get("givenUp", False),
            Error(Reason.read(error["reason"]), error["message"], error.get("remedy", ""))
            if (error := attempt.get("error"))
            else None,
        )
        if attempt
        else None,
        last_number=status.get("lastNumber", 0),
        seeded=status.get("seeded", False),
        retry_token=status.get("retryToken", ""),
        reason=status.get("reason", ""),
        told=tuple(status.get("told", ())),
        refused=tuple(
            Refused(item["apiVersion"], item["kind"], item["name"], item["message"])
            for item in status.get("refused", ())
        ),
    )


def ledger_status(ledger: Ledger) -> dict[str, Any]:
    """The ledger's part of a status document; `read_ledger` takes it back."""
    status: dict[str, Any] = {
        "reason": ledger.reason,
        "lastNumber": ledger.last_number,
        "seeded": ledger.seeded,
        "retryToken": ledger.retry_token,
        "secretsHash": ledger.secrets,
        "revisions": [
            _without_none(
                {
                    "hash": revision.hash,
                    "version": revision.version,
                    "image": revision.image,
                    "schema": revision.schema,
                    "since": moment(revision.since),
                }
            )
            for revision in ledger.revisions
        ],
    }
    if ledger.told:
        status["told"] = list(ledger.told)
    if ledger.refused:
        status["refused"] = [
            {"apiVersion": item.api_version, "kind": item.kind, "name": item.name, "message": item.message}
            for item in ledger.refused
        ]
    if ledger.schema is not None:
        schema = ledger.schema
        status["schema"] = _without_none(
            {
                "key": schema.key,
                "version": schema.version,
                "target": schema.target,
                "pending": list(schema.pending[:PENDING_SHOWN]),
                "pendingCount": schema.pending_count,
                "done": schema.done,
                "served": {"oldest": ledger.served.oldest, "newest": ledger.served.newest}
                if ledger.served
                else None,
            }
        )
    rollout: dict[str, Any] = {}
    if ledger.rollout is not None:
        rollout |= {"template": ledger.rollout.template, "startedAt": moment(ledger.rollout.started_at)}
    if ledger.failed is not None:
        failed = ledger.failed
        rollout["failed"] = {"hash": failed.hash, "reason": failed.reason, "message": failed.message}
    if rollout:
        status["rollout"] = rollout
    if ledger.attempt is not None:
        attempt = ledger.attempt
        status["attempt"] = _without_none(
            {
                "task": attempt.task,
                "key": attempt.key,
                "number": attempt.number,
                "failures": attempt.failures,
                "notBefore": moment(attempt.not_before) if attempt.not_before else None,
                "givenUp": attempt.given_up,
                "error": {
                    "reason": attempt.error.reason,
                    "message": attempt.error.message,
                    "remedy": attempt.error.remedy,
                }
                if attempt.error
                else None,
            }
        )
    return status


def moment(value: datetime) -> str:
    """A time as Kubernetes writes it: whole seconds, UTC, Z."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}
