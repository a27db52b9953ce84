"""What the cluster shows about one ListingsDeployment, as values; read from plain objects without asking anybody.

`reconcile.py` fetches the objects and calls the functions here; `decide.py` sees nothing but the values.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from listings_operator import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from listings_operator.vocabulary import Reason

# Reasons of a waiting container that more waiting does not mend.
_IMAGE_TROUBLE: Final = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
)
_CRASH_LOOP: Final = "CrashLoopBackOff"
# A container that ended this often in one pod will not come up by itself; the kubelet's own back-off is 40 s by then.
CRASHES_THAT_COUNT: Final = 3


class Task(StrEnum):
    """What a Job of the target image is for."""

    PLAN = "plan"
    MIGRATE = "migrate"
    SEED = "seed"
    SMOKE = "smoke"


class JobState(StrEnum):
    """How far a Job is."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Trouble(StrEnum):
    """Why a container does not run."""

    IMAGE = "Image"
    CRASH = "Crash"
    CONFIG = "Config"
    PLACE = "Place"
    """No node has room for it, or no pod may be made at all; a new node or a higher quota mends that."""


@dataclass(frozen=True, slots=True)
class PodTrouble:
    """The first pod that cannot run, and why."""

    kind: Trouble
    pod: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"pod {self.pod}: {self.reason}: {self.message}"


@dataclass(frozen=True, slots=True)
class ReportedError:
    """What a command of the service said when it failed."""

    kind: str
    message: str
    remedy: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result that a Job's command left in its termination message."""

    ok: bool
    version: int | None = None
    """Schema version: found by a plan, reached by a migration."""
    target: int | None = None
    """Schema version that the image needs."""
    pending: tuple[str, ...] = ()
    """Names of pending files in order; a plan may name the first ones only."""
    pending_count: int = 0
    error: ReportedError | None = None


@dataclass(frozen=True, slots=True)
class JobSeen:
    """One attempt."""

    name: str
    task: Task
    key: str
    """What it was made for; see `decide`."""
    number: int
    state: JobState
    report: Report | None = None
    failure: str = ""
    """The Job's own reason when it failed (DeadlineExceeded, BackoffLimitExceeded)."""
    words: str = ""
    """What its process said last, when it left no report."""
    trouble: PodTrouble | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkloadSeen:
    """The Deployment and its pods."""

    revision: str
    secrets: str
    """The secrets hash in the pod template."""
    current: bool
    """Whether the status speaks of the latest template."""
    wanted: int
    replicas: int
    updated: int
    available: int
    deadline_exceeded: bool = False
    trouble: PodTrouble | None = None
    """Of a pod of the latest template."""

    @property
    def complete(self) -> bool:
        """Whether every wanted pod runs the latest template, is available, and no other is left."""
        return self.current and self.updated == self.replicas == self.available == self.wanted


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that stands in the way and that only a person can change."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An object of ours that the API server refused, and what it said."""

    api_version: str
    kind: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class ChildSeen:
    """An object that carries our labels for this resource, or that stands where one of ours should."""

    api_version: str
    kind: str
    name: str
    ours: bool = True
    """False: somebody else controls it, and we leave it alone."""
    owner: str = ""
    """Who, when it is not ours."""


@dataclass(frozen=True, slots=True)
class Apis:
    """Kinds of other people that this cluster may or may not know."""

    prometheus_rules: bool = False
    service_monitors: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """One look at the cluster."""

    generation: int
    deleting: bool = False
    retry_token: str = ""
    """Value of the retry annotation."""
    dependencies: tuple[Problem, ...] = ()
    """Missing Secrets and keys."""
    observability: tuple[Problem, ...] = ()
    """Rule files and dashboards that cannot be used."""
    refused: tuple[Refused, ...] = ()
    workload: WorkloadSeen | None = None
    jobs: tuple[JobSeen, ...] = ()
    children: tuple[ChildSeen, ...] = field(default=())


