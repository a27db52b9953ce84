"""A client pod that calls a shop at a steady rate while something happens to it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from e2e.images.applications import SERVICE
from e2e.story.backends import restricted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.story.shop import Shop

_SCRIPT: Final = Path(__file__).with_name("steady_client.py")
_PODS: Final = "/api/v1/namespaces/{}/pods"
_USER: Final = 65532
_NAME: Final = "steady-client"


@dataclass(slots=True)
class Traffic:
    """What was seen; empty until the block around it has ended."""

    result: dict[str, Any]

    @property
    def failed(self) -> int:
        failed: int = self.result["failed"]
        return failed


@asynccontextmanager
async def traffic(shop: Shop, *, rate: int, listing: int) -> AsyncIterator[Traffic]:
    """Calls go on from before the block until after it."""
    found = Traffic({})
    kubectl = shop.kubectl
    kubectl.delete("pod", _NAME)
    kubectl.apply(*_objects(shop, rate, listing))
    try:
        kubectl.wait("condition=Ready", f"pod/{_NAME}")
        yield found
        await asyncio.to_thread(kubectl, "exec", _NAME, "--", "touch", "/tmp/stop")
        await shop.api.until(
            _PODS.format(shop.namespace),
            _NAME,
            lambda pod: pod["status"]["phase"] in ("Succeeded", "Failed"),
            seconds=90,
        )
        found.result |= json.loads(kubectl("logs", _NAME).splitlines()[-1])
    finally:
        kubectl.delete("pod", _NAME)


def _objects(shop: Shop, rate: int, listing: int) -> tuple[dict[str, Any], ...]:
    variables = {
        "RATE": str(rate),
        "LISTING": str(listing),
        "ADDRESS": f"{shop.name}-headless.{shop.namespace}.svc.cluster.local:50053",
    }
    container = {
        "name": "main",
        "image": SERVICE.reference,
        "command": ["python", "/story/steady_client.py"],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "resources": {"requests": {"cpu": "200m"}},
        "readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/started"]}, "periodSeconds": 1},
        "securityContext": restricted(_USER),
        "volumeMounts": [{"name": "script", "mountPath": "/story"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _NAME},
        "data": {_SCRIPT.name: _SCRIPT.read_text()},
    }, {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            "volumes": [{"name": "script", "configMap": {"name": _NAME}}],
        },
    }
