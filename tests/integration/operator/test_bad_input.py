"""Whatever is wrong has a reason, one event and a remedy, and the version that runs goes on serving.

Each fault meets an installed resource. What is documented of reasons: docs/reference/custom-resource.md.
"""

from __future__ import annotations

import pytest

from listings_operator import assets
from listings_operator.cluster import ApiError
from listings_operator.vocabulary import Reason

pytestmark = pytest.mark.xdist_group("api_server")

PENDING = {"ok": True, "version": 22, "target": 23, "pending": ["000023_c"], "pendingCount": 1}
NO_SERVER = "cannot connect to the database: Connection refused"
FAILURES = {
    # Reported by a Job of the new version: kind, message -> reason, whether a person is needed at once.
    "unreachable database": ("plan", "Unreachable", NO_SERVER, Reason.DATABASE_UNREACHABLE, False),
    "wrong password": (
        "plan",
        "LoginRefused",
        'password authentication failed for user "shop"',
        Reason.DATABASE_LOGIN_REFUSED,
        False,
    ),
    "schema newer than the image": (
        "plan",
        "UnknownState",
        "version 23 is not among the files",
        Reason.SCHEMA_UNKNOWN_TO_IMAGE,
        False,
    ),
    "half applied schema": ("plan", "DirtyState", "version 22 is dirty", Reason.SCHEMA_DIRTY, False),
    "edited files": ("plan", "BadFiles", "000021_a was edited", Reason.MIGRATION_FILES_INVALID, False),
    "failing SQL": (
        "migrate",
        "StatementFailed",
        "000023_c.up.sql: no such column",
        Reason.MIGRATION_FAILED,
        True,
    ),
    "locked table": ("migrate", "LockHeld", "listings stayed locked", Reason.DATABASE_LOCKED, False),
}


def template(shop):
    return shop.get("deployment")["spec"]["template"]


def told(shop, reason):
    """Notes of the events with this reason."""
    found = shop.kubectl.get("events.events.k8s.io")
    return [(event["type"], event["note"]) for event in found if event["reason"] == reason]


@pytest.mark.parametrize("fault", FAILURES)
async def test_what_a_job_reports_is_told_and_moves_no_pod(shop, stepping, fault):
    task, kind, message, reason, at_once = FAILURES[fault]
    await stepping.install()
    before = template(shop)
    shop.apply(version="2.0.0")
    plan = await stepping.until_jobs("plan", 2)
    report = {"ok": False, "error": {"kind": kind, "message": message, "remedy": "Do this."}}
    if task == "migrate":
        shop.finish(plan, PENDING)
        shop.finish(await stepping.until_jobs("migrate", 2), report, failed=True)
    else:
        shop.finish(plan, report, failed=True)
    await stepping.settle()
    await stepping.look()

    assert shop.status["reason"] == reason
    assert message in shop.status["message"]
    assert "Do this." in shop.status["message"]
    assert shop.condition("Ready")["status"] == "False"
    assert shop.condition("SchemaCurrent")["reason"] == reason
    assert shop.condition("Available")["status"] == "True"
    if at_once:
        assert shop.condition("Stalled")["status"] == "True"
    [(kind, note)] = told(shop, reason)
    assert kind == "Warning"
    assert message in note
    assert template(shop) == before, "the running version keeps serving"


async def test_wrong_credentials_in_the_same_secret_reach_no_running_pod(shop, stepping):
    await stepping.install()
    before = template(shop)
    shop.secret("postgresql://listings:wrong@database/listings")
    report = {"ok": False, "error": {"kind": "LoginRefused", "message": "refused", "remedy": "Correct it."}}
    shop.finish(await stepping.until_jobs("plan", 2), report, failed=True)
    await stepping.settle()
    assert shop.status["reason"] == Reason.DATABASE_LOGIN_REFUSED
    assert template(shop) == before
    # The old ones again: nothing is to be proven, because a login with them was.
    shop.secret()
    await stepping.settle()
    assert shop.status["reason"] in (Reason.READY, Reason.PLAN_RUNNING)


async def test_a_secret_that_goes_away_is_named_and_pods_stay(shop, stepping):
    await stepping.install()
    before = template(shop)
    shop.kubectl.delete("secret", "database")
    await stepping.look()
    await stepping.look()
    assert shop.status["reason"] == Reason.SECRET_MISSING
    assert shop.condition("DependenciesReady")["reason"] == Reason.SECRET_MISSING
    [(kind, note)] = told(shop, Reason.SECRET_MISSING)
    assert kind == "Warning"
    assert "create it in namespace" in note
    assert template(shop) == before
    shop.secret()
    await stepping.settle()
    assert shop.status["reason"] == Reason.READY


async def test_a_certificate_that_is_missing_is_named_and_pods_stay(shop, stepping):
    await stepping.install()
    before = template(shop)
    shop.apply(tls={"secretRef": {"name": "certificate"}})
    await stepping.look()
    await stepping.look()
    assert shop.status["reason"] == Reason.SECRET_MISSING
    assert "Secret certificate does not exist" in shop.status["message"]
    assert "keys tls.crt, tls.key, ca.crt for spec.tls.secretRef" in shop.status["message"]
    assert template(shop) == before

    pair = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "certificate"}}
    shop.kubectl.create({**pair, "stringData": {"tls.crt": "c", "tls.key": "k"}})
    await stepping.look()
    assert shop.status["reason"] == Reason.SECRET_KEY_MISSING
    assert "lacks key ca.crt" in shop.status["message"]
    assert template(shop) == before


