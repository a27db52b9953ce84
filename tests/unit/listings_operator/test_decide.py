"""The table of the rollout, story by story."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from providers.operator_world import OWNER, START, Faults, World, spec_with, state_of

from listings_operator.actions import Apply, Create, Delete
from listings_operator.decide import Desired, plan, refuse
from listings_operator.desired import Concern
from listings_operator.ledger import Ledger
from listings_operator.observed import (
    ChildSeen,
    JobSeen,
    JobState,
    Observed,
    PodTrouble,
    Problem,
    Report,
    Task,
    Trouble,
)
from listings_operator.steps.attempts import LONGEST_PAUSE, pause_after
from listings_operator.vocabulary import Phase, Reason


def condition(decision, kind):
    return next(item for item in decision.conditions if item.type == kind)


def applied(decision):
    return [
        (action.manifest["kind"], action.concern) for action in decision.actions if isinstance(action, Apply)
    ]


def jobs(decision):
    return [
        action.manifest["metadata"]["labels"]["listings.marketplace/task"]
        for action in decision.actions
        if isinstance(action, Create) and action.manifest["kind"] == "Job"
    ]


def ready(version=1, **fields: Any):
    world = World(fields=fields, version=version)
    assert world.settle().reason == "Ready"
    return world


def test_an_install_goes_through_every_phase_in_order():
    world, phases, told = World(fields={"seed": "demo"}), [], []
    for _ in range(20):
        decision = world.look()
        if not phases or phases[-1] is not decision.phase:
            phases.append(decision.phase)
        told += [event.reason for event in decision.events]
        for name in world.unfinished():
            world.run_job(name)
        world.pods_ready = world.deployment is not None
    assert phases == [
        Phase.PLANNING,
        Phase.MIGRATING,
        Phase.SEEDING,
        Phase.ROLLING_OUT,
        Phase.VERIFYING,
        Phase.READY,
    ]
    assert told == [
        "PlanRunning",
        "MigrationPlanned",
        "MigrationRunning",
        "SeedRunning",
        "RolloutRunning",
        "SmokeRunning",
        "Ready",
    ], "one event for each transition"


def test_pending_files_stand_in_status_before_the_migration_starts():
    world = World()
    world.look()
    world.run_job(world.unfinished()[0])
    decision = world.look()
    assert decision.reason == "MigrationPlanned"
    assert not jobs(decision)
    assert decision.requeue_after == 0
    assert world.status["schema"]["pending"] == ["000001_step"]
    assert jobs(world.look()) == ["migrate"]


def test_a_failed_statement_leaves_the_old_version_and_names_the_file():
    world = ready()
    world.version, world.faults.migration_fails = 2, {2}
    decision = world.settle()
    assert (decision.phase, decision.reason) == (Phase.BLOCKED, "MigrationFailed")
    assert "000002_step.up.sql: relation is missing" in decision.message
    assert "Mend the cause" in decision.message
    assert world.running_version == 1
    assert world.status["attempt"]["failures"] == 1, "what will not pass is not repeated"
    assert condition(decision, "Available").status == "True"
    assert condition(decision, "Ready").status == "False"

    world.faults.migration_fails = set()
    assert world.settle().reason == "MigrationFailed", "nobody said retry"
    world.retry_token = "again"
    assert world.settle().reason == "Ready"
    assert world.running_version == 2


def test_a_database_that_is_away_is_tried_again_with_growing_pauses():
    world = World(faults=Faults(database_down=True))
    assert world.settle().reason == "DatabaseUnreachable"
    world.faults.database_down = False
    world.now += LONGEST_PAUSE
    assert world.settle().reason == "Ready"


def test_a_database_that_starts_together_with_the_resource_is_asked_again_soon():
    world = World(faults=Faults(database_down=True))
    world.look()
    for name in world.unfinished():
        world.run_job(name)
    assert world.look().requeue_after <= 2


def test_a_migration_that_lost_its_node_is_repeated_and_runs_once():
    world = World()
    while not any(job.task is Task.MIGRATE for job in world.jobs.values()):
        world.look()
        for name in world.unfinished():
            if world.jobs[name].task is Task.PLAN:
                world.run_job(name)
    [name] = world.unfinished()
    world.stop_job(name)
    decision = world.look()
    assert decision.phase is Phase.MIGRATING
    assert decision.requeue_after == pause_after(1).total_seconds()
    assert world.settle().reason == "Ready"
    assert world.migrations_run == [(0, 1)]


def test_pauses_double_up_to_five_minutes():
    assert [pause_after(failures).total_seconds() for failures in (1, 2, 3, 5, 6, 99)] == [
        10,
        20,
        40,
        160,
        300,
        300,
    ]


def test_a_crash_loop_is_rolled_back_and_not_tried_again():
    world = ready()
    world.version, world.faults.crashes = 2, {2}
    decision = world.settle()
    assert (decision.phase, decision.reason) == (Phase.ROLLED_BACK, "CrashLoop")
    assert world.running_version == 1
    assert "exit 1" in decision.message
    assert condition(decision, "RolloutHealthy").status == "False"
    assert world.schema == 2, "a schema is never taken back"

    world.faults.crashes = set()
    assert world.settle().phase is Phase.ROLLED_BACK
    world.retry_token = "again"
    assert world.settle().reason == "Ready"
    assert world.running_version == 2


def test_a_failed_smoke_test_is_repeated_once_and_then_rolled_back():
    world = ready()
    world.version, world.faults.smoke_fails = 2, {2}
    decision = world.settle()
    assert (decision.phase, decision.reason) == (Phase.ROLLED_BACK, "SmokeFailed")
    assert world.running_version == 1


def test_no_way_back_over_two_migrations():
    world = ready()
    world.version, world.faults.crashes = 2, {2}
    world.settle()
    world.version, world.faults.crashes = 3, {2, 3}
    decision = world.settle()
    assert decision.phase is Phase.FAILED
    assert "the live schema does not serve version 1.0.0" in decision.message
    assert world.running_version == 3


@pytest.mark.parametrize(
    ("version", "fields", "why"),
    [
        (1, {}, "no revision was good before"),
        (2, {"rollout": {"automaticRollback": False}}, "automaticRollback is false"),
    ],
)
def test_where_there_is_no_way_back_it_says_why(version, fields, why):
    world = World() if version == 1 else ready(**fields)
    world.version, world.faults.crashes = version, {version}
    decision = world.settle()
    assert decision.phase is Phase.FAILED
    assert why in decision.message


def test_no_way_back_without_the_snapshot():
    world = ready()
    world.snapshots.clear()
    world.version, world.faults.crashes = 2, {2}
    assert "is gone or unreadable" in world.settle().message


def test_going_back_by_hand_works_while_the_schema_serves_it():
    world = ready()
    world.version = 2
    world.settle()
    world.version = 1
    assert world.settle().reason == "Ready"
    assert (world.running_version, world.schema) == (1, 2)


def test_an_image_older_than_the_schema_is_refused_when_it_is_not_served():
    world = ready(version=3)
    world.version = 1
    decision = world.settle()
    assert decision.reason == "SchemaUnknownToImage"
    assert world.running_version == 3


def test_with_strategy_off_people_migrate():
    world = World(fields={"migrations": {"strategy": "Off"}})
    decision = world.settle()
    assert (decision.phase, decision.reason) == (Phase.BLOCKED, "MigrationsPending")
    assert not world.migrations_run
    world.schema = world.reached = world.served_from = 1
    world.now += LONGEST_PAUSE
    assert world.settle().reason == "Ready"


def test_a_new_spec_waits_for_the_migration_of_the_one_before():
    world = World()
    while not any(job.task is Task.MIGRATE for job in world.jobs.values()):
        world.look()
        for name in world.unfinished():
            if world.jobs[name].task is Task.PLAN:
                world.run_job(name)
    world.version = 2
    decision = world.look()
    assert decision.reason == "EarlierMigrationRunning"
    assert not jobs(decision)
    assert world.settle().reason == "Ready"


def test_an_image_that_cannot_be_fetched_is_told_while_the_old_version_serves():
    world = ready()
    world.version = 2
    world.look()
    [name] = world.unfinished()
    trouble = PodTrouble(Trouble.IMAGE, "shop-plan-x", "ImagePullBackOff", "not found")
    world.jobs[name] = replace(world.jobs[name], trouble=trouble)
    decision = world.look()
    assert decision.reason == "ImagePullFailed"
    assert condition(decision, "Stalled").status == "True"
    assert world.running_version == 1
    world.faults.no_image = {2}
    world.run_job(name)
    assert world.look().reason == "ImagePullFailed", "also after the Job has reached its deadline"


def test_new_content_of_a_secret_moves_no_pod_before_a_login():
    world = ready()
    carried = world.workload().secrets
    world.secret = 2
    world.faults.database_down = True
    world.settle()
    assert world.workload().secrets == carried
    world.faults.database_down = False
    world.now += LONGEST_PAUSE
    assert world.settle().reason == "Ready"
    assert world.workload().secrets != carried


def test_drift_is_corrected_while_a_version_is_blocked():
    world = ready()
    world.version, world.faults.migration_fails = 2, {2}
    decision = world.settle()
    assert ("Deployment", Concern.WORKLOAD) in applied(decision)
    assert ("Deployment", Concern.SCALE) in applied(decision)


def steady(**seen: Any):
    world = ready()
    decision = world.look()
    assert decision.reason == "Ready"
    observed = replace(world.observed(), **seen)
    return world, plan(world.desired(world.status), observed, decision.ledger, world.now)


def test_what_is_no_longer_wanted_is_removed_and_nothing_else():
    world = ready()
    kept = [ChildSeen("v1", "ConfigMap", world.desired(world.status).target.config)]
    gone = [
        ChildSeen("autoscaling/v2", "HorizontalPodAutoscaler", "shop"),
        ChildSeen("v1", "ConfigMap", "shop-dashboard-old"),
        ChildSeen("v1", "ConfigMap", "shop-config-0000000000"),
        ChildSeen("apps/v1", "ControllerRevision", "shop-0000000000"),
    ]
    spared = [
        ChildSeen("v1", "Service", "shop-other"),
        ChildSeen("v1", "Secret", "shop"),
        ChildSeen("networking.k8s.io/v1", "NetworkPolicy", "shop", ours=False, owner="team"),
    ]
    _, decision = steady(children=(*kept, *gone, *spared))
    deleted = {(action.kind, action.name) for action in decision.actions if isinstance(action, Delete)}
    assert deleted == {(child.kind, child.name) for child in gone}


def test_old_finished_jobs_go_and_unfinished_ones_never():
    seen = [
        JobSeen(f"shop-plan-{number}", Task.PLAN, "k", number, JobState.FAILED) for number in range(100, 108)
    ]
    running = JobSeen("shop-plan-99", Task.PLAN, "k", 99, JobState.RUNNING)
    _, decision = steady(jobs=(running, *seen))
    deleted = [action.name for action in decision.actions if isinstance(action, Delete)]
    assert deleted == ["shop-plan-102", "shop-plan-101", "shop-plan-100"]


def test_a_name_that_somebody_else_holds_stops_what_needs_it():
    foreign = ChildSeen("v1", "Service", "shop", ours=False, owner="Helm release shop")
    _, decision = steady(children=(foreign,))
    assert (decision.phase, decision.reason) == (Phase.WAITING, "ChildOwnedByAnother")
    assert "Helm release shop" in decision.message
    assert condition(decision, "DependenciesReady").status == "False"
    assert len([kind for kind, _ in applied(decision) if kind == "Service"]) == 1, "only the headless one"


def test_a_foreign_object_beside_the_pods_stops_nothing():
    foreign = ChildSeen("policy/v1", "PodDisruptionBudget", "shop", ours=False)
    _, decision = steady(children=(foreign,))
    assert decision.reason == "Ready"
    assert condition(decision, "ObservabilityReady").reason == "ChildOwnedByAnother"
    assert "PodDisruptionBudget" not in [kind for kind, _ in applied(decision)]


def test_a_missing_secret_and_a_broken_rule_file_are_conditions():
    _, decision = steady(dependencies=(Problem(Reason.SECRET_MISSING, "Secret shop-database is not there."),))
    assert decision.reason == "SecretMissing"
    assert condition(decision, "Stalled").status == "True"
    assert decision.requeue_after < 60
    _, decision = steady(observability=(Problem(Reason.RULE_FILE_INVALID, "alerts/x.yaml: no groups"),))
    assert decision.reason == "Ready"
    assert condition(decision, "ObservabilityReady").message == "alerts/x.yaml: no groups"


def test_without_an_available_pod_it_is_not_ready():
    world = ready()
    trouble = PodTrouble(Trouble.CRASH, "shop-1", "CrashLoopBackOff", "exit 1")
    _, decision = steady(workload=replace(world.workload(), available=0, trouble=trouble))
    assert decision.reason == "NoPodAvailable"
    assert "shop-1" in decision.message
    assert condition(decision, "Available").status == "False"
    _, decision = steady(workload=None)
    assert decision.reason == "NoPodAvailable"
    assert condition(decision, "Available").message == "There are no pods yet."


def test_a_rollout_without_progress_fails_with_what_its_pod_says():
    world = ready()
    world.version = 2
    while world.running_version != 2:
        for name in world.unfinished():
            world.run_job(name)
        world.look()
    slow = replace(
        world.workload(),
        deadline_exceeded=True,
        trouble=PodTrouble(Trouble.CONFIG, "shop-2", "CreateContainerConfigError", "no key"),
    )
    ledger = world.plans[-1].ledger
    decision = plan(world.desired(world.status), replace(world.observed(), workload=slow), ledger, world.now)
    assert decision.phase is Phase.ROLLING_BACK
    assert "CreateContainerConfigError: no key" in decision.message
    assert decision.ledger.failed.reason == "ProgressDeadlineExceeded"


@pytest.mark.parametrize(
    ("fields", "deleting", "phase"),
    [({"suspend": True}, False, Phase.SUSPENDED), ({}, True, Phase.DELETING)],
)
def test_what_is_suspended_or_going_is_left_alone(fields, deleting, phase):
    state = state_of(spec_with(**fields))
    decision = plan(Desired(state), Observed(1, deleting=deleting), Ledger(), START)
    assert decision.phase is phase
    assert decision.actions == ()


def test_a_spec_that_cannot_be_read_touches_nothing():
    decision = refuse(Observed(3), Ledger(), Problem(Reason.SPEC_INVALID, "spec.version: missing"))
    assert decision.actions == ()
    assert decision.reason == "SpecInvalid"
    assert condition(decision, "Stalled").status == "True"


def test_every_condition_is_always_told():
    world = World()
    told = [frozenset(item.type for item in world.look().conditions) for _ in range(3)]
    assert len(set(told)) == 1
    assert len(told[0]) == 8


def test_an_unchanged_world_gives_an_unchanged_status():
    world = ready()
    world.look()
    before = world.status
    world.now += timedelta(hours=1)
    world.look()
    assert world.status == before
    assert world.status["managedObjectsCount"] == len(world.status["managedObjects"])
    assert {"kind": "Deployment", "name": OWNER.name} in world.status["managedObjects"]


def test_on_the_way_back_it_says_so_until_the_old_pods_are_there():
    world = ready()
    world.version, world.faults.crashes = 2, {2}
    while not (world.plans[-1].ledger.failed and world.running_version == 1):
        for name in world.unfinished():
            world.run_job(name)
        world.pods_ready = True
        world.look()
    assert not world.pods_ready
    decision = world.look()
    assert (decision.phase, decision.reason) == (Phase.ROLLING_BACK, "RollingBack")
    assert condition(decision, "Progressing").status == "True"
    assert condition(decision, "Stalled").status == "True"


def test_another_spec_ends_a_rollback():
    world = ready()
    world.version, world.faults.crashes = 2, {2}
    world.settle()
    world.fields["timeouts"] = {"preset": "tight"}
    world.faults.crashes = set()
    assert world.settle().reason == "Ready"
    assert world.running_version == 2
    assert world.plans[-1].ledger.failed is None


def test_new_secrets_that_break_pods_have_no_revision_to_go_back_to():
    world = ready()
    world.secret, world.faults.crashes = 2, {1}
    decision = world.settle()
    assert decision.phase is Phase.FAILED
    assert "look at what its Secrets say" in decision.message


def test_pods_that_come_up_slowly_are_counted():
    world = World()
    while world.deployment is None:
        for name in world.unfinished():
            world.run_job(name)
        world.look()
    decision = world.look()
    assert decision.reason == "RolloutRunning"
    assert "1 of 2 pods are new, 2 available" in decision.message


def finished(task, report, state=JobState.SUCCEEDED):
    """The world at the moment when a Job of a task has ended with a report of our choice."""
    world = World(fields={"seed": "demo"})
    while not any(job.task is task for job in world.jobs.values()):
        for name in world.unfinished():
            world.run_job(name)
        world.look()
    [name] = world.unfinished()
    world.jobs[name] = replace(world.jobs[name], state=state, report=report, words="" if report else "Killed")
    return world.look()


def test_a_migration_that_ended_elsewhere_opens_nothing():
    decision = finished(Task.MIGRATE, Report(ok=True, version=7, target=1))
    assert decision.reason == "MigrationIncomplete"
    assert not decision.ledger.schema.done


def test_a_plan_that_does_not_say_where_to_go_opens_nothing():
    decision = finished(Task.PLAN, Report(ok=True, version=7))
    assert decision.reason == "PlanFailed"
    assert decision.ledger.schema is None


def test_demo_data_that_does_not_load_says_how_to_go_without():
    decision = finished(Task.SEED, None, JobState.FAILED)
    assert decision.reason == "SeedFailed"
    assert "Killed" in decision.message
    assert "spec.seed: none" in decision.message


def test_without_an_autoscaler_s_word_the_number_of_pods_is_left_to_it():
    world = ready(autoscaling={})
    assert ("Deployment", Concern.SCALE) not in applied(world.look())


def test_what_was_managed_stays_told_while_suspended():
    world = ready()
    managed = world.status["managedObjects"]
    world.fields["suspend"] = True
    assert world.look().phase is Phase.SUSPENDED
    assert world.status["managedObjects"] == managed


def test_a_job_without_a_node_is_told_and_waited_for():
    world = ready()
    world.version = 2
    world.look()
    [name] = world.unfinished()
    trouble = PodTrouble(Trouble.PLACE, "shop-plan-x", "Unschedulable", "0/3 nodes are available")
    world.jobs[name] = replace(world.jobs[name], trouble=trouble)
    decision = world.look()
    assert (decision.phase, decision.reason) == (Phase.PLANNING, Reason.POD_NOT_PLACED)
    assert condition(decision, "Stalled").status == "False", "a node may be on its way"
    world.jobs[name] = replace(world.jobs[name], trouble=None)
    assert world.look().reason is Reason.PLAN_RUNNING


def test_a_rollout_that_waits_says_what_its_pod_waits_for():
    world = ready()
    world.version = 2
    while world.running_version != 2:
        for name in world.unfinished():
            world.run_job(name)
        world.look()
    trouble = PodTrouble(Trouble.PLACE, "shop-2", "Unschedulable", "0/3 nodes are available")
    observed = replace(world.observed(), workload=replace(world.workload(), trouble=trouble))
    decision = plan(world.desired(world.status), observed, world.plans[-1].ledger, world.now)
    assert decision.reason is Reason.ROLLOUT_RUNNING
    assert "Seen: pod shop-2: Unschedulable" in decision.message
