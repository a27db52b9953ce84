"""Looking at the cluster for one resource: fetches what `observed.py` turns into values.

Called by `reconcile.py` at the start of each look. Everything is asked of the API server anew, in parallel, by label:
a cache filled by watches would be cheaper and sometimes wrong, and here a wrong answer moves pods.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from listings_operator import cluster as api
from listings_operator import labels, names
from listings_operator.desired import SecretHashes
from listings_operator.observed import Apis, ChildSeen, Problem, job_seen, workload_seen
from listings_operator.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from listings_operator.cluster import Cluster, Kind
    from listings_operator.desired import Manifest, Owner
    from listings_operator.observed import JobSeen, WorkloadSeen
    from listings_operator.spec import DatabaseSecret, ListingsSpec, RedisSecret, TlsSecret

# Of the other kinds it is enough to know that an object is there, whose it is and whether it has changed.
_READ_WHOLE: Final = (api.DEPLOYMENT, api.JOB, api.CONTROLLER_REVISION)


class ObjectId(NamedTuple):
    """An object in the namespace of the resource."""

    api_version: str
    kind: str
    name: str

    @classmethod
    def of(cls, document: Mapping[str, Any], kind: Kind | None = None) -> ObjectId:
        """The id of an object; items of lists do not say their kind themselves."""
        return cls(
            kind.api_version if kind else document["apiVersion"],
            kind.kind if kind else document["kind"],
            document["metadata"]["name"],
        )


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the named Secrets hold, as far as it concerns anybody."""

    hashes: SecretHashes
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Children:
    """Everything that was made for a resource, or stands in its place."""

    seen: tuple[ChildSeen, ...]
    versions: Mapping[ObjectId, str]
    """Resource version of each: it changes with whatever anybody changes."""
    marks: Mapping[ObjectId, str]
    """Mark of each, see `mark`."""
    workload: WorkloadSeen | None
    jobs: tuple[JobSeen, ...]
    snapshots: Mapping[str, Mapping[str, Any]]
    """ControllerRevisions by their name."""


async def read_secrets(cluster: Cluster, namespace: str, spec: ListingsSpec) -> Secrets:
    """Look at the Secrets that the spec names. Their content is hashed at once and kept nowhere."""
    references: dict[str, DatabaseSecret | RedisSecret | TlsSecret] = {"database": spec.database.secret_ref}
    if spec.redis is not None:
        references["redis"] = spec.redis.secret_ref
    if spec.tls is not None:
        references["tls"] = spec.tls.secret_ref
    hashes: dict[str, str] = {}
    problems: list[Problem] = []
    for use, reference in references.items():
        secret = await cluster.get(api.SECRET, namespace, reference.name)
        if secret is None:
            problems.append(
                Problem(
                    Reason.SECRET_MISSING,
                    f"Secret {reference.name} does not exist: create it in namespace {namespace} with "
                    f"{_listed(reference.keys.values())} for spec.{use}.secretRef",
                )
            )
            continue
        data = secret.get("data") or {}
        missing = [key for key in reference.keys.values() if not data.get(key)]
        if missing:
            problems.append(
                Problem(
                    Reason.SECRET_KEY_MISSING,
                    f"Secret {reference.name} lacks {_listed(missing)}: add it, or name the key that it has in "
                    f"spec.{use}.secretRef",
                )
            )
        hashes[use] = names.digest({key: data.get(key) for key in sorted(reference.keys.values())})
    return Secrets(SecretHashes(**hashes), tuple(problems))


async def read_apis(cluster: Cluster) -> Apis:
    """Which kinds of the Prometheus Operator the cluster knows."""
    known = await cluster.kinds(api.PROMETHEUS_RULE.api_version)
    return Apis(
        prometheus_rules=api.PROMETHEUS_RULE.kind in known,
        service_monitors=api.SERVICE_MONITOR.kind in known,
    )