async def test_an_image_that_does_not_exist_moves_no_pod(shop, stepping):
    await stepping.install()
    before = template(shop)
    shop.apply(version="2.0.0")
    shop.cannot_start(await stepping.until_jobs("plan", 2), "ImagePullBackOff", "listings:2.0.0: not found")
    await stepping.look()
    await stepping.look()
    assert shop.status["reason"] == Reason.IMAGE_PULL_FAILED
    assert "listings:2.0.0: not found" in shop.status["message"]
    assert "spec.image" in shop.status["message"]
    assert shop.condition("Stalled")["status"] == "True"
    assert len(told(shop, Reason.IMAGE_PULL_FAILED)) == 1
    assert template(shop) == before


async def test_a_name_that_somebody_takes_is_left_to_them(shop, stepping):
    await stepping.install()
    before = template(shop)
    shop.kubectl("delete", "service", "shop-headless", "--wait=false")
    foreign = {"ports": [{"port": 1}], "selector": {"app": "other"}}
    shop.kubectl.create(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop-headless"}, "spec": foreign}
    )
    await stepping.look()
    await stepping.look()
    assert shop.condition("DependenciesReady")["reason"] == Reason.CHILD_OWNED_BY_ANOTHER
    assert "Service shop-headless" in shop.status["message"]
    assert len(told(shop, Reason.CHILD_OWNED_BY_ANOTHER)) == 1
    assert shop.get("service", "shop-headless")["spec"]["selector"] == {"app": "other"}
    assert template(shop) == before
    shop.kubectl("delete", "service", "shop-headless", "--wait=false")
    await stepping.settle()
    assert shop.status["reason"] == Reason.READY


async def test_a_refused_job_is_a_condition_and_goes_on_when_it_is_taken(shop, stepping):
    await stepping.install()
    before = template(shop)
    shop.allow_jobs(0)
    shop.apply(version="2.0.0")
    with pytest.raises(ApiError, match="exceeded quota"):
        await stepping.settle()
    for _ in range(2):
        with pytest.raises(ApiError, match="exceeded quota"):
            await stepping.look()
    assert shop.status["reason"] == Reason.OBJECT_REFUSED
    assert "exceeded quota" in shop.condition("Stalled")["message"]
    assert len(told(shop, Reason.OBJECT_REFUSED)) == 1
    assert template(shop) == before
    shop.allow_jobs(99)
    await stepping.until_jobs("plan", 2)
    assert shop.status["reason"] == Reason.PLAN_RUNNING


async def test_broken_files_of_rules_and_dashboards_break_nothing_else(shop, operator_with, tmp_path):
    alerts, dashboards = tmp_path / "alerts", tmp_path / "dashboards"
    alerts.mkdir()
    dashboards.mkdir()
    (alerts / "good.yaml").write_text('groups: [{name: g, rules: [{alert: Down, expr: "up == 0"}]}]')
    (alerts / "bad.yaml").write_text('groups: [{name: g, rules: [{alert: Down, expr: "sum(rate("}]}]')
    (alerts / "twice.yaml").write_text("groups: []\ngroups: []\n")
    (dashboards / "good.json").write_text('{"title": "Good"}')
    (dashboards / "bad.json").write_text("{")
    async with operator_with(assets.load(alerts, dashboards)) as stepping:
        await stepping.install()
        condition = shop.condition("ObservabilityReady")
        assert (condition["status"], condition["reason"]) == ("False", Reason.RULE_FILE_INVALID)
        for file in ("alerts/bad.yaml", "alerts/twice.yaml", "dashboards/bad.json"):
            assert file in condition["message"]
        await stepping.look()
    assert len(told(shop, Reason.RULE_FILE_INVALID)) == 2
    assert len(told(shop, Reason.DASHBOARD_INVALID)) == 1
    assert shop.get("prometheusrule", "shop-rules-good") is not None
    assert shop.get("configmap", "shop-dashboard-good") is not None
    assert shop.get("prometheusrule", "shop-rules-bad") is None


async def test_a_refused_rule_is_remembered_by_the_next_operator_and_forgotten_when_not_wanted(
    shop, operator_with
):
    refused = assets.Assets(
        rules=(assets.RuleFile("service", ({"name": "refused", "rules": []},)),),
    )
    async with operator_with(refused) as first:
        await first.install()
        assert shop.condition("ObservabilityReady")["reason"] == Reason.OBJECT_REFUSED
    before = shop.condition("ObservabilityReady")
    async with operator_with(refused) as second:
        await second.look()
        assert shop.condition("ObservabilityReady") == before
        assert len(told(shop, Reason.OBJECT_REFUSED)) == 1
        shop.apply(observability={"rules": {"mode": "Off"}})
        await second.settle()
    assert shop.condition("ObservabilityReady")["status"] == "True"
    assert [kind for kind, _ in told(shop, Reason.PROVISIONED)] == ["Normal"]
