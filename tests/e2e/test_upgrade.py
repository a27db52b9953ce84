"""An upgrade that carries a migration, under steady load: nobody notices, and the schema moves before the pods do."""

from __future__ import annotations

import os

import pytest
from e2e.images.variants import FIRST, SCHEMA, SECOND
from e2e.story.clock import clock
from e2e.story.traffic import traffic

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
RATE = 200
ROUNDS = 5 if PROVE else 1

pytestmark = pytest.mark.timeout(900)


async def test_no_request_fails_while_a_version_with_a_migration_takes_over(story, figures):
    table = figures.table(
        f"Upgrade with a migration at {RATE} requests/s",
        *("round", "requests", "failed", "p50 ms", "p99 ms", "slowest ms", "upgrade s", "own share s"),
    )
    # Limits are per caller, and this is one caller with the load of many.
    async with story("upgrade", rateLimit={"enabled": False}) as first:
        for number in range(ROUNDS):
            shop = first if number == 0 else await first.another(number)
            await shop.ready(FIRST)
            async with traffic(shop, rate=RATE, listing=await shop.fill()) as seen, clock(shop) as spent:
                began = shop.ask_for(SECOND)
                ended = (await shop.phase("Ready", reason="Ready")).at
            result = seen.result
            table.add(
                number + 1,
                result["calls"],
                seen.failed,
                *(result[key] for key in ("p50_ms", "p99_ms", "slowest_ms")),
                ended - began,
                spent.own_seconds(began, ended),
            )
            assert seen.failed == 0, result["failures"]
            assert result["calls"] > RATE * (ended - began) * 0.9, "the load was not there"
            assert shop.serving() == SECOND.version
            assert (await shop.applied())[SCHEMA + 1] == 1
            await the_migration_ended_before_new_pods_began(shop)
            if shop is not first:
                shop.close()


async def the_migration_ended_before_new_pods_began(shop) -> None:
    migrated = shop.jobs("migrate")[-1]["status"]["completionTime"]
    selector = f"app.kubernetes.io/version={SECOND.version},app.kubernetes.io/instance={shop.name}"
    pods = shop.kubectl.get("pod", f"--selector={selector}")["items"]
    assert pods
    # Both are whole seconds of one clock.
    assert migrated <= min(pod["metadata"]["creationTimestamp"] for pod in pods)
