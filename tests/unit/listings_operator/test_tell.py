"""What is said: every problem once, every transition once, and everything that waits for a person as a Warning."""

from __future__ import annotations

from dataclasses import replace

import pytest
from providers.operator_world import World, state_of

from listings_operator.actions import Apply
from listings_operator.assets import Assets, RuleFile
from listings_operator.decide import Desired, plan
from listings_operator.observed import Apis, Problem, Refused
from listings_operator.vocabulary import ConditionType, Phase, Reason

BROKEN = Problem(Reason.RULE_FILE_INVALID, "alerts/a.yaml: no groups")
OTHER = Problem(Reason.RULE_FILE_INVALID, "alerts/b.yaml: no groups")
RULES = Assets(rules=(RuleFile("service", ({"name": "g", "rules": []},)),))


class Steady:
    """A resource that was Ready, looked at again and again with something wrong."""

    def __init__(self, assets: Assets | None = None) -> None:
        self.world = World()
        assert self.world.settle().reason is Reason.READY
        self.ledger = self.world.look().ledger
        self.assets = assets or Assets()

    def look(self, **seen):
        target = state_of(self.world.spec(), assets=self.assets, apis=Apis(prometheus_rules=True))
        observed = replace(self.world.observed(), **seen)
        decision = plan(Desired(target, target), observed, self.ledger, self.world.now)
        self.ledger = decision.ledger
        return decision


def told(decision):
    return [(event.kind, event.reason, event.message) for event in decision.events]


def condition(decision, kind):
    return next(item for item in decision.conditions if item.type == kind)


def test_a_broken_file_is_told_once_and_so_is_its_mending():
    resource = Steady()
    assert told(resource.look(observability=(BROKEN,))) == [("Warning", BROKEN.reason, BROKEN.message)]
    assert told(resource.look(observability=(BROKEN,))) == []
    assert told(resource.look(observability=(BROKEN, OTHER))) == [("Warning", OTHER.reason, OTHER.message)]
    assert [event[:2] for event in told(resource.look())] == [("Normal", Reason.PROVISIONED)]
    assert told(resource.look()) == []


def test_of_two_missing_secrets_each_is_told():
    first = Problem(Reason.SECRET_MISSING, "Secret a does not exist")
    second = Problem(Reason.SECRET_MISSING, "Secret b does not exist")
    resource = Steady()
    assert [event[2] for event in told(resource.look(dependencies=(first, second)))] == [
        first.message,
        second.message,
    ]
    assert told(resource.look(dependencies=(second,))) == []
    assert [event[:2] for event in told(resource.look())] == [("Normal", Reason.READY)]


def test_a_refused_object_of_the_workload_is_told_and_tried_again():
    resource = Steady()
    decision = resource.look(refused=(Refused("apps/v1", "Deployment", "shop", "exceeded quota"),))
    assert told(decision) == [("Warning", Reason.OBJECT_REFUSED, "Deployment shop: exceeded quota")]
    assert condition(decision, ConditionType.STALLED).status == "True"
    assert condition(decision, ConditionType.READY).reason is Reason.OBJECT_REFUSED
    assert "exceeded quota" in decision.message
    assert "Deployment" in [
        action.manifest["kind"] for action in decision.actions if isinstance(action, Apply)
    ]
    assert condition(decision, ConditionType.OBSERVABILITY_READY).status == "True"
    assert [event[:2] for event in told(resource.look())] == [("Normal", Reason.READY)]


def test_a_refused_rule_holds_up_nothing():
    resource = Steady(RULES)
    refused = Refused("monitoring.coreos.com/v1", "PrometheusRule", "shop-rules-service", "no such field")
    decision = resource.look(refused=(refused,))
    assert decision.reason is Reason.READY
    assert condition(decision, ConditionType.OBSERVABILITY_READY).reason is Reason.OBJECT_REFUSED
    assert told(decision) == [
        ("Warning", Reason.OBJECT_REFUSED, "PrometheusRule shop-rules-service: no such field")
    ]


def test_what_is_suspended_stays_suspended_whatever_was_refused():
    resource = Steady()
    resource.world.fields["suspend"] = True
    decision = resource.look(refused=(Refused("apps/v1", "Deployment", "shop", "exceeded quota"),))
    assert (decision.phase, decision.reason) == (Phase.SUSPENDED, Reason.SUSPENDED)


def test_hundreds_of_broken_files_make_no_storm():
    many = tuple(Problem(Reason.RULE_FILE_INVALID, f"alerts/{number}.yaml") for number in range(300))
    resource = Steady()
    assert len(told(resource.look(observability=many))) == 30
    assert told(resource.look(observability=many)) == []


def test_trouble_is_a_warning_also_while_it_is_tried_again():
    world = World()
    world.faults.database_down = True
    world.look()
    [name] = world.unfinished()
    world.run_job(name)
    decision = world.look()
    assert condition(decision, ConditionType.STALLED).status == "False", "it may pass"
    assert [(event.kind, event.reason) for event in decision.events] == [
        ("Warning", Reason.DATABASE_UNREACHABLE)
    ]


@pytest.mark.parametrize("word", Reason)
def test_every_reason_has_a_meaning_in_sentences(word):
    for text in (word.meaning, word.remedy):
        assert text == "" or text[0] in "`ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        assert text == "" or text.endswith((".", "`"))
    assert word.meaning
