"""PostgreSQL and Redis for stories, as pods with the names and settings of the well-known images."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from e2e.images import servers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USER: Final = "listings"
PASSWORD: Final = "only-for-stories"
DATABASE_SECRET: Final = "listings-database"
REDIS_SECRET: Final = "listings-redis"

_NUMBER: Final = 999  # the user of both images


def backends() -> list[dict[str, Any]]:
    """Both servers and the Secrets that say where they are."""
    return [
        *_server(
            "database",
            servers.POSTGRES,
            5432,
            cpu="400m",
            ready=["pg_isready", "-h", "127.0.0.1", "-U", USER, "-d", USER],
            # Nobody cuts the power in a story; a commit that waits for a busy disk holds up everybody else's.
            arguments=["postgres", "-c", "fsync=off"],
            environment={"POSTGRES_USER": USER, "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": USER},
        ),
        *_server(
            "cache", servers.REDIS, 6379, cpu="50m", ready=["redis-cli", "ping"], arguments=["--save", ""]
        ),
        database_secret(USER),
        _secret(REDIS_SECRET, "redis://cache:6379/0"),
    ]


def backend_pods() -> list[str]:
    """What `kubectl delete pod` takes to stop both."""
    return [document["metadata"]["name"] for document in backends() if document["kind"] == "Pod"]


def database_secret(database: str, name: str = DATABASE_SECRET) -> dict[str, Any]:
    """The Secret that leads to one database of the server."""
    return _secret(name, f"postgresql://{USER}:{PASSWORD}@database:5432/{database}")


def restricted(user: int) -> dict[str, Any]:
    """What a container must say in the namespaces of stories."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _secret(name: str, url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "data": {"url": base64.b64encode(url.encode()).decode()},
    }


def _server(
    name: str,
    image: str,
    port: int,
    *,
    cpu: str,
    ready: Sequence[str],
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> tuple[dict[str, Any], dict[str, Any]]:
    labels = {"app": name}
    container = {
        "name": name,
        "image": image,
        "args": list(arguments),
        "env": [{"name": key, "value": value} for key, value in (environment or {}).items()],
        "ports": [{"containerPort": port}],
        # A pod that asks for nothing gets nothing while pods start that ask for something.
        "resources": {"requests": {"cpu": cpu}},
        "readinessProbe": {"exec": {"command": list(ready)}, "periodSeconds": 1},
        "securityContext": restricted(_NUMBER),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }, {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": labels, "ports": [{"port": port}]},
    }