def read_report(text: str) -> Report | None:
    """The result in a termination message, or None when a process ended before it could leave one."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("ok"), bool):
        return None
    error = document.get("error")
    pending = [str(name) for name in document.get("pending", ())]
    return Report(
        ok=document["ok"],
        version=document.get("version"),
        target=document.get("target"),
        pending=tuple(pending),
        pending_count=document.get("pendingCount", len(pending)),
        error=ReportedError(
            str(error.get("kind", "Unknown")),
            str(error.get("message", "")),
            str(error.get("remedy", "")),
            error.get("version"),
        )
        if isinstance(error, dict)
        else None,
    )


def job_seen(job: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> JobSeen | None:
    """A Job of ours with what its pods say; None for a Job that is not one of the four tasks."""
    metadata = job["metadata"]
    annotations = metadata.get("annotations", {})
    try:
        task = Task(metadata.get("labels", {}).get(names.TASK_LABEL, ""))
        number = int(annotations[names.ATTEMPT_ANNOTATION])
        key = annotations[names.KEY_ANNOTATION]
    except (ValueError, KeyError):
        return None
    own = [pod for pod in pods if _made_by(pod, metadata["uid"])]
    state, failure, finished_at = JobState.RUNNING, "", None
    for condition in job.get("status", {}).get("conditions", ()):
        if condition.get("status") == "True" and condition["type"] in ("Complete", "Failed"):
            state = JobState.SUCCEEDED if condition["type"] == "Complete" else JobState.FAILED
            failure = "" if state is JobState.SUCCEEDED else condition.get("reason", "")
            finished_at = datetime.fromisoformat(condition["lastTransitionTime"])
    messages = _messages_of(own)
    reports = [report for report in map(read_report, messages) if report is not None]
    return JobSeen(
        name=metadata["name"],
        task=task,
        key=key,
        number=number,
        state=state,
        report=reports[0] if reports else None,
        failure=failure,
        words=messages[0] if messages and not reports else "",
        trouble=pod_trouble(own) if state is JobState.RUNNING else None,
        finished_at=finished_at,
    )


def workload_seen(deployment: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> WorkloadSeen:
    """A Deployment with the troubles of the pods that run its latest revision."""
    status = deployment.get("status", {})
    annotations = deployment["spec"]["template"]["metadata"].get("annotations", {})
    revision = annotations.get(names.REVISION_ANNOTATION, "")
    secrets = annotations.get(names.SECRETS_ANNOTATION, "")
    latest = [
        pod
        for pod in pods
        if pod["metadata"].get("annotations", {}).get(names.REVISION_ANNOTATION) == revision
        and pod["metadata"].get("annotations", {}).get(names.SECRETS_ANNOTATION) == secrets
    ]
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    return WorkloadSeen(
        revision=revision,
        secrets=secrets,
        current=status.get("observedGeneration", 0) >= deployment["metadata"]["generation"],
        wanted=deployment["spec"].get("replicas", 1),
        replicas=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        available=status.get("availableReplicas", 0),
        deadline_exceeded=conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded",
        trouble=pod_trouble(latest) or _no_pods(deployment, conditions),
    )


def _no_pods(deployment: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> PodTrouble | None:
    """Why no pod can be made: a quota, an admission policy, a PriorityClass that does not exist."""
    failure = conditions.get("ReplicaFailure", {})
    if failure.get("status") != "True":
        return None
    name = f"of {deployment['metadata']['name']}"
    return PodTrouble(Trouble.PLACE, name, failure.get("reason", ""), failure.get("message", ""))


def pod_trouble(pods: Iterable[Mapping[str, Any]]) -> PodTrouble | None:
    """The first container among these pods that will not run by waiting."""
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])):
        if "deletionTimestamp" in pod["metadata"]:
            continue
        for condition in pod.get("status", {}).get("conditions", ()):
            if condition.get("reason") == "Unschedulable":
                name = str(pod["metadata"]["name"])
                return PodTrouble(Trouble.PLACE, name, "Unschedulable", condition.get("message", ""))
        for container in pod.get("status", {}).get("containerStatuses", ()):
            waiting = container.get("state", {}).get("waiting") or {}
            reason, message = waiting.get("reason", ""), waiting.get("message", "")
            name = str(pod["metadata"]["name"])
            if reason in _IMAGE_TROUBLE:
                return PodTrouble(Trouble.IMAGE, name, reason, message)
            if reason == "CreateContainerConfigError":
                return PodTrouble(Trouble.CONFIG, name, reason, message)
            # It has ended once more than it was restarted.
            if reason == _CRASH_LOOP and container.get("restartCount", 0) + 1 >= CRASHES_THAT_COUNT:
                return PodTrouble(Trouble.CRASH, name, reason, _last_words(container) or message)
    return None


def _made_by(pod: Mapping[str, Any], uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in pod["metadata"].get("ownerReferences", ()))


def _messages_of(pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Termination messages, of the newest pod first."""
    newest_first = sorted(
        pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True
    )
    return [
        str(message)
        for pod in newest_first
        for container in pod.get("status", {}).get("containerStatuses", ())
        if (message := (container.get("state", {}).get("terminated") or {}).get("message"))
    ]


def _last_words(container: Mapping[str, Any]) -> str:
    ended = container.get("lastState", {}).get("terminated") or {}
    words = str(ended.get("message", "")).strip()
    code = ended.get("exitCode")
    return words or (f"the process ended with code {code}" if code is not None else "")
