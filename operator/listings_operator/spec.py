"""What a ListingsDeployment may say, as frozen typed values with their defaults.

The one source of truth: `crd.py` renders the schema that the API server enforces from these classes, builders in
`desired/` read them, and nothing else knows a default. Field names are written as Kubernetes writes them
(`pullPolicy`) and read here as Python does (`pull_policy`).

A `Rule` is checked by the API server (CEL) and says what to write instead. It is not checked a second time here: a
resource that reaches the operator has passed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from listings_operator.fields import (
    ATOMIC,
    BY_METHOD,
    BY_NAME,
    KEYS,
    METHODS,
    SET,
    CallsPerMinute,
    Interval,
    Key,
    Labels,
    LabelValue,
    Name,
    Part,
    Port,
    Quantity,
    Rule,
    Text,
    rules_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the service itself waits between "not ready" and refusing calls. The preStop sleep has let balancers notice
# by then; this moment is for clients that follow gRPC health.
SERVICE_DRAIN_DELAY_SECONDS: Final = 2
# Between the end of draining and SIGKILL: closing sessions, writing the last log lines.
STOP_MARGIN_SECONDS: Final = 3


class Image(Part):
    """The image that serves, migrates and is smoke-tested."""

    rules = (
        Rule(
            "!(has(self.tag) && has(self.digest))",
            "set image.tag or image.digest, not both: a digest already names one image",
        ),
        Rule(
            "!self.repository.matches(':[^/]*$')",
            "put what follows the colon of image.repository into image.tag",
        ),
    )

    repository: Annotated[
        str, StringConstraints(max_length=255, pattern=r"^[a-z0-9][-a-z0-9._:/]*[a-z0-9]$")
    ] = Field(description="Repository without tag, for example registry.example.com/listings.")
    tag: (
        Annotated[str, StringConstraints(max_length=128, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] | None
    ) = Field(None, description="Tag. Without tag and digest it is spec.version.")
    digest: Annotated[str, StringConstraints(max_length=71, pattern=r"^sha256:[0-9a-f]{64}$")] | None = Field(
        None, description="Digest, for images that must not change under their name."
    )
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = Field(
        "IfNotPresent", description="When nodes fetch the image."
    )
    pull_secrets: Annotated[tuple[Name, ...], Field(max_length=5), SET] = Field(
        (), description="Names of Secrets with registry credentials."
    )


class Autoscaling(Part):
    """A HorizontalPodAutoscaler by CPU."""

    rules = (
        Rule(
            "self.maxReplicas >= self.minReplicas",
            "raise autoscaling.maxReplicas to at least autoscaling.minReplicas",
        ),
    )

    min_replicas: int = Field(2, ge=1, le=200, description="Pods kept at any load.")
    max_replicas: int = Field(10, ge=1, le=200, description="Pods at the highest load.")
    target_cpu_percent: int = Field(
        70,
        ge=10,
        le=95,
        description="Average CPU, in percent of the request, that the number of pods aims at.",
    )


class Grpc(Part):
    """The gRPC port, and how long clients may hold a connection."""

    rules = (
        Rule(
            "self.maxConnectionAgeGraceSeconds <= self.drainSeconds",
            "lower grpc.maxConnectionAgeGraceSeconds or raise grpc.drainSeconds: "
            "calls that ageing lets finish must also be able to finish when a pod stops",
        ),
    )

    port: Port = Field(50053, description="Port of the Service and of the pods.")
    max_connection_age_seconds: int = Field(
        300,
        ge=30,
        le=86400,
        description="Connections are asked to move on after about this time, so that new pods get their share.",
    )
    max_connection_age_grace_seconds: int = Field(
        30, ge=1, le=600, description="How long calls of an aged connection may still take."
    )
    pre_stop_seconds: int = Field(
        5,
        ge=1,
        le=60,
        description="Pause before a pod is told to stop: balancers stop choosing it meanwhile.",
    )
    drain_seconds: int = Field(
        30, ge=5, le=600, description="Longest wait for calls in flight when a pod stops."
    )


class Http(Part):
    """REST, health and metrics."""

    port: Port = Field(8086, description="Port of the Service and of the pods.")


class DatabaseSecret(Part):
    """Where the address of PostgreSQL is kept: one key with a URL, or one key for each part."""

    rules = (
        Rule(
            "!has(self.url) || !(has(self.host) || has(self.port) || has(self.user) "
            "|| has(self.password) || has(self.database))",
            "name either the key of a whole address (url) or the keys of its parts (host, user, password, "
            "database), not both",
        ),
        Rule(
            "!(has(self.host) || has(self.port) || has(self.user) || has(self.password) || has(self.database)) "
            "|| (has(self.host) && has(self.user) && has(self.password) && has(self.database))",
            "split credentials need all of the keys host, user, password and database; only port may be left out",
        ),
        Rule(
            "self.name == oldSelf.name",
            "database.secretRef.name cannot change: put the new credentials into the same Secret, "
            "or create another ListingsDeployment for another database",
        ),
    )

    name: Name = Field(description="Secret in the namespace of this resource.")
    url: Key | None = Field(
        None, description="Key of postgresql://user:password@host:port/name. Default: url."
    )
    host: Key | None = Field(None, description="Key of the host.")
    port: Key | None = Field(None, description="Key of the port.")
    user: Key | None = Field(None, description="Key of the role.")
    password: Key | None = Field(None, description="Key of the password.")
    database: Key | None = Field(None, description="Key of the database's name.")

    @property
    def keys(self) -> dict[str, str]:
        """Setting of the service (without prefix) -> key of the Secret."""
        if self.host is None:
            return {"DATABASE_URL": self.url or "url"}
        split = {
            "DB_HOST": self.host,
            "DB_PORT": self.port,
            "DB_USER": self.user,
            "DB_PASSWORD": self.password,
            "DB_NAME": self.database,
        }
        return {setting: key for setting, key in split.items() if key is not None}


class Database(Part):
    """PostgreSQL."""

    secret_ref: DatabaseSecret = Field(description="Credentials.")
    pool_size: int = Field(8, ge=1, le=200, description="Sessions that each pod holds.")
    statement_timeout_seconds: int = Field(
        30, ge=1, le=3600, description="PostgreSQL ends any statement of the service after this time."
    )


class RedisSecret(Part):
    """Where the address of Redis is kept."""

    name: Name = Field(description="Secret in the namespace of this resource.")
    url: Key = Field("url", description="Key of redis://:password@host:port/db.")

    @property
    def keys(self) -> dict[str, str]:
        """Setting of the service (without prefix) -> key of the Secret."""
        return {"REDIS_URL": self.url}


class Redis(Part):
    """Redis; without it limits and invalidation are each pod's own."""

    secret_ref: RedisSecret = Field(description="Credentials.")


