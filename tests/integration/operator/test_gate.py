"""Pods start only on a schema that is known to be right; whatever goes wrong before that moves none."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("api_server")

PENDING = {"ok": True, "version": 22, "target": 23, "pending": ["000023_c"], "pendingCount": 1}
BROKEN = {
    "ok": False,
    "error": {
        "kind": "StatementFailed",
        "message": "000023_c.up.sql: no such column",
        "remedy": "Mend the file.",
        "version": 23,
    },
}


async def test_a_failed_migration_leaves_the_old_version_serving_and_says_why(shop, stepping):
    await stepping.install()
    before = shop.get("deployment")["spec"]["template"]
    shop.apply(version="2.0.0")
    shop.finish(await stepping.until_jobs("plan", 2), PENDING)
    shop.finish(await stepping.until_jobs("migrate", 2), BROKEN, failed=True)
    await stepping.settle()
    assert shop.get("deployment")["spec"]["template"] == before
    stalled = shop.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "MigrationFailed")
    assert "000023_c.up.sql: no such column" in stalled["message"]
    await stepping.settle()
    assert len(shop.jobs("migrate")) == 2, "a permanent failure is not repeated"


async def test_a_missing_secret_is_named_and_waited_for(shop, stepping):
    shop.kubectl.delete("secret", "database")
    await stepping.look()
    assert shop.condition("DependenciesReady")["reason"] == "SecretMissing"
    assert not shop.jobs()
    shop.secret()
    await stepping.until_jobs("plan")


async def test_new_content_of_a_secret_rolls_the_pods_after_a_login(shop, stepping):
    await stepping.install()
    before = shop.get("deployment")["spec"]["template"]["metadata"]["annotations"]
    shop.secret("postgresql://listings:other@database/listings")
    plan = await stepping.until_jobs("plan", 2)
    assert shop.get("deployment")["spec"]["template"]["metadata"]["annotations"] == before
    shop.finish(plan, {"ok": True, "version": 22, "target": 22, "pending": [], "pendingCount": 0})
    await stepping.settle()
    assert shop.get("deployment")["spec"]["template"]["metadata"]["annotations"] != before


async def test_a_missed_deadline_brings_the_last_good_version_back(shop, stepping):
    await stepping.install()
    before = shop.get("deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    shop.apply(version="2.0.0")
    shop.finish(
        await stepping.until_jobs("plan", 2),
        {"ok": True, "version": 22, "target": 22, "pending": [], "pendingCount": 0},
    )
    await stepping.settle()
    assert shop.get("deployment")["spec"]["template"]["spec"]["containers"][0]["image"] == "listings:2.0.0"
    shop.miss_the_deadline()
    await stepping.settle()
    assert shop.get("deployment")["spec"]["template"]["spec"]["containers"][0]["image"] == before, shop.status
    assert shop.condition("RolloutHealthy")["status"] == "False"


async def test_a_suspended_resource_is_left_as_it_is(shop, stepping):
    shop.apply(suspend=True)
    await stepping.look()
    assert shop.status["phase"] == "Suspended"
    assert shop.get("service") is None
