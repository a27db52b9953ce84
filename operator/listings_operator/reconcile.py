"""One look at one resource: observe, decide, write down, act, tell. The only place where deciding and doing meet.

The order is what makes it safe to be stopped anywhere. Status is written before anything is done, on condition that
nobody has changed the resource since it was read: an operator with old knowledge writes nothing and does nothing.
What is done after that is either idempotent (apply, delete) or named by what was written (Jobs).
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from listings_operator import cluster as api
from listings_operator import events, names
from listings_operator.actions import Apply, Create, Delete, Event
from listings_operator.cluster import ApiError
from listings_operator.conditions import shortened
from listings_operator.decide import Desired, plan, refuse
from listings_operator.desired import Concern, Owner, desired_state
from listings_operator.desired.revision import spec_of
from listings_operator.ledger import read_ledger
from listings_operator.observe import ObjectId, mark, read_apis, read_children, read_secrets
from listings_operator.observed import Observed, Problem, Refused
from listings_operator.spec import read_spec
from listings_operator.status import status_document
from listings_operator.strays import without_strays
from listings_operator.vocabulary import ConditionType, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from listings_operator.actions import Action, Plan
    from listings_operator.assets import Assets
    from listings_operator.cluster import Cluster
    from listings_operator.desired import DesiredState
    from listings_operator.ledger import Ledger
    from listings_operator.metrics import ReconcileMetrics
    from listings_operator.observe import Children, Secrets
    from listings_operator.observed import Apis
    from listings_operator.queue import Key
    from listings_operator.settings import Settings
    from listings_operator.watchdog import Watchdog

_LOG: Final = logging.getLogger(__name__)

# Kinds that appear when somebody installs the Prometheus Operator: rare, and asked for at every look otherwise.
_APIS_KEPT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply left behind: while the object still has this version, applying the same again changes nothing."""

    content: str
    version: str


