"""Health and metrics over HTTP: for balancers, Kubernetes, Prometheus and whoever is on call.

Open to everyone who reaches the port: nothing here names a user, a value or a secret.
"""

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

import listings
from listings.health import Check, Health, State, overall
from listings.transport.render.json import moment
from listings.transport.rest.route import EdgeRoute
from listings.transport.rest.service import RestService, ServiceOf

_MEGABYTE: Final = 1024 * 1024
_PAGE_BYTES: Final = 4096
# Answers are about this moment: nobody in between may keep them.
_FRESH: Final = {"Cache-Control": "no-store"}
_AWAY: Final[dict[int | str, dict[str, Any]]] = {503: {"description": "Not now; the body says why."}}


router = APIRouter(tags=["Health"], route_class=EdgeRoute)


@router.get("/health", name="health", response_model=dict[str, Any], responses=_AWAY)
async def show_health(service: ServiceOf) -> JSONResponse:
    """Tell how the service and what it depends on are: 503 only without the database."""
    checks = await service.health.checks()
    return _answer(_summary(service.health, checks), ok=overall(checks) is not State.UNHEALTHY)


@router.get("/health/deep", name="health_deep", response_model=dict[str, Any], responses=_AWAY)
async def show_deep_health(service: ServiceOf) -> JSONResponse:
    """Tell the same, with what one process knows about itself."""
    checks = await service.health.checks()
    body = _summary(service.health, checks) | {"diagnostics": _diagnostics(service)}
    return _answer(body, ok=overall(checks) is not State.UNHEALTHY)


@router.get("/health/live", name="health_live", response_model=dict[str, Any])
async def show_liveness() -> JSONResponse:
    """Tell that the process answers; depends on nothing, so that an outage restarts nobody."""
    return _answer({"status": "healthy", "timestamp": int(time.time())}, ok=True)


@router.get("/ready", name="ready", response_model=dict[str, Any], responses=_AWAY)
@router.get("/health/ready", name="health_ready", response_model=dict[str, Any], responses=_AWAY)
async def show_readiness(service: ServiceOf) -> JSONResponse:
    """Tell whether to send calls here: not while draining, not without the database or one of the workers."""
    why_not = await service.health.why_not_ready()
    status = "ready" if why_not is None else "not_ready"
    body: dict[str, Any] = {"status": status, "timestamp": int(time.time())}
    if why_not is not None:
        body["reason"] = why_not
    return _answer(body, ok=why_not is None)


@router.get("/health/startup", name="health_startup", response_model=dict[str, Any], responses=_AWAY)
async def show_startup(service: ServiceOf) -> JSONResponse:
    """Tell whether the service has been ready once; stays true from then on."""
    started = await service.health.has_started()
    return _answer(
        {"status": "started" if started else "starting", "timestamp": int(time.time())}, ok=started
    )


@router.get("/health/db", name="health_db", response_model=dict[str, Any], responses=_AWAY)
async def show_database(service: ServiceOf) -> JSONResponse:
    """Tell how the database is."""
    return _one(await service.health.database())


@router.get("/health/redis", name="health_redis", response_model=dict[str, Any], responses=_AWAY)
async def show_redis(service: ServiceOf) -> JSONResponse:
    """Tell how Redis is; the service works without it, so its absence is no 503."""
    return _one(await service.health.redis())


@router.get(
    "/metrics",
    name="metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        404: {"description": "Metrics are served on another port, or not at all."},
    },
)
async def show_metrics(service: ServiceOf, request: Request) -> Response:
    """Show every metric as Prometheus text, or as OpenMetrics when `Accept` asks for it."""
    if service.registry is None:
        raise HTTPException(404, "metrics are not served on this port")
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    # In a thread: thousands of series take milliseconds that calls in flight should not wait for.
    text = await asyncio.to_thread(_encoded, encode, service.registry)
    return Response(text, headers=_FRESH | {"Content-Type": content_type})


def _encoded(encode: Callable[[CollectorRegistry], bytes], registry: CollectorRegistry) -> bytes:
    return encode(registry)


def _answer(body: dict[str, Any], *, ok: bool) -> JSONResponse:
    return JSONResponse(body, 200 if ok else 503, headers=_FRESH)


def _one(check: Check) -> JSONResponse:
    """One dependency, as of when it was asked: askers within a few seconds share the answer."""
    return _answer(_check(check) | {"timestamp": int(check.at)}, ok=check.state is not State.UNHEALTHY)


def _check(check: Check) -> dict[str, Any]:
    return {
        "status": str(check.state),
        "response_time_ms": check.response_time_ms,
        "details": check.details,
    }


def _summary(health: Health, checks: dict[str, Check]) -> dict[str, Any]:
    minutes = int(health.uptime_seconds // 60)
    return {
        "status": str(overall(checks)),
        "version": listings.__version__,
        "uptime": f"{minutes // 60}h{minutes % 60}m",
        "timestamp": moment(datetime.now(UTC)),
        "checks": {name: _check(check) for name, check in checks.items()},
    }


def _diagnostics(service: RestService) -> dict[str, Any]:
    virtual, resident = _memory_bytes()
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "memory_alloc_mb": round(resident / _MEGABYTE, 1),
        "memory_sys_mb": round(virtual / _MEGABYTE, 1),
        "num_gc": sum(generation["collections"] for generation in gc.get_stats()),
        "recent_errors": [
            {
                "at": moment(error.at),
                "where": error.where,
                "kind": error.kind,
                "request_id": error.request_id,
            }
            for error in service.health.recent_errors
        ],
        "connection_pools": {
            server: {
                "active": pool.lent,
                "idle": pool.idle,
                "max_open": pool.most,
                "waiting": pool.waiting,
                "wait_time_ms": round(pool.waited_seconds * 1000, 3),  # of all callers since the start
            }
            for server, pool in service.health.pools.items()
        },
    }


def _memory_bytes() -> tuple[int, int]:
    """Virtual and resident memory, as Linux counts it; zeros elsewhere."""
    try:
        virtual, resident = Path("/proc/self/statm").read_text(encoding="ascii").split()[:2]
    except OSError:
        return 0, 0
    return int(virtual) * _PAGE_BYTES, int(resident) * _PAGE_BYTES
