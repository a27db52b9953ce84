"""Runs the operator: `python -m listings_operator`. Ends with SIGTERM, after the looks under way.

Watches are fixed when it starts. When the Prometheus Operator's kinds come or go after that, it starts itself anew.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import kopf
from pydantic import ValidationError

from listings_operator import assets, handlers
from listings_operator import cluster as api
from listings_operator.cluster import ApiError, open_cluster
from listings_operator.metrics import Metrics
from listings_operator.observe import read_apis
from listings_operator.queue import WorkQueue
from listings_operator.reconcile import Reconciler
from listings_operator.serving import serve
from listings_operator.settings import Settings
from listings_operator.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from listings_operator.cluster import Cluster
    from listings_operator.observed import Apis

_LOG: Final = logging.getLogger(__name__)

# Each look asks for about a dozen lists at once.
_CONNECTIONS_PER_WORKER: Final = 16
# Between two questions whether kinds of the Prometheus Operator have come or gone.
_KINDS_SECONDS: Final = 10.0


async def operate(settings: Settings, *, serving: Callable[[int], None] | None = None) -> bool:
    """Watch and look until the process is told to end; True when there are other kinds to watch since the start.

    `serving` hears the port of the HTTP server.
    """
    metrics = Metrics()
    watchdog = Watchdog(settings.silence_seconds)
    queue = WorkQueue()
    found = assets.load()
    for problem in found.problems:
        _LOG.error("%s: %s", problem.reason, problem.message)
    ready, anew = asyncio.Event(), asyncio.Event()
    metrics.loop.follow(queue, watchdog)

    def alive() -> str:
        dead = watchdog.dead
        return f"no events of {', '.join(dead)}: the watch is dead" if dead else ""

    async with (
        open_cluster(metrics.api, connections=settings.workers * _CONNECTIONS_PER_WORKER) as cluster,
        serve(
            settings.host,
            settings.port,
            metrics.registry,
            alive=alive,
            ready=lambda: "" if ready.is_set() else "not watching yet",
        ) as port,
        asyncio.TaskGroup() as group,
    ):
        if serving is not None:
            serving(port)
        apis = await read_apis(cluster)
        monitoring = [
            kind
            for kind, known in (
                (api.SERVICE_MONITOR, apis.service_monitors),
                (api.PROMETHEUS_RULE, apis.prometheus_rules),
            )
            if known
        ]
        reconciler = Reconciler(cluster, found, settings, metrics.reconcile, watchdog)
        group.create_task(queue.run(reconciler.look, workers=settings.workers))
        kinds = group.create_task(_wait_for_other_kinds(cluster, apis, anew))
        try:
            # Returns when SIGTERM or SIGINT came, or when it is to start anew.
            await kopf.operator(
                registry=handlers.registry(queue, watchdog, monitoring=monitoring),
                settings=handlers.settings(),
                clusterwide=not settings.namespaces,
                namespaces=settings.namespaces,
                standalone=True,
                stop_flag=anew,
                ready_flag=ready,
            )
        finally:
            ready.clear()
            kinds.cancel()
            await queue.stop()
    return anew.is_set()


async def _wait_for_other_kinds(cluster: Cluster, known: Apis, anew: asyncio.Event) -> None:
    while True:
        await asyncio.sleep(_KINDS_SECONDS)
        try:
            if await read_apis(cluster) != known:
                break
        except ApiError as error:
            _LOG.warning("which kinds there are cannot be asked: %s", error.message)
    _LOG.info("kinds of the Prometheus Operator have come or gone: starting anew to watch what there is")
    anew.set()


class _JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def main() -> None:
    """Read the settings and run."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"LISTINGS_OPERATOR_* variables cannot be used:\n{error}")
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    # kopf logs each of its watches' routine at INFO.
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
    anew = False
    try:
        anew = asyncio.run(operate(settings))
    except* ApiError as group:
        sys.exit(f"The Kubernetes API cannot be used: {group.exceptions[0]}")
    if anew:
        # The same process with nothing remembered: what a look needs stands in the cluster.
        os.execv(sys.executable, [sys.executable, "-m", "listings_operator"])  # noqa: S606 - ourselves


if __name__ == "__main__":
    main()
