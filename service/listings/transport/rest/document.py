"""The OpenAPI document: FastAPI's, put into the words of this service.

FastAPI promises a 422 that we never answer (a broken rule is 400), names operations after RPCs, and does
not know that tokens are verified outside its own security classes.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

Json = dict[str, Any]

_TAGS: Final = [
    {"name": "Listings", "description": "What is offered: read, search, create, change, delete."},
    {"name": "Images", "description": "Pictures of listings; their bytes live elsewhere."},
    {"name": "Categories", "description": "The category tree, in English, Russian and Serbian."},
    {"name": "Storefronts", "description": "Shops of business sellers."},
    {"name": "Favorites", "description": "Listings that a user keeps."},
    {"name": "Health", "description": "For balancers, Kubernetes, Prometheus and whoever is on call."},
]
_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "Needed for favorites and writes where the service verifies tokens.",
}
_UNUSED: Final = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> Json:
    """The finished document; built once, then the app keeps it."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=_TAGS,
        )
        for operation in operations(document):
            _put_into_words(operation)
        components = document.setdefault("components", {})
        components["securitySchemes"] = {"bearer": _BEARER}
        for name in _UNUSED:
            components.get("schemas", {}).pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema


def operations(document: Json) -> Iterator[Json]:
    """Every operation of a document."""
    for path in document["paths"].values():
        yield from path.values()


def _put_into_words(operation: Json) -> None:
    first, _, more = operation.get("description", "").partition(". ")
    operation["summary"] = first.strip().removesuffix(".")
    if more.strip():
        operation["description"] = more.strip()
    else:
        operation.pop("description", None)
    responses = operation["responses"]
    responses.pop("422", None)
    for status, response in responses.items():
        if response["description"] == "Successful Response":
            response["description"] = HTTPStatus(int(status)).phrase
    if "401" in responses:
        # An empty choice: where tokens are not verified none is needed.
        operation["security"] = [{"bearer": []}, {}]
