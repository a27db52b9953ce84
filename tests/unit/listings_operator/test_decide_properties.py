"""Promises that hold in any order of events: `providers.operator_world` refuses an action that breaks one."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from providers.operator_world import Faults, World

from listings_operator.actions import Create, Delete
from listings_operator.observed import Task
from listings_operator.steps.attempts import LONGEST_PAUSE
from listings_operator.vocabulary import ConditionType, Reason
from listings_operator.vocabulary import Phase as Where

VERSIONS = range(1, 6)
SOME_VERSIONS = st.sets(st.sampled_from(VERSIONS), max_size=3)


class Rollouts(RuleBasedStateMachine):
    """People, nodes and the operator itself do what they like; what is promised holds all the time."""

    @initialize(
        migration_fails=SOME_VERSIONS,
        crashes=SOME_VERSIONS,
        smoke_fails=SOME_VERSIONS,
        no_image=SOME_VERSIONS,
        seed=st.sampled_from(["demo", "none"]),
        smoke=st.booleans(),
        rollback=st.booleans(),
        history=st.integers(1, 3),
    )
    def begin(self, migration_fails, crashes, smoke_fails, no_image, seed, smoke, rollback, history):
        self.world = World(
            fields={
                "seed": seed,
                "rollout": {
                    "smoke": {"enabled": smoke},
                    "automaticRollback": rollback,
                    "revisionHistoryLimit": history,
                },
            },
            faults=Faults(migration_fails, crashes, smoke_fails, no_image),
        )

    @rule(stale=st.booleans())
    def look(self, stale):
        self.world.look(stale=stale)

    @rule(writes=st.integers(0, 8))
    def look_and_be_killed(self, writes):
        self.world.look(cut_after=writes)

    @precondition(lambda self: self.world.unfinished())
    @rule(data=st.data())
    def finish_a_job(self, data):
        self.world.run_job(data.draw(st.sampled_from(self.world.unfinished())))

    @precondition(lambda self: self.world.unfinished())
    @rule(data=st.data())
    def lose_a_node(self, data):
        self.world.stop_job(data.draw(st.sampled_from(self.world.unfinished())))

    @precondition(lambda self: self.world.deployment is not None)
    @rule()
    def let_pods_start(self):
        self.world.pods_ready = True

    @rule(version=st.sampled_from(VERSIONS))
    def ask_for_a_version(self, version):
        self.world.version = version
        self.world.generation += 1

    @rule(pool=st.integers(1, 3))
    def change_a_setting(self, pool):
        self.world.fields["database"] = {"secretRef": {"name": "shop-database"}, "poolSize": pool}
        self.world.generation += 1

    @rule(strategy=st.sampled_from(["Auto", "Off"]))
    def change_the_strategy(self, strategy):
        self.world.fields["migrations"] = {"strategy": strategy}
        self.world.generation += 1

    @rule()
    def change_the_secret(self):
        self.world.secret += 1

    @rule(down=st.booleans())
    def switch_the_database(self, down):
        self.world.faults.database_down = down

    @rule(version=st.sampled_from(VERSIONS))
    def mend_a_migration(self, version):
        self.world.faults.migration_fails.discard(version)

    @rule()
    def say_retry(self):
        self.world.retry_token += "x"

    @rule(seconds=st.integers(1, 900))
    def wait(self, seconds):
        self.world.now += timedelta(seconds=seconds)

    @property
    def last(self):
        """The last decision, and its conditions by type."""
        plans = self.world.plans if hasattr(self, "world") else []
        return (plans[-1], {each.type: each for each in plans[-1].conditions}) if plans else (None, {})

    @invariant()
    def every_condition_is_told_once(self):
        decision, conditions = self.last
        if decision:
            assert set(conditions) == set(ConditionType)
            assert len(decision.conditions) == len(conditions)

    @invariant()
    def conditions_do_not_contradict_each_other(self):
        decision, conditions = self.last
        if decision:
            word = {kind: each.status for kind, each in conditions.items()}
            ready = word[ConditionType.READY] == "True"
            assert ready is (decision.reason is Reason.READY)
            if ready:
                assert word[ConditionType.PROGRESSING] == word[ConditionType.STALLED] == "False"
                assert word[ConditionType.SCHEMA_CURRENT] == word[ConditionType.ROLLOUT_HEALTHY] == "True"
            if decision.phase in (Where.ROLLED_BACK, Where.FAILED):
                assert word[ConditionType.ROLLOUT_HEALTHY] == "False"

    @invariant()
    def whoever_is_needed_is_told_what_to_do(self):
        decision, conditions = self.last
        if decision and conditions[ConditionType.STALLED].status == "True":
            assert decision.reason.is_trouble
            assert decision.message

    @invariant()
    def one_job_at_a_time_and_nothing_that_serves_is_deleted(self):
        decision, _ = self.last
        if decision:
            made = [each for each in decision.actions if isinstance(each, Create)]
            assert sum(each.manifest["kind"] == "Job" for each in made) <= 1
            gone = {each.kind for each in decision.actions if isinstance(each, Delete)}
            assert not gone & {"Deployment", "Service", "ServiceAccount", "Secret"}

    @invariant()
    def the_next_look_is_never_far(self):
        decision, _ = self.last
        if decision:
            assert 0 <= decision.requeue_after <= LONGEST_PAUSE.total_seconds()

    @invariant()
    def an_event_says_what_status_says(self):
        decision, _ = self.last
        if decision:
            assert len(decision.events) <= 1, "nothing else is wrong in this world"
            for event in decision.events:
                assert (event.reason, event.message) == (decision.reason, decision.message)
                assert event.kind == ("Warning" if decision.reason.is_trouble else "Normal")

    def teardown(self):
        if not hasattr(self, "world"):
            return
        last = self.world.settle()
        if last.reason == "Ready":
            assert self.world.running_version == self.world.version
            told = self.world.status
            assert self.world.look().events == ()
            assert self.world.status == told, "what is steady is not written again"


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(
    max_examples=150,
    # Shrinking forty steps takes longer than a test may; the trace of a failure reads well enough.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_every_version_is_reached_when_nothing_fails():
    world = World()
    for version in VERSIONS:
        world.version = version
        assert world.settle().reason == "Ready"
        assert world.running_version == world.schema == version
    assert world.migrations_run == [(version - 1, version) for version in VERSIONS]


def test_an_operator_killed_after_every_single_write_still_migrates_once():
    for writes in range(12):
        world = World()
        for _ in range(6):
            world.look(cut_after=writes)
            for name in world.unfinished():
                world.run_job(name)
            world.pods_ready = True
        assert world.settle().reason == "Ready"
        assert world.migrations_run == [(0, 1)]
        assert sum(job.task is Task.MIGRATE for job in world.jobs.values()) == 1


def test_a_repeated_look_asks_for_the_same_job():
    world = World()
    first, second = world.look(cut_after=0), world.look(cut_after=0)
    assert first == second
    assert [type(action) for action in first.actions].count(Create) == 1
