"""The account of the pods. It has no rights, and pods do not even carry its token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings_operator import labels
from listings_operator.desired.manifest import Manifest, Owner, metadata

if TYPE_CHECKING:
    from listings_operator.spec import ListingsSpec


def service_account(spec: ListingsSpec, owner: Owner) -> Manifest:
    """An account of this resource's own, so that nobody grants rights to the namespace's default for its sake."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(owner, owner.name, labels.SERVICE, retained=spec.retained),
        "automountServiceAccountToken": False,
    }