class TlsSecret(Part):
    """Where the certificate is kept, as cert-manager and `kubectl create secret tls` write it."""

    name: Name = Field(description="Secret in the namespace of this resource.")
    cert: Key = Field("tls.crt", description="Key of the certificate and its chain, PEM.")
    key: Key = Field("tls.key", description="Key of the private key, PEM.")
    ca: Key = Field(
        "ca.crt", description="Key of who signed it, PEM; the smoke test and Prometheus verify it by that."
    )

    @property
    def keys(self) -> dict[str, str]:
        """File name in pods -> key of the Secret."""
        return {"tls.crt": self.cert, "tls.key": self.key, "ca.crt": self.ca}


class Tls(Part):
    """TLS of the service's ports. The certificate must name the Service: NAME.NAMESPACE.svc."""

    secret_ref: TlsSecret = Field(description="Certificate and key.")
    edges: Literal["grpc", "both"] = Field(
        "grpc", description="Ports that speak TLS; REST, health and metrics stay plain without both."
    )

    @property
    def http(self) -> bool:
        """Whether REST, health and metrics speak TLS."""
        return self.edges == "both"


class Migrations(Part):
    """How the schema gets to the version that the image needs."""

    strategy: Literal["Auto", "Off"] = Field(
        "Auto",
        description="Auto runs what is pending before new pods start. Off only looks, and waits while anything is pending.",
    )
    backoff_limit: int = Field(
        3,
        ge=0,
        le=10,
        description="Further attempts after a failure that may pass: no connection, a locked table.",
    )
    deadline_seconds: int = Field(1800, ge=30, le=86400, description="Longest run of one attempt.")
    lock_timeout_seconds: int = Field(
        1,
        ge=1,
        le=60,
        description="How long one statement queues for a table while everybody queues behind it.",
    )


class Smoke(Part):
    """The check that follows each rollout."""

    enabled: bool = Field(default=True, description="Run it.")
    deadline_seconds: int = Field(120, ge=10, le=1800, description="Longest run.")


