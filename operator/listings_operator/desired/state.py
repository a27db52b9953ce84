"""Everything that should be for one spec, in the groups in which it is applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from listings_operator import names
from listings_operator.desired.autoscaler import autoscaler
from listings_operator.desired.config import config_map
from listings_operator.desired.dashboards import dashboard_config_map
from listings_operator.desired.deployment import deployment, pod_template, scale
from listings_operator.desired.disruption_budget import disruption_budget
from listings_operator.desired.jobs import job
from listings_operator.desired.network_policy import network_policy
from listings_operator.desired.prometheus_rule import prometheus_rule, rules_config_map
from listings_operator.desired.revision import controller_revision
from listings_operator.desired.service import services
from listings_operator.desired.service_account import service_account
from listings_operator.desired.service_monitor import service_monitor

if TYPE_CHECKING:
    from listings_operator.assets import Assets
    from listings_operator.desired.manifest import Manifest, Owner
    from listings_operator.observed import Apis, Task
    from listings_operator.spec import ListingsSpec


@dataclass(frozen=True, slots=True)
class SecretHashes:
    """Short hashes of the content of the Secrets that the spec names, of the keys it names."""

    database: str = ""
    redis: str = ""
    tls: str = ""

    @property
    def all(self) -> str:
        """What pods carry: any change of it rolls them."""
        return names.digest([self.database, self.redis, *([self.tls] if self.tls else [])])


@dataclass(frozen=True, slots=True)
class DesiredState:
    """The objects of one spec. Which of them are applied, and when, is `decide`'s business."""

    spec: ListingsSpec
    owner: Owner
    revision: str
    """Hash of what pods are made of, without the Secrets' content and without their number."""
    secrets: str
    """Hash of the Secrets' content."""
    schema_key: str
    """Image and database: what a look at the schema is valid for."""
    foundation: tuple[Manifest, ...]
    """Harmless before anything runs, and needed by Jobs."""
    deployment: Manifest
    scale: Manifest | None
    around: tuple[Manifest, ...]
    """What stands beside pods: autoscaler, disruption budget, network policy."""
    observability: tuple[Manifest, ...]
    snapshot: Manifest
    """The ControllerRevision to return by."""

    @property
    def template(self) -> str:
        """Names what pods run in full: any other value is a rollout."""
        return f"{self.revision}-{self.secrets}"

    @property
    def config(self) -> str:
        """Name of the ConfigMap with the settings."""
        return str(self.foundation[0]["metadata"]["name"])

    def deployment_with(self, secrets: str) -> Manifest:
        """The Deployment as it was with other content of the Secrets: it moves no pod that runs with that."""
        template = self.deployment["spec"]["template"]
        annotations = template["metadata"]["annotations"] | {names.SECRETS_ANNOTATION: secrets}
        template = template | {"metadata": template["metadata"] | {"annotations": annotations}}
        return self.deployment | {"spec": self.deployment["spec"] | {"template": template}}

    def job(self, task: Task, key: str, number: int) -> Manifest:
        """The Job of one attempt with this state's image and settings."""
        return job(self.spec, self.owner, task, key=key, number=number, config=self.config)


def desired_state(
    spec: ListingsSpec, owner: Owner, assets: Assets, secrets: SecretHashes, apis: Apis
) -> DesiredState:
    """What should be. Equal input gives equal output, in the same order."""
    config = config_map(spec, owner)
    template = pod_template(spec, owner, config["metadata"]["name"])
    revision = names.digest(template)
    around = (
        autoscaler(spec, owner),
        disruption_budget(spec, owner),
        network_policy(spec, owner),
    )
    return DesiredState(
        spec=spec,
        owner=owner,
        revision=revision,
        secrets=secrets.all,
        schema_key=names.digest([spec.image_reference, secrets.database]),
        foundation=(config, service_account(spec, owner), *services(spec, owner)),
        deployment=deployment(spec, owner, template, revision, secrets.all),
        scale=scale(spec, owner),
        around=tuple(manifest for manifest in around if manifest is not None),
        observability=_observability(spec, owner, assets, apis),
        snapshot=controller_revision(spec, owner, revision),
    )


def _observability(spec: ListingsSpec, owner: Owner, assets: Assets, apis: Apis) -> tuple[Manifest, ...]:
    mode = spec.observability.rules_.mode
    if mode == "Auto":
        mode = "PrometheusRule" if apis.prometheus_rules else "ConfigMap"
    manifests: list[Manifest] = []
    if mode == "PrometheusRule" and apis.prometheus_rules:
        manifests += [prometheus_rule(file, spec, owner) for file in assets.rules]
    elif mode == "ConfigMap":
        manifests += [rules_config_map(file, spec, owner) for file in assets.rules]
    monitor = service_monitor(spec, owner)
    if monitor is not None and apis.service_monitors:
        manifests.append(monitor)
    if spec.observability.dashboards.enabled:
        manifests += [dashboard_config_map(file, spec, owner) for file in assets.dashboards]
    return tuple(manifests)
