"""A long life of the operator leaves nothing behind: no memory, no task, no thread, no connection, no metric.

`make soak` makes it look a thousand times and more: at a resource whose objects are taken away and changed again
and again, and at others that come and go. Without LISTINGS_PROVE it is a short life, in which memory is judged
coarsely.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import psutil
import pytest
from bench import growth
from integration.operator.process import operator, read, until
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.xdist_group("api_server")

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
LOOKS = 1_000 if PROVE else 24
PARTS = 20 if PROVE else 4
WARM_UP = 0.25
"""The share of the run after which the process should have taken what it needs."""
MOST_GROWTH = 0.05 if PROVE else 0.2
OWED = ("queue_depth", "longest_look_seconds", "watch_silence_seconds")
"""What is nothing at rest: a watch, too, has told of every change of ours."""
RARE_SERIES = 10
"""Of an answer of the API server, say, that comes once in a while. A guest that leaves one behind has many."""
IDLE_CONNECTIONS = 32
"""The pool keeps connections to the API server: so many more may be open at one rest than at another."""


@dataclass(frozen=True)
class Sample:
    """What the operator holds at one moment of rest."""

    looks: int
    rss_mib: float
    tasks: int
    threads: int
    files: int
    series: int


@pytest.mark.timeout(3600)
async def test_nothing_is_left_of_any_number_of_looks(shop, tmp_path):
    log = tmp_path / "operator.log"
    with operator(shop, log) as (process, port):
        [plan] = await until(lambda: shop.jobs("plan"), log)
        shop.finish(plan, {"ok": True, "version": 22, "target": 22, "pending": [], "pendingCount": 0})
        await until(lambda: shop.get("deployment"), log)
        trouble = Trouble(shop, log)
        await trouble.make()  # once of each kind, so that every metric has been seen
        samples = [await at_rest(process, port, log)]
        for part in range(1, PARTS + 1):
            while looks(port) < samples[0].looks + LOOKS * part / PARTS:
                await trouble.make()
            samples.append(await at_rest(process, port, log, most_tasks=samples[0].tasks))
    title = f"{samples[-1].looks:,} looks of the operator"
    growth.show(samples, title)
    if PROVE:
        growth.draw(samples, title, growth.PICTURES / "soak-operator.svg", warm_up=WARM_UP)
    warm, last = samples[int(PARTS * WARM_UP)], samples[-1]
    assert last.rss_mib <= warm.rss_mib * (1 + MOST_GROWTH), (
        f"{warm.rss_mib:.1f} MiB became {last.rss_mib:.1f}"
    )
    assert last.tasks <= samples[0].tasks
    assert last.threads <= warm.threads
    assert last.files <= warm.files + IDLE_CONNECTIONS
    assert last.series <= warm.series + RARE_SERIES


class Trouble:
    """What happens in a namespace: somebody deletes and edits, resources come and go."""

    def __init__(self, shop, log) -> None:
        self._shop = shop
        self._log = log
        self._rounds = 0

    async def make(self) -> None:
        """A Service deleted, a Deployment edited, a resource that comes and goes; each is answered before the next."""
        shop = self._shop
        self._rounds += 1
        uid = shop.get("service")["metadata"]["uid"]
        shop.kubectl("delete", "service", shop.name, "--wait=false")
        await until(lambda: (found := shop.get("service")) and found["metadata"]["uid"] != uid, self._log)
        wanted = shop.get("deployment")["spec"]["replicas"]
        shop.kubectl("scale", "deployment", shop.name, f"--replicas={wanted + 1}")
        await until(lambda: shop.get("deployment")["spec"]["replicas"] == wanted, self._log)
        guest = replace(shop, name=f"guest-{self._rounds}")
        guest.apply()
        plan = await until(lambda: self._plan_of(guest), self._log)
        shop.kubectl("delete", "listingsdeployment", guest.name, "--wait=false")
        await until(lambda: guest.get("listingsdeployment") is None, self._log)
        shop.kubectl("delete", "job", plan, "--wait=false")  # nobody plays the garbage collector

    def _plan_of(self, guest) -> str:
        names = [job["metadata"]["name"] for job in self._shop.jobs("plan")]
        return next((name for name in names if name.startswith(guest.name)), "")


def metrics(port) -> list:
    """Every sample of a scrape."""
    return [
        each for family in text_string_to_metric_families(read(port, "/metrics")) for each in family.samples
    ]


def looks(port) -> int:
    return int(sum(each.value for each in metrics(port) if each.name == "listings_operator_reconciles_total"))


async def at_rest(process, port, log, *, most_tasks=None) -> Sample:
    """What is held once nothing waits for a look and no more than `most_tasks` are left."""

    def resting() -> list:
        found = metrics(port)
        value = {each.name: each.value for each in found}
        idle = (
            not value["listings_operator_queue_depth"] and not value["listings_operator_longest_look_seconds"]
        )
        return (
            found if idle and (most_tasks is None or value["listings_operator_tasks"] <= most_tasks) else []
        )

    found = await until(resting, log)
    memory = psutil.Process(process.pid)
    return Sample(
        looks(port),
        round(memory.memory_info().rss / 2**20, 1),
        int(next(each.value for each in found if each.name == "listings_operator_tasks")),
        memory.num_threads(),
        memory.num_fds(),
        len(found),
    )
