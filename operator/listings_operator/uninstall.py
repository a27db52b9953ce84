"""Refuses to leave resources without an operator: `python -m listings_operator.uninstall`.

The chart runs it before `helm uninstall` takes anything away, with namespace, name and revision of the release. It exits
with 1 and says which resources there are and what to do; Helm then leaves everything as it is. When it cannot tell, it
refuses too.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final, NamedTuple

from listings_operator import names
from listings_operator.cluster import LISTINGS_DEPLOYMENT, ApiError, open_cluster
from listings_operator.metrics import Metrics
from listings_operator.settings import Settings

_NAMED: Final = 10


class Release(NamedTuple):
    """What Helm calls this installation; words to fill in where nobody said it."""

    namespace: str = "NAMESPACE"
    name: str = "RELEASE"
    revision: str = "REVISION"


async def resources_left(settings: Settings) -> list[tuple[str, str]]:
    """Namespace and name of every resource that the operator of these settings looks after. Raises ApiError."""
    async with open_cluster(Metrics().api, connections=1) as cluster:
        return [
            (resource["metadata"]["namespace"], resource["metadata"]["name"])
            # A cluster that does not know the kind has no resources of it.
            for namespace in settings.namespaces or ("",)
            for resource in await cluster.labelled(LISTINGS_DEPLOYMENT, namespace, "", metadata_only=True)
        ]


def refusal(left: list[tuple[str, str]], release: Release) -> str:
    """Why the operator cannot go yet, and the ways out; nothing when it can."""
    if not left:
        return ""
    namespace, name = left[0]
    shown = ", ".join(f"{namespace}/{name}" for namespace, name in left[:_NAMED])
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    helm = f"helm --namespace {release.namespace}"
    return (
        f"Not uninstalled: {len(left)} {names.KIND}{'s' if len(left) > 1 else ''} would be left without an operator, "
        f"and nobody would migrate, roll out or repair them: {shown}{more}.\n"
        "Delete them first (a database is never touched), then uninstall again:\n"
        f"  kubectl --namespace {namespace} delete {names.KIND.lower()} {name}\n"
        "or leave them running as they are, until an operator is installed again:\n"
        f"  {helm} uninstall {release.name} --no-hooks\n"
        "or stay: Helm counts the release as uninstalling until it is told otherwise by\n"
        f"  {helm} rollback {release.name} {release.revision}"
    )


def main() -> None:
    """Exit with 1 and say why, or with 0."""
    release = Release(*sys.argv[1:4])
    try:
        left = asyncio.run(resources_left(Settings()))
    except ApiError as error:
        sys.exit(f"Not uninstalled: cannot see whether there are {names.KIND}s: {error}")
    sys.exit(refusal(left, release) or None)


if __name__ == "__main__":
    main()
