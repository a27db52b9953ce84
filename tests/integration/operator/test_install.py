"""From a resource to a service: what is made, in which order, and what status says meanwhile."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("api_server")


async def test_a_resource_becomes_a_migrated_checked_service(shop, stepping):
    plan = await stepping.until_jobs("plan")
    assert shop.get("deployment") is None
    assert shop.status["phase"] == "Planning"
    assert plan["spec"]["template"]["spec"]["containers"][0]["image"] == "listings:1.0.0"

    shop.finish(plan, {"ok": True, "version": 20, "target": 22, "pending": ["000021_a"], "pendingCount": 2})
    migrate = await stepping.until_jobs("migrate")
    # What is pending stands in status before anything moves.
    assert shop.status["schema"]["pending"] == ["000021_a"]
    assert shop.get("deployment") is None

    shop.finish(migrate, {"ok": True, "version": 22, "target": 22, "pending": [], "pendingCount": 0})
    await stepping.settle()
    assert shop.get("deployment") is not None
    assert shop.status["phase"] == "RollingOut"
    assert shop.condition("SchemaCurrent")["status"] == "True"

    shop.become_available()
    smoke = await stepping.until_jobs("smoke")
    assert shop.condition("Ready")["status"] == "False"

    shop.finish(smoke, {"ok": True})
    await stepping.settle()
    assert shop.status["phase"] == "Ready"
    assert {kind: shop.condition(kind)["status"] for kind in ("Ready", "Progressing", "Stalled")} == {
        "Ready": "True",
        "Progressing": "False",
        "Stalled": "False",
    }
    assert shop.status["version"] == "1.0.0"
    assert len(shop.events) == len(set(shop.events)), "an event came twice"
