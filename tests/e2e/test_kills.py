"""The operator is killed at a random moment of an installation or an upgrade, and another one finishes the work."""

from __future__ import annotations

import asyncio
import os
import random
import time

import pytest
from e2e.images.variants import FIRST, SCHEMA, SECOND
from e2e.story.process import operator
from e2e.story.shop import Shop

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
KILLS = 10 if PROVE else 3

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def unwatched(cluster, api, release, namespace):
    """A shop that the operator in the cluster does not look after."""
    shop = Shop(cluster, api, namespace, changes={"replicas": 1})
    shop.open()
    return shop


async def test_every_kill_is_survived_and_no_migration_runs_twice(unwatched, tmp_path, figures):
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    table = figures.table(
        f"Operator killed with SIGKILL at random moments (seed {seed})",
        *("kill", "of an", "after s", "phase then", "Ready after s", "migrate Jobs", "files run twice"),
    )
    log = tmp_path / "operator.log"
    # How long either takes undisturbed; the first guess is corrected by what is seen.
    usual = {"installation": 15.0, "upgrade": 12.0}
    shop = unwatched
    for number in range(1, KILLS + 1):
        work, variant = ("installation", FIRST) if number % 2 else ("upgrade", SECOND)
        if work == "installation" and number > 1:
            await asyncio.to_thread(shop.close)
            shop = await unwatched.another(number)
        moment = chance.uniform(0, usual[work])
        with operator(shop, log):
            began = await asyncio.to_thread(shop.ask_for, variant)
            # Not a wait for anything: the moment of the kill is what is tried here.
            await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
        phase = shop.status.get("phase", "not seen yet")
        with operator(shop, log):
            try:
                ended = (await shop.serves(variant)).at
            except AssertionError:
                print(log.read_text()[-8000:])
                raise
        jobs, applied = shop.jobs("migrate"), await shop.applied()
        twice = [version for version, times in applied.items() if times != 1]
        table.add(number, work, moment, phase, ended - began, len(jobs), len(twice))
        assert not twice
        assert max(applied) == SCHEMA + (0 if variant is FIRST else 1)
        # One for the installation, one for the upgrade: no attempt was made a second time.
        assert len(jobs) == (1 if variant is FIRST else 2)
        assert all(job["status"].get("succeeded") == 1 for job in jobs)
    await asyncio.to_thread(shop.close)
