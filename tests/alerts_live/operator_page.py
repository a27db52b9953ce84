"""The operator's own metrics, work queue and HTTP server, without a Kubernetes to operate: a substitute.

    python tests/alerts_live/operator_page.py

Prints the port that serves `/metrics`. Lines on standard input are what happens to it: `stall` and `settle` a resource,
`fail` and `work` what looks do, `hang` and `go` whether they come to an end.
"""

from __future__ import annotations

import asyncio
import sys

from listings_operator.metrics import Metrics
from listings_operator.queue import Key, WorkQueue
from listings_operator.serving import serve
from listings_operator.watchdog import Watchdog

KEYS = [Key("shop", name) for name in ("listings", "second")]


async def main() -> None:
    metrics, queue = Metrics(), WorkQueue(longest_retry=1.0)
    metrics.loop.follow(queue, Watchdog(60))
    free = asyncio.Event()
    free.set()
    failing = False

    async def look(key: Key) -> float:
        await free.wait()
        metrics.reconcile.looked(0.01, failed=failing)
        if failing:
            raise OSError(key)
        return 1.0

    async def told() -> None:
        nonlocal failing
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            match line:
                case "stall" | "settle":
                    stalled = line == "stall"
                    phase = "Failed" if stalled else "Ready"
                    metrics.reconcile.in_phase(*KEYS[0], phase, stalled=stalled)
                case "fail" | "work":
                    failing = line == "fail"
                case "hang":
                    free.clear()
                case "go":
                    free.set()

    metrics.reconcile.in_phase(*KEYS[0], "Ready", stalled=False)
    for key in KEYS:
        queue.add(key)
    async with serve("127.0.0.1", 0, metrics.registry, alive=str, ready=str) as port:
        print(port, flush=True)
        working = asyncio.create_task(queue.run(look, workers=1))
        await told()
        working.cancel()


if __name__ == "__main__":
    asyncio.run(main())
