"""What builders give and need: plain manifests, who they are for, and which concern applies them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from listings_operator import labels, names

if TYPE_CHECKING:
    from collections.abc import Mapping

Manifest: TypeAlias = dict[str, Any]


class Concern(StrEnum):
    """Who applies a part of an object: the field managers of server-side apply.

    Scale is a concern of its own so that handing the number of pods to an autoscaler needs no write: we merely stop
    applying it, and the field keeps its value until the autoscaler changes it.
    """

    WORKLOAD = f"{names.OPERATOR}/workload"
    SCALE = f"{names.OPERATOR}/scale"
    OBSERVABILITY = f"{names.OPERATOR}/observability"
    STATUS = f"{names.OPERATOR}/status"


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource that everything is made for."""

    name: str
    namespace: str
    uid: str

    def reference(self) -> Manifest:
        """What makes Kubernetes remove an object together with the resource."""
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def metadata(
    owner: Owner,
    name: str,
    component: str,
    *,
    retained: bool = False,
    extra_labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Metadata of an object of ours; a retained one has no owner and so outlives the resource."""
    document: Manifest = {
        "name": name,
        "namespace": owner.namespace,
        # Ours win: what an object is found by cannot be overridden.
        "labels": {**(extra_labels or {}), **labels.common(owner.name, component)},
    }
    if annotations:
        document["annotations"] = dict(annotations)
    if not retained:
        document["ownerReferences"] = [owner.reference()]
    return document
