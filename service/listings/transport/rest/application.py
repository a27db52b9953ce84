"""The REST edge as one ASGI application; built by `app.py`, served by `server.py`."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match

import listings
from listings.transport.rest import categories, docs, favorites, images, operations, storefronts
from listings.transport.rest import listings as rest_listings
from listings.transport.rest.document import describe
from listings.transport.rest.pipeline import CALL, Pipeline
from listings.transport.rest.refusals import refusal
from listings.transport.rest.route import EDGE

if TYPE_CHECKING:
    from fastapi.routing import APIRoute
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from listings.metrics import HttpMetrics
    from listings.settings import Settings
    from listings.transport.rest.route import Edge
    from listings.transport.rest.service import RestService

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ABOUT: Final = """Listings, categories, storefronts, images and favorites over HTTP. Products, stock and inventory are
served over gRPC.

Errors are JSON: `error` says what is wrong, `reason` is a stable token for programs, `fields` names what
to mend. Every answer carries `X-Request-Id`; send your own to find a request again in the logs."""


def rest_application(settings: Settings, service: RestService, edge: Edge, metrics: HttpMetrics) -> ASGIApp:
    """The routes, CORS and the pipeline around them, for one service."""
    inner: ASGIApp = _routes()
    if settings.cors.allowed_origins:
        inner = CORSMiddleware(
            inner,
            allow_origins=settings.cors.allowed_origins,
            allow_methods=_METHODS,
            allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=600,
        )
    return _with_pipeline(inner, settings, service, edge, metrics)


def admin_application(settings: Settings, service: RestService, edge: Edge, metrics: HttpMetrics) -> ASGIApp:
    """Health and metrics alone, for a port that only operators reach."""
    return _with_pipeline(_admin_routes(), settings, service, edge, metrics)


def _with_pipeline(
    inner: ASGIApp, settings: Settings, service: RestService, edge: Edge, metrics: HttpMetrics
) -> ASGIApp:
    return Pipeline(
        inner,
        metrics,
        largest_body=settings.server.max_message_bytes,
        is_stopping=lambda: service.health.is_stopping,
        scope={EDGE: edge, **service.scope()},
    )


@cache
def _admin_routes() -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(operations.router)
    app.add_exception_handler(HTTPException, _no_route)
    return app


@cache
def _routes() -> FastAPI:
    """Every route; the same for all services of a process, which requests find in their scope."""
    app = FastAPI(
        title="Listings",
        summary="Catalog and stock of a marketplace.",
        description=_ABOUT,
        version=listings.__version__,
        openapi_url="/openapi.json",
        docs_url=None,  # these pages would load scripts from other hosts; ours is in docs.py
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    for module in (rest_listings, images, categories, storefronts, favorites, operations, docs):
        app.include_router(module.router)
    app.openapi = partial(describe, app)  # type: ignore[method-assign] # FastAPI's documented way
    app.add_exception_handler(HTTPException, _no_route)
    return app


def _operation_id(route: APIRoute) -> str:
    """Endpoints' own names, which client generators turn into method names."""
    return route.endpoint.__name__ if route.path != "/ready" else "show_readiness_short"


async def _no_route(request: Request, error: Exception) -> Response:
    """Answer what no route took: unknown paths, and known ones with another method."""
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            error = HTTPException(404, "there is nothing at this path; /docs lists what there is")
        elif error.status_code == 405:
            allowed = ", ".join(sorted(_methods_of(request)))
            error = HTTPException(405, f"this path takes {allowed}, not {request.method}", {"Allow": allowed})
    return refusal(error, request.scope[CALL])


def _methods_of(request: Request) -> set[str]:
    """Every method that some route of this path takes: the router itself names those of one route only."""
    found: set[str] = set()
    for method in _METHODS:
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            found.add(method)
    return found | {"HEAD"} if "GET" in found else found
