"""What plain objects of the API say, as values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from providers.operator_world import spec_with, state_of

from listings_operator import names
from listings_operator.observed import (
    JobState,
    Report,
    Task,
    Trouble,
    job_seen,
    pod_trouble,
    read_report,
    workload_seen,
)

STATE = state_of(spec_with())


def job(*conditions: Any):
    manifest = STATE.job(Task.MIGRATE, "key", 3)
    manifest["metadata"]["uid"] = "job-uid"
    return {**manifest, "status": {"conditions": list(conditions)}}


def ended(kind, reason=""):
    return {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": "2026-01-01T00:00:00Z"}


def pod(name="shop-1", owner="job-uid", created="2026-01-01T00:00:00Z", annotations=None, **container: Any):
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": created,
            "ownerReferences": [{"uid": owner}],
            "annotations": annotations or {},
        },
        "status": {"containerStatuses": [container]} if container else {},
    }


def said(text):
    return {"terminated": {"message": text, "exitCode": 0}}


@pytest.mark.parametrize("text", ["", "Traceback", "[]", "{}", '{"ok": 1}', "null"])
def test_what_is_no_report_is_none(text):
    assert read_report(text) is None


def test_a_plan_and_a_failure_are_read_as_the_service_writes_them():
    plan = {"ok": True, "version": 20, "target": 22, "pending": ["000021_a"], "pendingCount": 2}
    assert read_report(json.dumps(plan)) == Report(True, 20, 22, ("000021_a",), 2)
    assert read_report('{"ok": true, "pending": ["a"]}').pending_count == 1
    error = {"kind": "StatementFailed", "message": "m", "remedy": "r", "version": 21}
    report = read_report(json.dumps({"ok": False, "error": error}))
    assert report is not None
    assert (report.error.kind, report.error.version) == ("StatementFailed", 21)


@pytest.mark.parametrize(
    ("conditions", "state", "failure"),
    [
        ((), JobState.RUNNING, ""),
        (({"type": "FailureTarget", "status": "True"},), JobState.RUNNING, ""),
        (({"type": "Failed", "status": "False"},), JobState.RUNNING, ""),
        ((ended("Complete"),), JobState.SUCCEEDED, ""),
        ((ended("Failed", "DeadlineExceeded"),), JobState.FAILED, "DeadlineExceeded"),
    ],
)
def test_a_job_is_over_only_when_its_pods_are(conditions, state, failure):
    seen = job_seen(job(*conditions), [])
    assert (seen.state, seen.failure) == (state, failure)
    assert (seen.task, seen.key, seen.number) == (Task.MIGRATE, "key", 3)
    assert (seen.finished_at == datetime(2026, 1, 1, tzinfo=UTC)) is (state is not JobState.RUNNING)


def test_the_report_is_that_of_the_newest_pod_of_this_job():
    pods = [
        pod("a", created="2026-01-01T00:00:01Z", state=said('{"ok": false}')),
        pod("b", created="2026-01-01T00:00:02Z", state=said('{"ok": true, "version": 5}')),
        pod("c", created="2026-01-01T00:00:03Z", owner="another", state=said('{"ok": true, "version": 9}')),
    ]
    assert job_seen(job(ended("Complete")), pods).report.version == 5


def test_a_process_that_died_without_a_report_leaves_its_last_words():
    seen = job_seen(job(ended("Failed", "BackoffLimitExceeded")), [pod(state=said("Killed"))])
    assert seen.report is None
    assert seen.words == "Killed"


@pytest.mark.parametrize(
    "broken",
    [
        {"labels": {}, "annotations": {}},
        {"labels": {names.TASK_LABEL: "plan"}, "annotations": {}},
        {"labels": {names.TASK_LABEL: "other"}, "annotations": {names.ATTEMPT_ANNOTATION: "1"}},
        {
            "labels": {names.TASK_LABEL: "plan"},
            "annotations": {names.ATTEMPT_ANNOTATION: "x", names.KEY_ANNOTATION: "k"},
        },
    ],
)
def test_a_job_that_is_not_one_of_ours_is_none(broken):
    assert job_seen({"metadata": {"name": "x", "uid": "u", **broken}}, []) is None


def waiting(reason, restarts=0, **more: Any):
    return {"state": {"waiting": {"reason": reason, "message": "m"}}, "restartCount": restarts, **more}


@pytest.mark.parametrize(
    ("container", "kind"),
    [
        (waiting("ErrImagePull"), Trouble.IMAGE),
        (waiting("InvalidImageName"), Trouble.IMAGE),
        (waiting("CreateContainerConfigError"), Trouble.CONFIG),
        (waiting("CrashLoopBackOff", 2), Trouble.CRASH),  # restarted twice: it has ended three times
        (waiting("CrashLoopBackOff", 1), None),  # may still come up
        (waiting("ContainerCreating"), None),
        ({"state": {"running": {}}}, None),
    ],
)
def test_which_containers_will_not_come_up_by_waiting(container, kind):
    trouble = pod_trouble([pod(**container)])
    assert (trouble and trouble.kind) == kind


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ({"terminated": {"message": "no such table", "exitCode": 1}}, "no such table"),
        ({"terminated": {"exitCode": 137}}, "the process ended with code 137"),
        ({}, "m"),
    ],
)
def test_a_crash_is_told_in_the_process_s_own_words(last, words):
    trouble = pod_trouble([pod(**waiting("CrashLoopBackOff", 5, lastState=last))])
    assert trouble.message == words


def test_a_pod_that_is_going_is_no_trouble():
    going = pod(**waiting("CrashLoopBackOff", 5))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert pod_trouble([going, pod("idle")]) is None


def deployment(generation=2, **status: Any):
    manifest = STATE.deployment
    return {
        **manifest,
        "metadata": {**manifest["metadata"], "generation": generation},
        "spec": {**manifest["spec"], "replicas": 2},
        "status": status,
    }


DONE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("change", "complete"),
    [
        ({}, True),
        ({"observedGeneration": 1}, False),  # the status speaks of the template before
        ({"replicas": 3}, False),  # an old pod is still there
        ({"updatedReplicas": 1}, False),
        ({"availableReplicas": 1}, False),
    ],
)
def test_a_rollout_is_complete_when_nothing_old_is_left(change, complete):
    assert workload_seen(deployment(**{**DONE, **change}), []).complete is complete


def test_troubles_of_old_pods_are_not_those_of_the_new_template():
    marks = {
        names.REVISION_ANNOTATION: STATE.revision,
        names.SECRETS_ANNOTATION: STATE.secrets,
    }
    old = pod("old", annotations={**marks, names.REVISION_ANNOTATION: "before"}, **waiting("ErrImagePull"))
    assert workload_seen(deployment(**DONE), [old]).trouble is None
    new = pod("new", annotations=marks, **waiting("ErrImagePull"))
    seen = workload_seen(deployment(**DONE), [old, new])
    assert (seen.trouble.pod, seen.revision, seen.secrets) == ("new", STATE.revision, STATE.secrets)


def test_a_deadline_is_the_deployment_s_own_word():
    conditions = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    assert workload_seen(deployment(**DONE, conditions=conditions), []).deadline_exceeded
    assert not workload_seen(deployment(), []).deadline_exceeded


def test_a_pod_without_a_node_and_a_deployment_without_pods_are_told():
    placed = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    waiting_pod = {"metadata": {"name": "p"}, "status": {"conditions": [placed]}}
    assert str(pod_trouble([waiting_pod])) == "pod p: Unschedulable: 0/3 nodes"
    started = {"metadata": {"name": "p"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert pod_trouble([started]) is None
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}
    seen = workload_seen(deployment(**DONE, conditions=[failure]), [])
    assert (seen.trouble.kind, str(seen.trouble)) == (Trouble.PLACE, "pod of shop: FailedCreate: quota")
