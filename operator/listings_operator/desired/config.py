"""The settings of the service that a spec decides, and the ConfigMap that carries them to pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings_operator import labels, names
from listings_operator.desired.manifest import Manifest, Owner, metadata
from listings_operator.spec import SERVICE_DRAIN_DELAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from listings_operator.spec import ListingsSpec

PREFIX = "LISTINGS_"
# Where pods find certificate and key, as files that the kubelet renews and the service reads again.
TLS_FOLDER: Final = "/etc/listings/tls"


def settings(spec: ListingsSpec, owner: Owner) -> dict[str, str]:
    """Variable -> value. What `pod.env` says comes first and is overridden by what has a field of its own."""
    return {
        "LISTINGS_ENV": owner.namespace,
        "LISTINGS_LOG_FORMAT": "json",
        **{variable.name: variable.value for variable in spec.pod.env},
        "LISTINGS_GRPC_PORT": str(spec.grpc.port),
        "LISTINGS_HTTP_PORT": str(spec.http.port),
        "LISTINGS_MAX_CONNECTION_AGE_SECONDS": str(spec.grpc.max_connection_age_seconds),
        "LISTINGS_MAX_CONNECTION_AGE_GRACE_SECONDS": str(spec.grpc.max_connection_age_grace_seconds),
        "LISTINGS_DRAIN_DELAY_SECONDS": str(SERVICE_DRAIN_DELAY_SECONDS),
        "LISTINGS_DRAIN_SECONDS": str(spec.grpc.drain_seconds),
        "LISTINGS_DB_POOL_SIZE": str(spec.database.pool_size),
        "LISTINGS_DB_STATEMENT_TIMEOUT_SECONDS": str(spec.database.statement_timeout_seconds),
        "LISTINGS_RATE_LIMIT_ENABLED": str(spec.rate_limit.enabled).lower(),
        "LISTINGS_RATE_LIMIT_PRESET": spec.rate_limit.preset,
        "LISTINGS_TIMEOUTS_PRESET": spec.timeouts.preset,
        **_tls(spec),
        **_by_method("LISTINGS_RATE_LIMIT_PER_MINUTE", spec.rate_limit.per_minute),
        **_by_method("LISTINGS_TIMEOUTS_SECONDS", spec.timeouts.seconds),
    }


def _tls(spec: ListingsSpec) -> dict[str, str]:
    if spec.tls is None:
        return {}
    return {
        "LISTINGS_TLS_CERT_PATH": f"{TLS_FOLDER}/tls.crt",
        "LISTINGS_TLS_KEY_PATH": f"{TLS_FOLDER}/tls.key",
        "LISTINGS_TLS_EDGES": spec.tls.edges,
    }


def _by_method(variable: str, values: Mapping[str, str] | Mapping[str, int]) -> dict[str, str]:
    """The variable, where there is something to say: an image that does not know it need not hear of it."""
    text = ",".join(f"{method}={value}" for method, value in sorted(values.items()))
    return {variable: text} if text else {}


def secret_variables(spec: ListingsSpec) -> list[Manifest]:
    """Variables whose values stand in the user's Secrets; the operator's objects never hold them."""
    references = [spec.database.secret_ref] + ([spec.redis.secret_ref] if spec.redis else [])
    return [
        {
            "name": PREFIX + setting,
            "valueFrom": {"secretKeyRef": {"name": reference.name, "key": key}},
        }
        for reference in references
        for setting, key in reference.keys.items()
    ]


def config_map(spec: ListingsSpec, owner: Owner) -> Manifest:
    """One content, one name, never changed: new settings are a new object, so they reach pods by a rollout only."""
    data = settings(spec, owner)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(
            owner, names.config(owner.name, names.digest(data)), labels.SERVICE, retained=spec.retained
        ),
        "immutable": True,
        "data": data,
    }
