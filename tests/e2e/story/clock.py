"""How the time of an installation or upgrade divides: waiting for Jobs, waiting for pods, and the operator's own share."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from e2e.story.shop import DEPLOYMENTS, JOBS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.story.shop import Shop


@dataclass(slots=True)
class Clock:
    """Spans in which somebody else was at work, on the monotonic clock."""

    jobs: dict[str, list[float]] = field(default_factory=dict)
    pods: list[list[float]] = field(default_factory=list)

    @staticmethod
    def now() -> float:
        return time.monotonic()

    def job_seconds(self, task: str) -> float:
        """How long Jobs of a task took, from being there to being over."""
        return sum(
            span[1] - span[0] for name, span in self.jobs.items() if f"-{task}-" in name and len(span) == 2
        )

    @property
    def pod_seconds(self) -> float:
        return sum(span[1] - span[0] for span in self.pods if len(span) == 2)

    def own_seconds(self, began: float, ended: float) -> float:
        """What is left of a time when every span in which a Job or pods were waited for is taken away."""
        spans = sorted(span for span in (*self.jobs.values(), *self.pods) if len(span) == 2)
        left, reached = 0.0, began
        for start, end in spans:
            left += max(0.0, min(start, ended) - reached)
            reached = max(reached, min(end, ended))
        return left + max(0.0, ended - reached)


@asynccontextmanager
async def clock(shop: Shop) -> AsyncIterator[Clock]:
    """Watch Jobs and the Deployment of a shop while the block runs."""
    found = Clock()

    async def jobs() -> None:
        async for change in shop.api.watch(JOBS.format(shop.namespace)):
            conditions = change.document.get("status", {}).get("conditions", ())
            span = found.jobs.setdefault(change.document["metadata"]["name"], [change.at])
            ended = any(
                each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions
            )
            if ended and len(span) == 1:
                span.append(change.at)

    async def pods() -> None:
        async for change in shop.api.watch(DEPLOYMENTS.format(shop.namespace), shop.name):
            document, status = change.document, change.document.get("status", {})
            settled = status.get("observedGeneration", 0) >= document["metadata"]["generation"] and (
                status.get("updatedReplicas", 0)
                == status.get("replicas", 0)
                == status.get("availableReplicas", 0)
                == document["spec"].get("replicas", 1)
            )
            waiting = bool(found.pods) and len(found.pods[-1]) == 1
            if not settled and not waiting:
                found.pods.append([change.at])
            elif settled and waiting:
                found.pods[-1].append(change.at)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(jobs()), group.create_task(pods())]
        try:
            yield found
        finally:
            for task in tasks:
                task.cancel()
