"""What goes wrong in an upgrade: the version that served goes on serving, and status says what to do."""

from __future__ import annotations

import pytest
from e2e.images.variants import CRASHING, FAILING, FIRST, MENDED, SCHEMA, SECOND, UNSOUND, Variant
from e2e.story.traffic import traffic

pytestmark = pytest.mark.timeout(1800)

MISSING = Variant("0.3.0-missing", "", {})


async def test_failed_upgrades_leave_or_bring_back_the_version_that_served(story, figures):
    """One shop, one fault after the other: each begins where the one before has left everything well."""
    table = figures.table("Failed upgrades", "fault", "noticed s", "old version alone again s", "status says")
    async with story("failures", rateLimit={"enabled": False}) as shop:
        await shop.ready(FIRST)
        listing = await shop.fill()
        await an_image_that_does_not_exist(shop, table)
        await back_to_the_start(shop, FIRST)
        # These carry a migration that works: the old version is served by the schema after it as well.
        await pods_that_crash(shop, listing, table)
        await back_to_the_start(shop, FIRST)
        await a_smoke_test_that_fails(shop, listing, table)
        await shop.ready(SECOND)
        await a_migration_that_fails(shop, listing, table)
        await an_image_older_than_the_schema(shop, table)


async def an_image_that_does_not_exist(shop, table) -> None:
    began = shop.ask_for(MISSING)
    seen = await shop.phase("Blocked", reason="ImagePullFailed")
    table.add("image does not exist", seen.at - began, "never left", told(seen))
    assert shop.serving() == FIRST.version
    assert "spec.image" in seen.document["status"]["message"]


async def pods_that_crash(shop, listing, table) -> None:
    async with steady(shop, listing) as seen:
        began = shop.ask_for(CRASHING)
        noticed = await shop.phase("RollingBack")
        back = await shop.phase("RolledBack", reason="CrashLoop")
    table.add("pods crash", noticed.at - began, back.at - began, told(back))
    assert shop.serving() == FIRST.version
    assert seen.failed == 0, seen.result
    assert "serve is broken in this image" in back.document["status"]["message"]
    assert len(shop.events("CrashLoop")) == 1
    # The schema went on and is not taken back: it serves both.
    assert (await shop.applied())[SCHEMA + 1] == 1


async def a_smoke_test_that_fails(shop, listing, table) -> None:
    async with steady(shop, listing) as seen:
        began = shop.ask_for(UNSOUND)
        noticed = await shop.phase("RollingBack")
        back = await shop.phase("RolledBack", reason="SmokeFailed")
    table.add("smoke test fails", noticed.at - began, back.at - began, told(back))
    assert shop.serving() == FIRST.version
    assert seen.failed == 0, seen.result
    assert "smoke is broken in this image" in back.document["status"]["message"]


async def a_migration_that_fails(shop, listing, table) -> None:
    async with steady(shop, listing) as seen:
        began = shop.ask_for(FAILING)
        failed = await shop.phase("Blocked", reason="MigrationFailed")
        message = failed.document["status"]["message"]
        table.add("migration fails", failed.at - began, "never left", told(failed))
        assert f"{SCHEMA + 2:06}_story_rating" in message
        assert "no_such_column" in message
        assert "change the spec or annotate" in message
        assert shop.serving() == SECOND.version
        assert SCHEMA + 2 not in await shop.applied()

        began = shop.ask_for(MENDED)
        mended = await shop.phase("Ready", reason="Ready")
        table.add("migration mended", mended.at - began, "-", told(mended))
    assert seen.failed == 0, seen.result
    assert len(shop.events("MigrationFailed")) == 1
    # What cannot be mended by itself was not tried twice.
    assert len([job for job in shop.jobs("migrate") if job["status"].get("failed")]) == 1
    assert (await shop.applied())[SCHEMA + 2] == 1
    assert shop.serving() == MENDED.version


async def an_image_older_than_the_schema(shop, table) -> None:
    """Two versions back is more than the schema promises to serve: refused before anything moves."""
    began = shop.ask_for(FIRST)
    seen = await shop.status_when(lambda status: status["reason"] == "SchemaUnknownToImage")
    table.add("image older than the schema", seen.at - began, "never left", told(seen))
    assert shop.serving() == MENDED.version


async def back_to_the_start(shop, variant) -> None:
    await shop.ready(variant)
    assert shop.serving() == variant.version


def steady(shop, listing):
    """Few calls, to see that the old version serves all the while."""
    return traffic(shop, rate=20, listing=listing)


def told(change) -> str:
    status = change.document["status"]
    return f"{status['phase']}: {status['reason']}"