class Rollout(Part):
    """How a new version takes over."""

    progress_deadline_seconds: int = Field(
        300,
        ge=30,
        le=7200,
        description="Longest time without a new ready pod before the rollout counts as failed.",
    )
    automatic_rollback: bool = Field(
        default=True,
        description="Return to the last good revision, if the live schema serves it, when a rollout or its smoke test fails.",
    )
    revision_history_limit: int = Field(5, ge=1, le=20, description="Good revisions remembered.")
    smoke: Smoke = Field(Smoke(), description="Check after each rollout.")


class AlertRules(Part):
    """How the alerts of this release are provisioned."""

    mode: Literal["Auto", "PrometheusRule", "ConfigMap", "Off"] = Field(
        "Auto", description="Auto: PrometheusRule where the cluster knows that kind, else ConfigMap."
    )
    labels: Labels = Field({}, description="Added to each object: what your Prometheus selects rules by.")


class ServiceMonitor(Part):
    """How Prometheus finds the pods."""

    enabled: bool = Field(
        default=True, description="Make a ServiceMonitor where the cluster knows that kind."
    )
    interval: Interval = Field("30s", description="Time between scrapes.")
    labels: Labels = Field({}, description="Added to it: what your Prometheus selects monitors by.")


class Dashboards(Part):
    """How the dashboards of this release reach Grafana's sidecar."""

    enabled: bool = Field(default=True, description="Make a ConfigMap for each dashboard.")
    folder: Annotated[str, StringConstraints(min_length=1, max_length=63)] = Field(
        "Listings", description="Folder in Grafana."
    )
    labels: Labels = Field({}, description="Added to each ConfigMap, beside the sidecar's own.")


class Observability(Part):
    """Rules, scraping and dashboards."""

    rules_: AlertRules = Field(AlertRules(), alias="rules", description="Alerts and recording rules.")
    service_monitor: ServiceMonitor = Field(ServiceMonitor(), description="Scraping.")
    dashboards: Dashboards = Field(Dashboards(), description="Dashboards.")


class RateLimit(Part):
    """Limits per caller and method."""

    enabled: bool = Field(default=True, description="Limit at all.")
    preset: Literal["compatible", "strict"] = Field(
        "compatible", description="compatible: the inherited limits of eleven methods. strict: limits on all."
    )
    per_minute: Annotated[
        dict[str, CallsPerMinute],
        Field(max_length=len(METHODS)),
        rules_of(BY_METHOD),
    ] = Field({}, description="Calls per minute of single methods, or unlimited, instead of the preset's.")


class Timeouts(Part):
    """Time limits per method."""

    preset: Literal["default", "tight"] = Field(
        "default", description="default: 30 s, search 10 s. tight: the inherited value of each method."
    )
    seconds: Annotated[
        dict[str, Annotated[int, Field(ge=1, le=300)]],
        Field(max_length=len(METHODS)),
        rules_of(BY_METHOD),
    ] = Field({}, description="Time limits of single methods in seconds, instead of the preset's.")


class PodDisruptionBudget(Part):
    """What evictions may take at once."""

    enabled: bool = Field(default=True, description="Make a PodDisruptionBudget.")
    max_unavailable: int = Field(1, ge=1, le=100, description="Pods that evictions may take at once.")


class TopologySpread(Part):
    """How pods spread over nodes and zones."""

    enabled: bool = Field(default=True, description="Ask for it.")
    when_unsatisfiable: Literal["ScheduleAnyway", "DoNotSchedule"] = Field(
        "ScheduleAnyway",
        description="What wins when pods cannot be spread evenly: being scheduled, or the spread.",
    )


class NetworkPolicy(Part):
    """Who reaches the pods."""

    enabled: bool = Field(
        default=False, description="Make a NetworkPolicy: gRPC and HTTP ports only, nothing else."
    )
    from_namespaces: Labels = Field(
        {}, description="Labels of the namespaces whose pods may connect. Empty: all namespaces."
    )


class ResourceAmounts(Part):
    """Amounts of CPU and memory."""

    cpu: Quantity | None = Field(None, description="CPUs, for example 500m or 2.")
    memory: Quantity | None = Field(None, description="Memory, for example 512Mi.")


