"""The method table: every RPC's policy and handler, free of any gRPC library.

`grpcio` serves it today; whatever serves it tomorrow needs only this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from listings.transport.policy import POLICIES, Policy
from listings.v1 import listings_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from listings.transport.call import Handler


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC as it is served."""

    policy: Policy
    handle: Handler


def declared_methods() -> list[str]:
    """The names of the RPCs that the proto declares."""
    return [method.name for method in listings_pb2.DESCRIPTOR.services_by_name["ListingsService"].methods]


def method_table(groups: Iterable[Mapping[str, Handler]]) -> dict[str, Method]:
    """Join the aggregates' handlers; raises ValueError for a method twice, undeclared or without policy."""
    declared = set(declared_methods())
    table: dict[str, Method] = {}
    for group in groups:
        for name, handler in group.items():
            if name in table:
                raise ValueError(f"{name} has two handlers")
            if name not in declared:
                raise ValueError(f"{name} is not an RPC of the proto")
            table[name] = Method(POLICIES[name], handler)
    return table