async def read_children(cluster: Cluster, owner: Owner, apis: Apis, wanted: Iterable[Manifest]) -> Children:
    """Look at all objects of one resource, and at what stands under the names of the wanted ones."""
    kinds = [*api.CHILDREN, *_monitoring(apis), api.POD]
    selector = f"{labels.SELECTOR},{labels.INSTANCE}={owner.name}"
    lists = await asyncio.gather(
        *(
            cluster.labelled(
                kind, owner.namespace, selector, metadata_only=kind not in (*_READ_WHOLE, api.POD)
            )
            for kind in kinds
        )
    )
    found = {
        ObjectId.of(document, kind): document
        for kind, documents in zip(kinds, lists, strict=True)
        if kind is not api.POD
        for document in documents
    }
    for document in await _unlabelled(cluster, owner, found, wanted):
        found[ObjectId.of(document)] = document
    pods = lists[kinds.index(api.POD)]
    seen = tuple(_child(id_, document, owner) for id_, document in sorted(found.items()))
    ours = {ObjectId(child.api_version, child.kind, child.name) for child in seen if child.ours}
    deployment = ObjectId(api.DEPLOYMENT.api_version, api.DEPLOYMENT.kind, owner.name)
    jobs = (
        job_seen(document, pods)
        for id_, document in sorted(found.items())
        if id_.kind == api.JOB.kind and id_ in ours
    )
    return Children(
        seen=seen,
        versions={id_: found[id_]["metadata"]["resourceVersion"] for id_ in ours},
        marks={id_: mark(found[id_]) for id_ in ours},
        workload=workload_seen(found[deployment], pods) if deployment in ours else None,
        jobs=tuple(job for job in jobs if job is not None),
        snapshots={id_.name: found[id_] for id_ in ours if id_.kind == api.CONTROLLER_REVISION.kind},
    )


async def _unlabelled(
    cluster: Cluster, owner: Owner, found: Mapping[ObjectId, Any], wanted: Iterable[Manifest]
) -> list[dict[str, Any]]:
    """Objects under names that ours should have but without our labels: somebody else's, or ours with labels lost."""
    absent = [manifest for manifest in wanted if ObjectId.of(manifest) not in found]
    answers = await asyncio.gather(
        *(
            cluster.get(api.kind_of(manifest), owner.namespace, manifest["metadata"]["name"])
            for manifest in absent
        )
    )
    return [document for document in answers if document is not None]


def _child(id_: ObjectId, document: Mapping[str, Any], owner: Owner) -> ChildSeen:
    metadata = document["metadata"]
    controller = next(
        (reference for reference in metadata.get("ownerReferences", ()) if reference.get("controller")), None
    )
    if controller is not None:
        return ChildSeen(
            *id_,
            ours=controller["uid"] == owner.uid,
            owner="" if controller["uid"] == owner.uid else f"{controller['kind']} {controller['name']}",
        )
    # Retained objects have no controller: they are ours when they carry our labels, or when we once applied them.
    ours = (
        metadata.get("labels", {}).get(labels.MANAGED_BY) == names.OPERATOR
        and metadata.get("labels", {}).get(labels.INSTANCE) == owner.name
    ) or any(
        str(entry.get("manager", "")).startswith(f"{names.OPERATOR}/")
        for entry in metadata.get("managedFields", ())
    )
    return ChildSeen(*id_, ours=ours, owner="" if ours else "somebody without an owner reference")


def mark(document: Mapping[str, Any]) -> str:
    """Changes with whatever people change, and not with what controllers note beside it, such as status."""
    metadata = document["metadata"]
    content = metadata.get("generation", metadata["resourceVersion"])
    return names.digest([metadata["uid"], content, metadata.get("labels"), metadata.get("ownerReferences")])


def _monitoring(apis: Apis) -> list[Kind]:
    known = ((api.SERVICE_MONITOR, apis.service_monitors), (api.PROMETHEUS_RULE, apis.prometheus_rules))
    return [kind for kind, there in known if there]


def _listed(keys: Iterable[str]) -> str:
    keys = tuple(keys)
    return f"{'key' if len(keys) == 1 else 'keys'} {', '.join(keys)}"