@dataclass(slots=True)
class Memory:
    """What a look may keep for the next one of the same resource. Only to save work and to compare: never to decide."""

    applied: dict[tuple[ObjectId, Concern], Applied] = field(default_factory=dict)
    refused: dict[ObjectId, str] = field(default_factory=dict)
    """What the API server said against an object; from status after a restart."""

    @classmethod
    def after(cls, ledger: Ledger) -> Memory:
        """The memory of an operator that has just been started."""
        return cls(
            refused={
                ObjectId(item.api_version, item.kind, item.name): item.message for item in ledger.refused
            }
        )

    @contextmanager
    def noting_refusal(self, id_: ObjectId) -> Iterator[None]:
        """Remember what the API server says against an object, and forget it when it takes the object."""
        try:
            yield
        except ApiError as error:
            if error.refused:
                self.refused[id_] = shortened(error.message)
            raise
        self.refused.pop(id_, None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the actions of one look are."""

    versions: dict[ObjectId, str]
    """Resource version of each object, as far as we know."""
    marks: dict[ObjectId, str]
    """Mark of each object (`observe.mark`), as far as we know."""
    told: set[ObjectId] = field(default_factory=set)
    """Corrected objects: several concerns may each have a part in one."""


class Reconciler:
    """Looks at resources."""

    def __init__(
        self,
        cluster: Cluster,
        assets: Assets,
        settings: Settings,
        metrics: ReconcileMetrics,
        watchdog: Watchdog,
    ) -> None:
        self._cluster = cluster
        self._assets = assets
        self._settings = settings
        self._metrics = metrics
        self._watchdog = watchdog
        self._memories: dict[Key, Memory] = {}
        self._apis: tuple[float, Apis] | None = None

    async def look(self, key: Key) -> float | None:
        """Bring one resource a step forward; seconds until the next look, None when it is gone. Raises what failed."""
        began, failed = time.monotonic(), True
        try:
            async with asyncio.timeout(self._settings.longest_look_seconds):
                again = await self._look(key)
            failed = False
        except ApiError as error:
            if error.status == 409:
                # Somebody changed the resource during the look: the next look sees the change.
                failed = False
                return 0.0
            _LOG.warning("%s/%s: %s", key.namespace, key.name, error.message)
            if error.retry_after is not None:
                # An overloaded API server says itself when it wants to be asked again.
                return error.retry_after
            raise
        except Exception:
            _LOG.exception("%s/%s: the look failed", key.namespace, key.name)
            raise
        else:
            return again
        finally:
            self._metrics.looked(time.monotonic() - began, failed=failed)

    async def _look(self, key: Key) -> float | None:
        resource = await self._cluster.get(api.LISTINGS_DEPLOYMENT, key.namespace, key.name)
        if resource is None:
            self._memories.pop(key, None)
            self._metrics.gone(key.namespace, key.name)
            return None
        now = datetime.now(UTC)
        ledger = read_ledger(resource.get("status") or {})
        memory = self._memories.setdefault(key, Memory.after(ledger))
        owner = Owner(key.name, key.namespace, resource["metadata"]["uid"])
        try:
            spec = read_spec(resource["spec"])
        except ValidationError as error:
            # The schema refuses such a spec; one written under an older schema can still be there.
            observed = _observed(resource)
            decided = refuse(observed, ledger, Problem(Reason.SPEC_INVALID, " ".join(str(error).split())))
            await self._write(resource, decided, observed, now)
            return self._settings.resync_seconds

        secrets, apis = await asyncio.gather(
            read_secrets(self._cluster, key.namespace, spec), self._known_apis()
        )
        target = desired_state(spec, owner, self._assets, secrets.hashes, apis)
        children = await read_children(self._cluster, owner, apis, _wanted(target))
        desired = Desired(target, self._stable(owner, secrets, apis, ledger, children))
        observed = replace(
            _observed(resource),
            dependencies=secrets.problems,
            observability=self._assets.problems,
            refused=_refused(memory, desired),
            workload=children.workload,
            jobs=children.jobs,
            children=children.seen,
        )
        decided = plan(desired, observed, ledger, now)
        resource = await self._write(resource, decided, observed, now)
        for event in decided.events:
            await self._tell(resource, event, now)
        refused_before = dict(memory.refused)
        progress = Progress(dict(children.versions), dict(children.marks))
        tried = {ObjectId.of(action.manifest) for action in decided.actions if not isinstance(action, Delete)}
        # What is not wanted any more is not refused any more either.
        memory.refused = {id_: said for id_, said in memory.refused.items() if id_ in tried}
        for action in decided.actions:
            await self._carry_out(action, resource, progress, memory, now)
        if memory.refused != refused_before:
            return 0.0
        return min(decided.requeue_after, self._settings.resync_seconds)

    def _stable(
        self, owner: Owner, secrets: Secrets, apis: Apis, ledger: Ledger, children: Children
    ) -> DesiredState | None:
        if ledger.stable is None:
            return None
        snapshot = children.snapshots.get(names.revision(owner.name, ledger.stable.hash))
        if snapshot is None:
            return None
        try:
            return desired_state(spec_of(snapshot), owner, self._assets, secrets.hashes, apis)
        except (ValidationError, KeyError) as error:
            _LOG.warning("%s/%s: snapshot not readable: %s", owner.namespace, owner.name, error)
            return None

    async def _known_apis(self) -> Apis:
        now = time.monotonic()
        if self._apis is None or self._apis[0] < now - _APIS_KEPT_SECONDS:
            self._apis = (now, await read_apis(self._cluster))
        return self._apis[1]

    async def _write(
        self, resource: dict[str, Any], decided: Plan, observed: Observed, now: datetime
    ) -> dict[str, Any]:
        """Write status if it differs; the resource as it is after that."""
        metadata = resource["metadata"]
        previous = resource.get("status") or {}
        status = status_document(metadata["name"], decided, observed, previous, now)
        stalled = any(
            condition.type is ConditionType.STALLED and condition.status == "True"
            for condition in decided.conditions
        )
        self._metrics.in_phase(metadata["namespace"], metadata["name"], decided.phase.value, stalled=stalled)
        if status == previous:
            return resource
        heard = self._watchdog.heard_so_far(names.KIND)
        written = await self._cluster.apply(
            {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "metadata": {
                    "name": metadata["name"],
                    "namespace": metadata["namespace"],
                    # Refused with 409 when anybody has changed the resource since it was read.
                    "resourceVersion": metadata["resourceVersion"],
                },
                "status": status,
            },
            Concern.STATUS,
            kind=api.LISTINGS_DEPLOYMENT,
            subresource="status",
        )
        if written["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            self._watchdog.changed(names.KIND, heard)
        return written

    async def _carry_out(
        self,
        action: Action,
        resource: Mapping[str, Any],
        progress: Progress,
        memory: Memory,
        now: datetime,
    ) -> None:
        namespace = resource["metadata"]["namespace"]
        match action:
            case Apply():
                await self._apply(action, resource, progress, memory, now)
            case Create(manifest):
                id_ = ObjectId.of(manifest)
                if id_ in progress.versions:
                    return
                heard = self._watchdog.heard_so_far(id_.kind)
                with memory.noting_refusal(id_):
                    created = await self._cluster.create(manifest, Concern.WORKLOAD)
                if created:
                    self._watchdog.changed(id_.kind, heard)
                    task = manifest["metadata"]["labels"].get(names.TASK_LABEL)
                    if task is not None:
                        _LOG.info("%s: Job %s created", namespace, manifest["metadata"]["name"])
                        self._metrics.job_created(task)
            case Delete(api_version, kind, name):
                of_kind = api.kind_of({"apiVersion": api_version, "kind": kind})
                heard = self._watchdog.heard_so_far(kind)
                if await self._cluster.delete(of_kind, namespace, name):
                    self._watchdog.changed(kind, heard)

    async def _apply(
        self,
        action: Apply,
        resource: Mapping[str, Any],
        progress: Progress,
        memory: Memory,
        now: datetime,
    ) -> None:
        manifest, id_ = action.manifest, ObjectId.of(action.manifest)
        content = names.digest(manifest)
        before = memory.applied.get((id_, action.concern))
        seen = progress.versions.get(id_)
        if before is not None and before == Applied(content, seen or ""):
            return
        heard = self._watchdog.heard_so_far(id_.kind)
        try:
            with memory.noting_refusal(id_):
                document = await self._cluster.apply(manifest, action.concern)
                if action.concern is not Concern.SCALE and (strays := without_strays(manifest, document)):
                    document = await self._cluster.change(manifest, action.concern, strays)
        except ApiError as error:
            memory.applied.pop((id_, action.concern), None)
            if error.refused and action.concern is Concern.OBSERVABILITY:
                # One bad rule file, or a missing right for rules, may not hold up the workload.
                return
            raise
        version = document["metadata"]["resourceVersion"]
        memory.applied[id_, action.concern] = Applied(content, version)
        if version == seen:
            return
        marked, progress.marks[id_] = progress.marks.get(id_), mark(document)
        progress.versions[id_] = version
        if marked == progress.marks[id_]:
            return  # a controller has written its status while we looked
        self._watchdog.changed(id_.kind, heard)
        # The same content was there, and it took a write to have it back: somebody else had changed or removed it.
        if before is not None and before.content == content and id_ not in progress.told:
            progress.told.add(id_)
            self._metrics.drift_corrected(manifest["kind"])
            what = "changed" if seen else "deleted"
            message = f"{id_.kind} {id_.name} had been {what}; it is again as this resource says."
            await self._tell(resource, Event("Normal", Reason.DRIFT_CORRECTED, message), now)

    async def _tell(self, resource: Mapping[str, Any], event: Event, now: datetime) -> None:
        _LOG.info(
            "%s/%s: %s: %s",
            resource["metadata"]["namespace"],
            resource["metadata"]["name"],
            event.reason,
            event.message,
        )
        await events.send(self._cluster, event, resource, identity=self._settings.identity, now=now)


def _observed(resource: Mapping[str, Any]) -> Observed:
    """What the resource itself says, beside its spec and status."""
    metadata = resource["metadata"]
    return Observed(
        generation=metadata["generation"],
        deleting="deletionTimestamp" in metadata,
        retry_token=metadata.get("annotations", {}).get(names.RETRY_ANNOTATION, ""),
    )


def _refused(memory: Memory, desired: Desired) -> tuple[Refused, ...]:
    """What was refused and is still wanted; of Jobs the ledger decides that, after this."""
    manifests = _wanted(desired.target)
    if desired.stable is not None:
        manifests += desired.stable.foundation
    wanted = {ObjectId.of(manifest) for manifest in manifests}
    return tuple(
        Refused(*id_, message=said)
        for id_, said in sorted(memory.refused.items())
        if id_ in wanted or id_.kind == api.JOB.kind
    )


def _wanted(state: DesiredState) -> list[dict[str, Any]]:
    return [*state.foundation, state.deployment, *state.around, *state.observability, state.snapshot]
