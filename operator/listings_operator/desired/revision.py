"""The ControllerRevision of a good revision: the spec to go back to, kept the way Kubernetes' own controllers do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from listings_operator import labels, names
from listings_operator.desired.manifest import Manifest, Owner, metadata
from listings_operator.spec import read_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from listings_operator.spec import ListingsSpec


def controller_revision(spec: ListingsSpec, owner: Owner, revision: str) -> Manifest:
    """Immutable by Kubernetes' own rule; `revision` numbers are for sorting and the name says all here."""
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata(owner, names.revision(owner.name, revision), labels.SERVICE),
        "revision": 1,
        "data": {"spec": spec.as_written()},
    }


def spec_of(revision: Mapping[str, Any]) -> ListingsSpec:
    """The spec that a ControllerRevision remembers; raises pydantic.ValidationError when it is not readable any more."""
    return read_spec(revision["data"]["spec"])