class Resources(Part):
    """Requests and limits of the service's container."""

    rules = tuple(
        Rule(
            f"!has(self.requests.{kind}) || !has(self.limits.{kind}) || quantity(string(self.requests.{kind}))"
            f".compareTo(quantity(string(self.limits.{kind}))) <= 0",
            f"raise resources.limits.{kind} to at least resources.requests.{kind}",
        )
        for kind in ("cpu", "memory")
    )

    requests: ResourceAmounts = Field(ResourceAmounts(cpu="250m", memory="256Mi"), description="Reserved.")
    limits: ResourceAmounts = Field(ResourceAmounts(memory="512Mi"), description="Never exceeded.")


class Toleration(Part):
    """A taint that pods accept."""

    rules = (
        Rule(
            "self.operator != 'Exists' || !has(self.value)",
            "remove value from the toleration: with operator Exists every value is accepted",
        ),
        Rule(
            "has(self.key) || self.operator == 'Exists'",
            "set operator: Exists in a toleration without key, or name the key",
        ),
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "set effect: NoExecute beside tolerationSeconds: only that effect removes running pods",
        ),
    )

    key: Annotated[str, StringConstraints(max_length=316)] | None = Field(
        None, description="Taint's key; none: all."
    )
    operator: Literal["Exists", "Equal"] = Field("Equal", description="How value is compared.")
    value: LabelValue | None = Field(None, description="Taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Taint's effect; none: all."
    )
    toleration_seconds: Annotated[int, Field(ge=0, le=86400)] | None = Field(
        None, description="How long a pod stays after NoExecute."
    )


class EnvironmentVariable(Part):
    """One setting of the service that has no field of its own."""

    name: Annotated[str, StringConstraints(max_length=128, pattern=r"^LISTINGS_[A-Z0-9_]+$")] = Field(
        description="LISTINGS_..., as `listings config` lists them."
    )
    value: Text = Field(description="Its value. Not for secrets.")


# What the spec has fields for, or the operator decides: an override would silently disagree with it.
OWNED_SETTINGS: Final = (
    "LISTINGS_GRPC_",
    "LISTINGS_HTTP_",
    "LISTINGS_DATABASE_URL",
    "LISTINGS_DB_",
    "LISTINGS_REDIS_",
    "LISTINGS_DRAIN_",
    "LISTINGS_MAX_CONNECTION_AGE_",
    "LISTINGS_RATE_LIMIT_ENABLED",
    "LISTINGS_RATE_LIMIT_PRESET",
    "LISTINGS_RATE_LIMIT_PER_MINUTE",
    "LISTINGS_TIMEOUTS_",
    "LISTINGS_TLS_CERT_PATH",
    "LISTINGS_TLS_KEY_PATH",
    "LISTINGS_TLS_EDGES",
    "LISTINGS_TLS_CLIENT_",
)


class Pod(Part):
    """Bounded overrides of the pods. There is no free pod spec, so that security and draining stay what they are."""

    rules = (
        Rule(
            "!has(self.env) || self.env.all(e, !("
            + " || ".join(f"e.name.startsWith('{prefix}')" for prefix in OWNED_SETTINGS)
            + "))",
            "remove from pod.env what has its own field: grpc, http, tls, database, redis, rateLimit and timeouts",
        ),
        Rule(
            "!has(self.labels) || self.labels.all(key, !key.startsWith('app.kubernetes.io/') "
            "&& !key.startsWith('listings.marketplace/'))",
            "choose other keys in pod.labels: app.kubernetes.io/ and listings.marketplace/ are the operator's",
        ),
        Rule(
            "!has(self.annotations) || self.annotations.all(key, !key.startsWith('listings.marketplace/'))",
            "choose other keys in pod.annotations: listings.marketplace/ is the operator's",
        ),
    )

    resources: Resources = Field(Resources(), description="Requests and limits.")
    node_selector: Labels = Field({}, description="Labels of the nodes that pods run on.")
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=10), ATOMIC] = Field(
        (), description="Accepted taints."
    )
    priority_class_name: Name | None = Field(None, description="PriorityClass.")
    annotations: Annotated[dict[str, Text], Field(max_length=20), KEYS] = Field(
        {}, description="Added to pods."
    )
    labels: Labels = Field({}, description="Added to pods.")
    env: Annotated[tuple[EnvironmentVariable, ...], Field(max_length=20), *BY_NAME] = Field(
        (), description="Settings of the service that have no field here."
    )
    termination_grace_period_seconds: int = Field(
        45, ge=15, le=900, description="After this time a stopping pod is killed."
    )


