"""Jobs of the target image: look at the schema, migrate it, load demo data, check what was rolled out.

Each is one attempt: Kubernetes never starts it a second time, we count. Its command leaves a result of at most 4 KiB
in the termination message, which `observed.read_report` reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings_operator import labels, names
from listings_operator.desired.config import TLS_FOLDER
from listings_operator.desired.manifest import Manifest, Owner, metadata
from listings_operator.desired.pod import container, mount_tls, pod_spec
from listings_operator.observed import Task

if TYPE_CHECKING:
    from listings_operator.spec import ListingsSpec

_REPORT: Final = ("--json", "--report", "/dev/termination-log")
# The result is copied to status at once; what stays is for a person who wants to read the log.
_KEPT_SECONDS: Final = 86_400
# Connecting and reading a catalog takes a second; the rest is for fetching the image.
_PLAN_SECONDS: Final = 300
# The demo catalog loads in seconds; the rest is for a slow disk.
_SEED_SECONDS: Final = 600
# A runner waits this long for another one that still holds the lock, for example of a node that was lost.
_LOCK_WAIT_SECONDS: Final = 60


def job(spec: ListingsSpec, owner: Owner, task: Task, *, key: str, number: int, config: str) -> Manifest:
    """The Job of one attempt. Its name follows from its arguments, so making it twice makes one."""
    command, deadline = _work(spec, owner, task)
    main = container(
        spec,
        task.value,
        command,
        config=config,
        resources={"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
    )
    pod = pod_spec(spec, owner, main)
    pod["restartPolicy"] = "Never"
    if task is Task.SMOKE:
        mount_tls(spec, pod, "ca.crt")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(
            owner,
            names.job(owner.name, owner.uid, task.value, key, number),
            labels.JOB,
            extra_labels={names.TASK_LABEL: task.value},
            annotations={names.KEY_ANNOTATION: key, names.ATTEMPT_ANNOTATION: str(number)},
        ),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": deadline,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            # A replacement may start only when the pod before it has ended: two runners never overlap.
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {
                    "labels": {**labels.common(owner.name, labels.JOB), names.TASK_LABEL: task.value}
                },
                "spec": pod,
            },
        },
    }


def _work(spec: ListingsSpec, owner: Owner, task: Task) -> tuple[tuple[str, ...], int]:
    """Command and longest run."""
    migrations = spec.migrations
    if task is Task.PLAN:
        return ("listings", "migrate", "plan", *_REPORT), _PLAN_SECONDS
    if task is Task.MIGRATE:
        waits = (
            "--lock-timeout",
            str(migrations.lock_timeout_seconds),
            "--lock-wait",
            str(_LOCK_WAIT_SECONDS),
        )
        return ("listings", "migrate", "up", *waits, *_REPORT), migrations.deadline_seconds
    if task is Task.SEED:
        return ("listings", "demo", "load", *_REPORT), _SEED_SECONDS
    host = f"{owner.name}.{owner.namespace}.svc"
    addresses = (
        "--grpc-address",
        f"{host}:{spec.grpc.port}",
        "--http-address",
        f"{'https' if spec.tls is not None and spec.tls.http else 'http'}://{host}:{spec.http.port}",
    )
    trust = ("--ca", f"{TLS_FOLDER}/ca.crt") if spec.tls is not None else ()
    return ("listings", "smoke", *addresses, *trust, *_REPORT), spec.rollout.smoke.deadline_seconds
