"""The service's chart renders one ListingsDeployment that its kind accepts, and refuses what that would refuse."""

from __future__ import annotations

import pytest
from e2e.helm import CHARTS, HelmError

from listings_operator.names import API_VERSION, KIND
from listings_operator.spec import ListingsSpec, read_spec

CHART = "listings"


def spec(helm, *arguments):
    [resource] = helm.render(CHART, *arguments, release="shop")
    return read_spec(resource["spec"])


def test_lint_finds_nothing(helm):
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHARTS / CHART))


def test_it_makes_one_resource_in_the_namespace_of_the_release_and_nothing_else(helm):
    [resource] = helm.render(CHART, release="shop")
    assert (resource["apiVersion"], resource["kind"]) == (API_VERSION, KIND)
    assert (resource["metadata"]["name"], resource["metadata"]["namespace"]) == ("shop", "shop")


def test_values_left_alone_mean_what_a_minimal_resource_means(helm):
    minimal = ListingsSpec.model_validate(
        {
            "image": {"repository": "listings"},
            "version": "0.1.0",
            "database": {"secretRef": {"name": "listings-database"}},
        }
    )
    assert spec(helm) == minimal


def test_values_become_the_spec_under_the_same_names(helm, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text(
        """
name: market
labels: {team: shop}
annotations: {note: "7"}
version: 1.2.3
image: {repository: registry.example.com/listings, pullSecrets: [registry]}
autoscaling: {minReplicas: 3, maxReplicas: 12}
database: {secretRef: {name: main, host: host, user: username, password: password, database: dbname}}
redis: {secretRef: {name: cache}}
grpc: {drainSeconds: 600, maxConnectionAgeSeconds: 86400}
pod:
  terminationGracePeriodSeconds: 900
  resources: {limits: {cpu: 2}}
  env: [{name: LISTINGS_LOG_LEVEL, value: debug}]
  tolerations: [{key: spot, operator: Exists}]
observability: {rules: {labels: {release: prometheus}}}
tls: {secretRef: {name: certificate}, edges: both}
rateLimit: {perMinute: {GetListing: 400, SearchListings: unlimited}}
timeouts: {seconds: {SearchListings: 5}}
seed: demo
"""
    )
    [resource] = helm.render(CHART, f"--values={values}")
    found = read_spec(resource["spec"])
    assert resource["metadata"]["name"] == "market"
    assert resource["metadata"]["labels"]["team"] == "shop"
    assert resource["metadata"]["annotations"] == {"note": "7"}
    assert found.version == "1.2.3"
    assert found.image.pull_secrets == ("registry",)
    assert found.autoscaling
    assert (found.autoscaling.min_replicas, found.fixed_replicas) == (3, None)
    assert set(found.database.secret_ref.keys.values()) == {"host", "username", "password", "dbname"}
    assert found.redis
    assert found.redis.secret_ref.name == "cache"
    assert found.grpc.max_connection_age_seconds == 86400
    assert found.pod.resources.limits.cpu == "2"
    assert found.pod.resources.limits.memory == "512Mi"
    assert found.pod.env[0].value == "debug"
    assert found.observability.rules_.labels == {"release": "prometheus"}
    assert found.tls
    assert (found.tls.secret_ref.name, found.tls.http) == ("certificate", True)
    assert found.rate_limit.per_minute == {"GetListing": "400", "SearchListings": "unlimited"}
    assert found.timeouts.seconds == {"SearchListings": 5}
    assert found.seed == "demo"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("imgae.repository=x", "imgae"),
        ("grpc.prot=1", "prot"),
        ("rollout.smoke.enable=true", "enable"),
        ("image.repository=Not A Name", "repository"),
        ("image.digest=sha256:short", "digest"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("version=latest", "version"),
        ("name=9to5", "name"),
        ("replicas=-1", "replicas"),
        ("replicas=two", "replicas"),
        ("http.port=80", "port"),
        ("migrations.strategy=Manual", "strategy"),
        ("observability.rules.mode=On", "mode"),
        ("observability.serviceMonitor.interval=soon", "interval"),
        ("seed=full", "seed"),
        ("deletionPolicy=Keep", "deletionPolicy"),
        ("pod.env[0].name=PATH,pod.env[0].value=x", "env"),
        ("pod.resources.limits.memory=lots", "memory"),
        ("pod.volumes[0].name=data", "volumes"),
        ("redis.secretRef.name=", "redis"),
        ("redis.db=1", "redis"),
        ("tls.secretRef.keys=1", "keys"),
        ("rateLimit.perMinute.GetListing=0", "GetListing"),
        ("rateLimit.perMinute.GetListing=many", "GetListing"),
        ("timeouts.seconds.GetListing=301", "GetListing"),
    ],
)
def test_what_the_kind_would_refuse_is_refused_before_anything_is_sent(helm, wrong, said):
    with pytest.raises(HelmError, match=said):
        helm.render(CHART, f"--set={wrong}")


@pytest.mark.parametrize("given", ["database.url", "database.password", "redis.url", "redis.password"])
def test_credentials_are_refused_with_the_way_to_give_them(helm, given):
    with pytest.raises(HelmError) as refusal:
        helm.render(CHART, f"--set={given}=postgresql://u:p@h/n")
    part = given.partition(".")[0]
    assert f"create secret generic listings-{part}" in str(refusal.value)
    assert f"{part}.secretRef.name" in str(refusal.value)


def test_notes_name_the_secrets_and_the_next_command(helm_4):
    notes = helm_4.notes(CHART, "--set=redis.secretRef.name=cache", release="shop")
    assert "get secret listings-database cache" in notes
    assert "kubectl --namespace shop wait listingsdeployment/shop --for=condition=Ready" in notes
