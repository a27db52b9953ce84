"""What kopf watches for us, and the one thing done with an event: its resource's key goes into the queue.

Only low-level handlers are used. kopf's own create/update handlers would write two PATCHes and a copy of the spec
into annotations for each change, and do not see what happens to objects made for a resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import kopf

from listings_operator import cluster as api
from listings_operator import labels
from listings_operator.queue import Key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from listings_operator.cluster import Kind
    from listings_operator.queue import WorkQueue
    from listings_operator.watchdog import Watchdog

_INSTANCE: Final = labels.INSTANCE
# A list in parts costs the API server less than one of thousands of objects at once.
_CHUNK: Final = 500


def registry(queue: WorkQueue, watchdog: Watchdog, *, monitoring: Iterable[Kind]) -> kopf.OperatorRegistry:
    """The handlers: resources themselves, everything made for them, and the pods of that."""
    found = kopf.OperatorRegistry()
    kopf.on.login(registry=found)(_login)

    def resource_changed(namespace: str | None, name: str | None, **_: Any) -> None:
        watchdog.heard(api.LISTINGS_DEPLOYMENT.kind)
        queue.add(Key(str(namespace), str(name)))

    own = api.LISTINGS_DEPLOYMENT
    group, version = own.api_version.split("/")
    kopf.on.event(group, version, own.plural, registry=found)(_async(resource_changed))
    watchdog.watch(own.kind)
    for kind in (*api.CHILDREN, *monitoring, api.POD):
        _on_child(found, kind, queue, watchdog)
        if kind is not api.POD:
            watchdog.watch(kind.kind)
    return found


def settings() -> kopf.OperatorSettings:
    """How kopf watches: our objects only, nothing of its own posted, no rights beyond the namespaces'."""
    found = kopf.OperatorSettings()
    found.scanning.disabled = True
    found.posting.enabled = False
    found.watching.chunk_size = _CHUNK
    found.watching.label_selectors[_is_child] = labels.SELECTOR
    found.networking.request_timeout = 30.0
    return found


def _is_child(resource: Any) -> bool:
    return bool(resource.plural != api.LISTINGS_DEPLOYMENT.plural)


def _on_child(found: kopf.OperatorRegistry, kind: Kind, queue: WorkQueue, watchdog: Watchdog) -> None:
    def child_changed(namespace: str | None, labels: Any, **_: Any) -> None:
        watchdog.heard(kind.kind)
        instance = labels.get(_INSTANCE)
        if instance:
            queue.add(Key(str(namespace), instance))

    group, _, version = kind.api_version.rpartition("/")
    selector = (group, version, kind.plural) if group else (version, kind.plural)
    kopf.on.event(*selector, registry=found, id=f"child-{kind.plural}")(_async(child_changed))


def _async(handler: Any) -> Any:
    """Run in the event loop itself: kopf would give a plain function to a thread, where the queue is not safe."""

    async def handle(**kwargs: Any) -> None:
        handler(**kwargs)

    return handle


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
