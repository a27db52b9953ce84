"""A cluster, a database and people, small enough to be driven through any order of events; for tests of decisions.

It carries out plans as the operator does (status first, then the actions in order, possibly cut off anywhere), and
fails at once when an action breaks a promise. Images are versions 1, 2, 3 ... of which each needs the schema version
of its own number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from listings_operator import names
from listings_operator.actions import Apply, Create, Delete, Plan
from listings_operator.assets import Assets
from listings_operator.decide import Desired, plan
from listings_operator.desired import DesiredState, Owner, SecretHashes, desired_state
from listings_operator.desired.revision import spec_of
from listings_operator.ledger import read_ledger
from listings_operator.observed import (
    Apis,
    ChildSeen,
    JobSeen,
    JobState,
    Observed,
    PodTrouble,
    Report,
    ReportedError,
    Task,
    Trouble,
    WorkloadSeen,
)
from listings_operator.spec import ListingsSpec, read_spec
from listings_operator.status import status_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from listings_operator.desired import Manifest

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
OWNER: Final = Owner("shop", "market", "0f3c9a52-7a4e-4c1b-9f51-2f6f3f1f0001")
MINIMAL: Final[Mapping[str, Any]] = {
    "image": {"repository": "registry.example.com/listings"},
    "version": "1.0.0",
    "database": {"secretRef": {"name": "shop-database"}},
}


def spec_with(**fields: Any) -> ListingsSpec:
    """The smallest spec with some top-level fields (camelCase) set or replaced."""
    return read_spec({**MINIMAL, **fields})


def state_of(spec: ListingsSpec, **more: Any) -> DesiredState:
    """What should be for a spec, with nothing special around it."""
    return desired_state(
        spec,
        more.get("owner", OWNER),
        more.get("assets", Assets()),
        more.get("secrets", SecretHashes("d1", "r1")),
        more.get("apis", Apis()),
    )


class BrokenPromiseError(AssertionError):
    """An action that must never be."""


@dataclass
class Faults:
    """What goes wrong in this world, by version of the image."""

    migration_fails: set[int] = field(default_factory=set)
    crashes: set[int] = field(default_factory=set)
    smoke_fails: set[int] = field(default_factory=set)
    no_image: set[int] = field(default_factory=set)
    database_down: bool = False


@dataclass
class World:
    """Everything outside the operator."""

    fields: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    faults: Faults = field(default_factory=Faults)
    now: datetime = START
    generation: int = 1
    retry_token: str = ""
    secret: int = 1
    status: dict[str, Any] = field(default_factory=dict)
    earlier_status: dict[str, Any] = field(default_factory=dict)
    jobs: dict[str, JobSeen] = field(default_factory=dict)
    deployment: Manifest | None = None
    pods_ready: bool = False
    snapshots: dict[str, Manifest] = field(default_factory=dict)
    schema: int = 0
    served_from: int = 0
    """The oldest image that the live schema serves, by the promise that migrations keep."""
    reached: int = 0
    """Where the last migration that came to its end arrived."""
    migrations_run: list[tuple[int, int]] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)

    def spec(self) -> ListingsSpec:
        """The spec as it is now."""
        return spec_with(**{"version": f"{self.version}.0.0", **self.fields})

    def desired(self, status: Mapping[str, Any]) -> Desired:
        """What reconcile renders before it decides."""
        secrets = SecretHashes(f"d{self.secret}", "r1")
        stable = read_ledger(status).stable
        snapshot = self.snapshots.get(names.revision(OWNER.name, stable.hash)) if stable else None
        return Desired(
            _rendered(self.spec(), secrets), _rendered(spec_of(snapshot), secrets) if snapshot else None
        )

    def observed(self) -> Observed:
        """What the cluster shows."""
        return Observed(
            generation=self.generation,
            retry_token=self.retry_token,
            workload=self.workload(),
            jobs=tuple(self.jobs.values()),
            children=tuple(ChildSeen("apps/v1", "ControllerRevision", name) for name in self.snapshots),
        )

    def workload(self) -> WorkloadSeen | None:
        """The Deployment, with its pods as the world's faults leave them."""
        if self.deployment is None:
            return None
        annotations = self.deployment["spec"]["template"]["metadata"]["annotations"]
        broken = self.running_version in self.faults.crashes
        ready = self.pods_ready and not broken
        return WorkloadSeen(
            revision=annotations[names.REVISION_ANNOTATION],
            secrets=annotations[names.SECRETS_ANNOTATION],
            current=True,
            wanted=2,
            replicas=2 if ready else 3,
            updated=2 if ready else 1,
            available=2,
            trouble=PodTrouble(Trouble.CRASH, "shop-1", "CrashLoopBackOff", "exit 1")
            if self.pods_ready and broken
            else None,
        )

    @property
    def running_version(self) -> int:
        """Version of the image in the Deployment."""
        assert self.deployment is not None
        image = self.deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        return _version_in(image)

    def look(self, *, cut_after: int | None = None, stale: bool = False) -> Plan:
        """One look of the operator; it may be stopped after some writes, or have read the status before the last."""
        status = self.earlier_status if stale else self.status
        decision = plan(self.desired(status), self.observed(), read_ledger(status), self.now)
        self.plans.append(decision)
        if cut_after == 0:
            return decision
        self.earlier_status = self.status
        self.status = status_document(OWNER.name, decision, self.observed(), status, self.now)
        actions = decision.actions if cut_after is None else decision.actions[: cut_after - 1]
        for action in actions:
            match action:
                case Apply(manifest=manifest):
                    self._apply(manifest)
                case Create(manifest=manifest):
                    self._create(manifest)
                case Delete(kind=kind, name=name):
                    self._delete(kind, name)
        return decision

    def run_job(self, name: str) -> None:
        """Let one unfinished Job come to its end, as the world's faults decide."""
        job = self.jobs[name]
        version = self._version_of(job)
        if version in self.faults.no_image:
            report = None
        elif self.faults.database_down:
            report = Report(
                ok=False, error=ReportedError("Unreachable", "cannot connect", "Look at the address.")
            )
        else:
            report = self._outcome(job.task, version)
        ok = report is not None and report.ok
        state = JobState.SUCCEEDED if ok else JobState.FAILED
        failure = "" if ok else ("DeadlineExceeded" if report is None else "BackoffLimitExceeded")
        self.jobs[name] = JobSeen(
            name, job.task, job.key, job.number, state, report, failure, finished_at=self.now
        )

    def stop_job(self, name: str) -> None:
        """A node is lost: the Job ends without a word, whatever its process had done by then."""
        job = self.jobs[name]
        if job.task is Task.MIGRATE and not self.faults.database_down:
            self._outcome(job.task, self._version_of(job))
        self.jobs[name] = JobSeen(
            name,
            job.task,
            job.key,
            job.number,
            JobState.FAILED,
            None,
            "BackoffLimitExceeded",
            finished_at=self.now,
        )

    def unfinished(self) -> list[str]:
        """Names of the Jobs that run."""
        return [name for name, job in self.jobs.items() if job.state is JobState.RUNNING]

    def settle(self, looks: int = 200) -> Plan:
        """Let everything take its course until nothing changes any more; returns the last decision."""
        last: Plan | None = None
        calm = 0
        for _ in range(looks):
            for name in self.unfinished():
                self.run_job(name)
            self.pods_ready = True
            last = self.look()
            ended = last.reason == "Ready" or any(
                condition.type == "Stalled" and condition.status == "True" for condition in last.conditions
            )
            # Looking at a database that is away goes on for ever, and the verdict with it.
            calm = calm + 1 if ended else 0
            if calm == 10:
                return last
            self.now += timedelta(seconds=last.requeue_after + 1)
        raise BrokenPromiseError(f"neither steady nor stalled after {looks} looks: {last and last.message}")

    def _outcome(self, task: Task, version: int) -> Report:
        if task is Task.PLAN:
            if self.schema > version:
                error = ReportedError(
                    "UnknownState", f"version {self.schema} is not among the files", "Use a newer image."
                )
                return Report(ok=False, error=error)
            pending = tuple(f"{number:06d}_step" for number in range(self.schema + 1, version + 1))
            return Report(
                ok=True,
                version=self.schema or None,
                target=version,
                pending=pending,
                pending_count=len(pending),
            )
        if task is Task.MIGRATE:
            return self._migrated(version)
        if task is Task.SMOKE and version in self.faults.smoke_fails:
            return Report(ok=False, error=ReportedError("SmokeFailed", "search: 500", "Look at the log."))
        return Report(ok=True)

    def _migrated(self, version: int) -> Report:
        before = self.schema
        for step in range(before + 1, version + 1):
            if step in self.faults.migration_fails:
                error = ReportedError(
                    "StatementFailed", f"{step:06d}_step.up.sql: relation is missing", "Mend the cause.", step
                )
                return Report(ok=False, error=error)
            self.schema = step
        if self.schema != before:
            self.migrations_run.append((before, self.schema))
        if self.schema >= version and self.reached != self.schema:
            self.served_from, self.reached = (self.reached or self.schema), self.schema
        return Report(ok=True, version=self.schema, target=version)

    def _version_of(self, job: JobSeen) -> int:
        return _version_in(self._images[job.name])

    @property
    def _images(self) -> dict[str, str]:
        return self.__dict__.setdefault("_image_of_job", {})

    def _apply(self, manifest: Manifest) -> None:
        if manifest["kind"] != "Deployment" or "template" not in manifest["spec"]:
            return
        version = _version_in(manifest["spec"]["template"]["spec"]["containers"][0]["image"])
        if version > self.schema:
            raise BrokenPromiseError(f"pods of version {version} on schema {self.schema}")
        if version < self.served_from:
            raise BrokenPromiseError(f"version {version} is not served by schema {self.schema}")
        if self.deployment is None or self.deployment != manifest:
            self.deployment, self.pods_ready = manifest, False

    def _create(self, manifest: Manifest) -> None:
        name = manifest["metadata"]["name"]
        if manifest["kind"] == "ControllerRevision":
            self.snapshots.setdefault(name, manifest)
            return
        if name in self.jobs:
            return
        labels, annotations = manifest["metadata"]["labels"], manifest["metadata"]["annotations"]
        task = Task(labels[names.TASK_LABEL])
        running = [
            job for job in self.jobs.values() if job.task is Task.MIGRATE and job.state is JobState.RUNNING
        ]
        if task is Task.MIGRATE and running:
            raise BrokenPromiseError(f"{name} beside {running[0].name}")
        if task is Task.MIGRATE and not self.status.get("schema", {}).get("pendingCount"):
            raise BrokenPromiseError("a migration that was not announced in status")
        self._images[name] = manifest["spec"]["template"]["spec"]["containers"][0]["image"]
        self.jobs[name] = JobSeen(
            name,
            task,
            annotations[names.KEY_ANNOTATION],
            int(annotations[names.ATTEMPT_ANNOTATION]),
            JobState.RUNNING,
        )

    def _delete(self, kind: str, name: str) -> None:
        if kind == "Job":
            if self.jobs[name].state is JobState.RUNNING:
                raise BrokenPromiseError(f"the unfinished Job {name} was deleted")
            del self.jobs[name]
        if kind == "ControllerRevision":
            del self.snapshots[name]


_RENDERED: Final[dict[tuple[str, str], DesiredState]] = {}


def _rendered(spec: ListingsSpec, secrets: SecretHashes) -> DesiredState:
    """Builders are pure, so a world may keep what they gave; thousands of looks need a few dozen states."""
    key = (names.digest(spec.as_written()), secrets.all)
    if key not in _RENDERED:
        _RENDERED[key] = state_of(spec, secrets=secrets)
    return _RENDERED[key]


def _version_in(image: str) -> int:
    return int(image.rsplit(":", 1)[1].split(".", 1)[0])
