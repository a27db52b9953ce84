"""One ListingsDeployment with its own database in a namespace of a story, and what a person would do with it."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from e2e.images.variants import REPOSITORY
from e2e.story.backends import (
    DATABASE_SECRET,
    PASSWORD,
    REDIS_SECRET,
    USER,
    backend_pods,
    backends,
    database_secret,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from e2e.cluster.kubectl import Kubectl
    from e2e.images.variants import Variant
    from e2e.providers.clusters import Cluster
    from e2e.story.api import Api, Change

RESOURCES: Final = "/apis/listings.marketplace/v1alpha1/namespaces/{}/listingsdeployments"
DEPLOYMENTS: Final = "/apis/apps/v1/namespaces/{}/deployments"
JOBS: Final = "/apis/batch/v1/namespaces/{}/jobs"

# So that three pods, their servers and a client fit on a node with two CPUs; shares of it follow from requests.
_SMALL: Final = {"resources": {"requests": {"cpu": "150m", "memory": "128Mi"}}}
_LEDGER: Final = """
SELECT version, count(*) FROM listings_migration_ledger
WHERE direction = 'up' AND outcome = 'applied' GROUP BY version ORDER BY version
"""

_LISTINGS: Final = """
WITH category AS (INSERT INTO categories (name, slug, level) VALUES ('Bikes', 'bikes', 0) RETURNING id)
INSERT INTO listings (user_id, title, slug, price, category_id, status)
SELECT 1, 'Bike ' || n, 'bike-' || n, 10, category.id, 'active' FROM category, generate_series(1, 200) AS n
RETURNING id
"""


@dataclass(slots=True)
class Shop:
    """A resource called `listings`, unless told otherwise."""

    cluster: Cluster
    api: Api
    namespace: str
    name: str = "listings"
    database: str = USER
    secret: str = DATABASE_SECRET
    changes: dict[str, Any] = field(default_factory=dict)
    """What its spec says beside image, version and Secrets."""

    @property
    def kubectl(self) -> Kubectl:
        return self.cluster.kubectl.within(self.namespace)

    def open(self) -> None:
        """Start PostgreSQL and Redis; returns when both answer."""
        self.kubectl.apply(*backends())
        self.kubectl.wait("condition=Ready", "pod/database", "pod/cache")

    def close(self) -> None:
        """Remove the resource and wait until its pods have gone: the next story has the machine for itself."""
        self.kubectl.delete("listingsdeployment", self.name)
        # By its name: another shop of the namespace may go on.
        pods = f"app.kubernetes.io/name=listings,app.kubernetes.io/instance={self.name}"
        self.kubectl("wait", "--for=delete", "--timeout=100s", "pod", "-l", pods)

    def leave(self) -> None:
        """Close, and stop PostgreSQL and Redis: what they ask for is another story's."""
        self.close()
        self.kubectl("delete", "pod", *backend_pods(), "--ignore-not-found")

    async def another(self, number: int) -> Shop:
        """A shop on an empty database of the same server."""
        database, secret = f"another_{number}", f"another-{number}"
        async with self.connection() as connection:
            await connection.execute(f"CREATE DATABASE {database}")
        self.kubectl.apply(database_secret(database, secret))
        return Shop(
            self.cluster, self.api, self.namespace, f"another-{number}", database, secret, self.changes
        )

    def ask_for(self, variant: Variant, **changes: Any) -> float:
        """Apply the resource with this image; returns the moment just before."""
        spec = {
            "image": {"repository": REPOSITORY},
            "version": variant.version,
            "database": {"secretRef": {"name": self.secret}},
            "redis": {"secretRef": {"name": REDIS_SECRET}},
            "pod": _SMALL,
            **self.changes,
            **changes,
        }
        began = time.monotonic()
        self.kubectl.apply(
            {
                "apiVersion": "listings.marketplace/v1alpha1",
                "kind": "ListingsDeployment",
                "metadata": {"name": self.name},
                "spec": spec,
            }
        )
        return began

    async def status_when(self, holds: Callable[[dict[str, Any]], bool], *, seconds: float = 300.0) -> Change:
        """Wait for a status that speaks of the latest spec."""

        def seen(document: dict[str, Any]) -> bool:
            status = document.get("status", {})
            return status.get("observedGeneration") == document["metadata"]["generation"] and holds(status)

        return await self.api.until(RESOURCES.format(self.namespace), self.name, seen, seconds=seconds)

    async def phase(self, phase: str, *, reason: str = "", seconds: float = 300.0) -> Change:
        """Wait for a phase, and for what status gives as its reason."""
        return await self.status_when(
            lambda status: status["phase"] == phase and reason in ("", status["reason"]), seconds=seconds
        )

    async def ready(self, variant: Variant, *, seconds: float = 300.0) -> Change:
        """Ask for a variant and wait until it serves."""
        await asyncio.to_thread(self.ask_for, variant)
        return await self.serves(variant, seconds=seconds)

    async def serves(self, variant: Variant, *, seconds: float = 300.0) -> Change:
        """Wait until a variant is what is ready."""
        return await self.status_when(
            lambda status: (
                status["phase"] == "Ready"
                and status["reason"] == "Ready"
                and status.get("version") == variant.version
            ),
            seconds=seconds,
        )

    @property
    def status(self) -> dict[str, Any]:
        """What stands there; empty before the first look at it."""
        status: dict[str, Any] = self.kubectl.get("listingsdeployment", self.name).get("status", {})
        return status

    def jobs(self, task: str) -> list[dict[str, Any]]:
        """Jobs of this resource for a task, in the order of their attempts."""
        labels = f"listings.marketplace/task={task},app.kubernetes.io/instance={self.name}"
        found = self.kubectl.get("job", "--selector=" + labels)["items"]
        return sorted(
            found, key=lambda job: int(job["metadata"]["annotations"]["listings.marketplace/attempt"])
        )

    def events(self, reason: str) -> list[str]:
        """Messages of the events of this resource with a reason."""
        found = self.kubectl.get("events.events.k8s.io")
        return [
            event["note"]
            for event in found
            if event["reason"] == reason and event["regarding"]["name"] == self.name
        ]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A session on this shop's database."""
        with self.cluster.reach(self.namespace, "database", 5432) as address:
            connection = await asyncpg.connect(f"postgresql://{USER}:{PASSWORD}@{address}/{self.database}")
            try:
                yield connection
            finally:
                await connection.close()

    async def fill(self) -> int:
        """Put a category with listings into the database; the id of one of them."""
        async with self.connection() as connection:
            listing: int = await connection.fetchval(_LISTINGS)
            return listing

    async def applied(self) -> dict[int, int]:
        """Schema version -> how often its file was run, as the ledger in the database says."""
        async with self.connection() as connection:
            return {row["version"]: row["count"] for row in await connection.fetch(_LEDGER)}

    def serving(self) -> str:
        """Versions of the pods that are ready."""
        found = self.kubectl.get("pod", "--selector=app.kubernetes.io/component=service")["items"]
        ready = [
            pod
            for pod in found
            if pod["metadata"]["labels"]["app.kubernetes.io/instance"] == self.name
            and "deletionTimestamp" not in pod["metadata"]
            and any(
                each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"]
            )
        ]
        versions = {pod["metadata"]["labels"]["app.kubernetes.io/version"] for pod in ready}
        return ", ".join(sorted(versions))
