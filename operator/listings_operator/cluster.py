"""The Kubernetes API: the only module that calls it. Plain dicts in and out, one timeout, one kind of error."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from listings_operator import names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from listings_operator.metrics import ApiMetrics

# Nothing we ask takes a second; whoever has not answered after this never will.
_TIMEOUT_SECONDS: Final = 10.0
_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
# Servers that know nothing of metadata-only answers may give the whole objects.
_ANYTHING: Final = ",application/json"


class Kind(NamedTuple):
    """A kind of object, as its address needs it."""

    api_version: str
    kind: str
    plural: str

    @property
    def root(self) -> str:
        """The first part of the address."""
        return f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The address of an object, or of the list of a namespace; without one, of the list of all of them."""
        within = ("namespaces", namespace) if namespace else ()
        parts = (self.root, *within, self.plural, name, subresource)
        return "/".join(part for part in parts if part)


LISTINGS_DEPLOYMENT: Final = Kind(names.API_VERSION, names.KIND, names.PLURAL)
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
SECRET: Final = Kind("v1", "Secret", "secrets")
SERVICE: Final = Kind("v1", "Service", "services")
SERVICE_ACCOUNT: Final = Kind("v1", "ServiceAccount", "serviceaccounts")
POD: Final = Kind("v1", "Pod", "pods")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
CONTROLLER_REVISION: Final = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
JOB: Final = Kind("batch/v1", "Job", "jobs")
AUTOSCALER: Final = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
DISRUPTION_BUDGET: Final = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
SERVICE_MONITOR: Final = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors")
PROMETHEUS_RULE: Final = Kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules")
EVENT: Final = Kind("events.k8s.io/v1", "Event", "events")

# What is made for a resource and must be as we made it.
CHILDREN: Final = (
    CONFIG_MAP,
    SERVICE,
    SERVICE_ACCOUNT,
    DEPLOYMENT,
    CONTROLLER_REVISION,
    JOB,
    AUTOSCALER,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
)
MONITORING: Final = (SERVICE_MONITOR, PROMETHEUS_RULE)
_BY_NAME: Final = {(kind.api_version, kind.kind): kind for kind in (*CHILDREN, *MONITORING)}


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """The kind of an object of ours; a KeyError for a kind that the operator never makes."""
    return _BY_NAME[manifest["apiVersion"], manifest["kind"]]


