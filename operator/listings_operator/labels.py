"""Labels of everything made for one ListingsDeployment, by which it is found again."""

from __future__ import annotations

from typing import Final

from listings_operator import names

INSTANCE: Final = "app.kubernetes.io/instance"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
COMPONENT: Final = "app.kubernetes.io/component"
VERSION: Final = "app.kubernetes.io/version"

SERVICE: Final = "service"
OBSERVABILITY: Final = "observability"
JOB: Final = "job"

# What watches select by; our own objects only, whatever else lives in the namespace.
SELECTOR: Final = f"{MANAGED_BY}={names.OPERATOR}"


def common(instance: str, component: str) -> dict[str, str]:
    """Labels that every object carries. Without the version: only pods change with it."""
    return {
        "app.kubernetes.io/name": "listings",
        INSTANCE: instance,
        COMPONENT: component,
        "app.kubernetes.io/part-of": "listings",
        MANAGED_BY: names.OPERATOR,
    }


def pods(instance: str) -> dict[str, str]:
    """What selects the pods that serve. Part of a Deployment's identity: it never changes."""
    return {"app.kubernetes.io/name": "listings", INSTANCE: instance, COMPONENT: SERVICE}