class ListingsSpec(Part):
    """Desired state of one Listings service: its image, database, rollout and observability."""

    rules = (
        Rule(
            "!(has(self.replicas) && has(self.autoscaling))",
            "remove spec.replicas or spec.autoscaling: with autoscaling the load decides the number of pods",
        ),
        Rule(
            "!has(self.autoscaling) || has(self.pod.resources.requests.cpu)",
            "set pod.resources.requests.cpu: the autoscaler aims at a percentage of it",
        ),
        Rule(
            "self.grpc.port != self.http.port",
            "choose different numbers for grpc.port and http.port",
        ),
        Rule(
            "self.grpc.preStopSeconds + self.grpc.drainSeconds "
            f"+ {SERVICE_DRAIN_DELAY_SECONDS + STOP_MARGIN_SECONDS} <= self.pod.terminationGracePeriodSeconds",
            "raise pod.terminationGracePeriodSeconds to at least grpc.preStopSeconds + grpc.drainSeconds + "
            f"{SERVICE_DRAIN_DELAY_SECONDS + STOP_MARGIN_SECONDS}: a pod is killed in the middle of calls otherwise",
        ),
        Rule(
            "self.seed == oldSelf.seed || self.seed == 'none'",
            "spec.seed can only go back to none: demo data is loaded into new databases only",
        ),
    )

    image: Image = Field(description="The image.")
    version: Annotated[
        str, StringConstraints(max_length=63, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$")
    ] = Field(description="Version of the service in that image, for example 1.4.0.")
    replicas: Annotated[int, Field(ge=0, le=200)] | None = Field(
        None, description="Number of pods. Without it and without autoscaling: 2."
    )
    autoscaling: Autoscaling | None = Field(None, description="Number of pods by load, instead of replicas.")
    grpc: Grpc = Field(Grpc(), description="gRPC and draining.")
    http: Http = Field(Http(), description="REST, health and metrics.")
    database: Database = Field(description="PostgreSQL.")
    redis: Redis | None = Field(None, description="Redis.")
    tls: Tls | None = Field(None, description="TLS; without it both ports are plain.")
    migrations: Migrations = Field(Migrations(), description="Schema.")
    rollout: Rollout = Field(Rollout(), description="How a new version takes over.")
    observability: Observability = Field(Observability(), description="Rules, scraping, dashboards.")
    rate_limit: RateLimit = Field(RateLimit(), description="Limits per caller.")
    timeouts: Timeouts = Field(Timeouts(), description="Time limits.")
    pod_disruption_budget: PodDisruptionBudget = Field(PodDisruptionBudget(), description="Evictions.")
    topology_spread: TopologySpread = Field(TopologySpread(), description="Nodes and zones.")
    network_policy: NetworkPolicy = Field(NetworkPolicy(), description="Who reaches the pods.")
    pod: Pod = Field(Pod(), description="Overrides of the pods.")
    seed: Literal["demo", "none"] = Field(
        "none", description="demo: load the demo catalog into an empty database, once."
    )
    suspend: bool = Field(default=False, description="Leave everything as it is; only report.")
    deletion_policy: Literal["Delete", "Retain"] = Field(
        "Delete",
        description="What happens to the objects made for this resource when it is deleted. "
        "Secrets and the database are never touched.",
    )

    @property
    def image_reference(self) -> str:
        """What a container's `image` says."""
        if self.image.digest is not None:
            return f"{self.image.repository}@{self.image.digest}"
        return f"{self.image.repository}:{self.image.tag or self.version}"

    @property
    def fixed_replicas(self) -> int | None:
        """The number of pods, or None when an autoscaler decides it."""
        if self.autoscaling is not None:
            return None
        return DEFAULT_REPLICAS if self.replicas is None else self.replicas

    @property
    def retained(self) -> bool:
        """Whether the objects made for this resource outlive it."""
        return self.deletion_policy == "Retain"


# Two, because one pod cannot be replaced or evicted without a gap. Not a schema default: with autoscaling it
# must stay absent.
DEFAULT_REPLICAS: Final = 2


def read_spec(spec: Mapping[str, Any]) -> ListingsSpec:
    """The spec of a resource; raises pydantic.ValidationError for one that no current schema would accept."""
    return ListingsSpec.model_validate(spec)