class ApiError(Exception):
    """The API server refused a request; the text is what it said."""

    def __init__(self, status: int, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after

    @property
    def refused(self) -> bool:
        """Whether the server took the request and said no, for a reason that the same request meets again."""
        return 400 <= self.status < 500 and self.status not in (409, 429)


class ApiUnreachable(ApiError):
    """No answer came: the connection failed or the time was up."""

    def __init__(self, message: str) -> None:
        super().__init__(0, message)


@dataclass(frozen=True, slots=True)
class Cluster:
    """One API server."""

    client: ApiClient
    metrics: ApiMetrics

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """An object, or None."""
        try:
            return await self._ask("GET", kind, kind.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def labelled(
        self, kind: Kind, namespace: str, selector: str, *, metadata_only: bool = False
    ) -> list[dict[str, Any]]:
        """The objects with these labels; of a kind that the server does not know, none."""
        accept = {"Accept": _METADATA_ONLY + _ANYTHING} if metadata_only else {}
        try:
            answer = await self._ask(
                "GET", kind, kind.path(namespace), query=[("labelSelector", selector)], headers=accept
            )
        except ApiError as error:
            if error.status == 404:
                return []
            raise
        items: list[dict[str, Any]] = answer.get("items") or []  # an empty list of metadata is null
        return items

    async def apply(
        self, manifest: Mapping[str, Any], manager: str, *, kind: Kind | None = None, subresource: str = ""
    ) -> dict[str, Any]:
        """Server-side apply: the fields in the manifest become ours and as it says; other managers' stay."""
        kind = kind or kind_of(manifest)
        metadata = manifest["metadata"]
        return await self._ask(
            "PATCH",
            kind,
            kind.path(metadata["namespace"], metadata["name"], subresource),
            query=[("fieldManager", manager), ("force", "true"), ("fieldValidation", "Strict")],
            headers={"Content-Type": "application/apply-patch+yaml"},
            body=manifest,
        )

    async def change(
        self, manifest: Mapping[str, Any], manager: str, patch: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Change an object by a JSON patch; 409 when it is not any more what the patch was made for."""
        kind, metadata = kind_of(manifest), manifest["metadata"]
        try:
            return await self._ask(
                "PATCH",
                kind,
                kind.path(metadata["namespace"], metadata["name"]),
                query=[("fieldManager", manager), ("fieldValidation", "Strict")],
                headers={"Content-Type": "application/json-patch+json"},
                body=patch,
            )
        except ApiError as error:
            if error.status == 422:
                # What the patch tests is not so any more: nothing is wrong with the object, another look is due.
                raise ApiError(409, error.message) from error
            raise

    async def create(self, manifest: Mapping[str, Any], manager: str, *, kind: Kind | None = None) -> bool:
        """Create an object; False when one of that name exists."""
        kind = kind or kind_of(manifest)
        try:
            await self._ask(
                "POST",
                kind,
                kind.path(manifest["metadata"]["namespace"]),
                query=[("fieldManager", manager), ("fieldValidation", "Strict")],
                body=manifest,
            )
        except ApiError as error:
            if error.status == 409:
                return False
            raise
        return True

    async def delete(self, kind: Kind, namespace: str, name: str) -> bool:
        """Delete an object, and what it owns in the background; False when there is none."""
        try:
            await self._ask(
                "DELETE", kind, kind.path(namespace, name), body={"propagationPolicy": "Background"}
            )
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def kinds(self, api_version: str) -> frozenset[str]:
        """The kinds that the server knows in a group's version; none for a group that it does not know."""
        root = Kind(api_version, "", "").root
        try:
            answer = await self._ask("GET", Kind(api_version, "APIResourceList", ""), root)
        except ApiError as error:
            if error.status == 404:
                return frozenset()
            raise
        return frozenset(resource["kind"] for resource in answer.get("resources", ()))

    async def _ask(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        body: Mapping[str, Any] | list[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        began = time.monotonic()
        status = 0
        try:
            call = await self.client.param_serialize(
                method=verb,
                resource_path=path,
                query_params=query or [],
                header_params={"Accept": "application/json", **(headers or {})},
                body=body,
                auth_settings=["BearerToken"],
            )
            response: Any = await self.client.call_api(*call, _request_timeout=_TIMEOUT_SECONDS)
            data = await response.read()
            status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiUnreachable(f"{verb} {path}: {str(error) or type(error).__name__}") from error
        finally:
            self.metrics.answered(verb, kind.kind, status, time.monotonic() - began)
        if status >= 400:
            raise _refusal(status, data, response.getheader("Retry-After"))
        answer: dict[str, Any] = json.loads(data)
        return answer


def _refusal(status: int, data: bytes, retry_after: str | None) -> ApiError:
    try:
        message = json.loads(data)["message"]
    except (ValueError, KeyError, TypeError):
        message = data.decode(errors="replace")[:500]
    return ApiError(
        status, message, retry_after=float(retry_after) if retry_after and retry_after.isdecimal() else None
    )


@asynccontextmanager
async def open_cluster(metrics: ApiMetrics, *, connections: int) -> AsyncIterator[Cluster]:
    """The API server of the pod's service account, or outside a pod the one of KUBECONFIG."""
    configuration = Configuration()
    configuration.connection_pool_maxsize = connections
    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException:
        # Said here because the client reads the variable when it is imported.
        await load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=configuration)
    async with ApiClient(configuration) as client:
        try:
            yield Cluster(client, metrics)
        finally:
            # TLS connections close in the next turns of the loop; without them Python warns about open transports.
            await asyncio.sleep(0)
