"""Kubernetes events: one for each transition, so that `kubectl describe` tells the story of a resource."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

from listings_operator import names
from listings_operator.cluster import EVENT, ApiError
from listings_operator.conditions import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from listings_operator.actions import Event
    from listings_operator.cluster import Cluster

_LOG: Final = logging.getLogger(__name__)

CONTROLLER: Final = "listings.marketplace/operator"
# The API's own limit of an event's note.
_LONGEST_NOTE: Final = 1024


def event_document(event: Event, resource: Mapping[str, Any], identity: str, now: datetime) -> dict[str, Any]:
    """The event as the API takes it; its name is random, because nothing ever looks for it."""
    metadata = resource["metadata"]
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {
            "name": f"{metadata['name']}.{secrets.token_hex(8)}",
            "namespace": metadata["namespace"],
        },
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": CONTROLLER,
        "reportingInstance": identity,
        "action": "Reconcile",
        "type": event.kind,
        "reason": event.reason,
        "note": shortened(event.message, _LONGEST_NOTE),
        "regarding": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
    }


async def send(
    cluster: Cluster, event: Event, resource: Mapping[str, Any], *, identity: str, now: datetime
) -> None:
    """Send an event. That it cannot be sent is logged and stops nothing: status holds all that matters."""
    try:
        await cluster.create(event_document(event, resource, identity, now), names.OPERATOR, kind=EVENT)
    except ApiError as error:
        _LOG.warning("event %s not sent: %s", event.reason, error)
