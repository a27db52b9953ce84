"""What the API server says to each thing that one object can say wrong, beside the nearest right one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from e2e.cluster.kubectl import KubectlError

from listings_operator.spec import read_spec

pytestmark = pytest.mark.xdist_group("api_server")

DATABASE = {"secretRef": {"name": "shop-database"}}
MINIMAL = {
    "image": {"repository": "registry.example.com/listings"},
    "version": "1.0.0",
    "database": DATABASE,
}
DIGEST = "sha256:" + "a" * 64
SPLIT = {"host": "host", "user": "user", "password": "password", "database": "database"}


def image(**fields: Any):
    return {"image": {**MINIMAL["image"], **fields}}


def secret(**fields: Any):
    return {"database": {"secretRef": {"name": "shop-database", **fields}}}


def env(*names: str):
    return {"pod": {"env": [{"name": name, "value": "1"} for name in names]}}


def toleration(**fields: Any):
    return {"pod": {"tolerations": [fields]}}


# Accepted, refused, what the refusal says.
PAIRS = {
    "tag or digest": (
        image(digest=DIGEST),
        image(digest=DIGEST, tag="x"),
        "image.tag or image.digest, not both",
    ),
    "digest": (image(digest=DIGEST), image(digest="sha256:short"), "image.digest"),
    "repository": ({}, {"image": {}}, 'missing required field "repository"'),
    "version": ({"version": "1.2.3-rc.1"}, {"version": "latest"}, "spec.version"),
    "replicas or autoscaling": (
        {"autoscaling": {}},
        {"autoscaling": {}, "replicas": 2},
        "remove spec.replicas or spec.autoscaling",
    ),
    "autoscaling": (
        {"autoscaling": {"minReplicas": 5, "maxReplicas": 5}},
        {"autoscaling": {"minReplicas": 11}},
        "raise autoscaling.maxReplicas",
    ),
    "replicas": ({"replicas": 0}, {"replicas": -1}, "spec.replicas"),
    "ports": (
        {"grpc": {"port": 8086}, "http": {"port": 8087}},
        {"grpc": {"port": 8086}},
        "different numbers for grpc.port and http.port",
    ),
    "privileged port": ({"http": {"port": 1024}}, {"http": {"port": 80}}, "spec.http.port"),
    "ageing": (
        {"grpc": {"maxConnectionAgeGraceSeconds": 20, "drainSeconds": 20}},
        {"grpc": {"maxConnectionAgeGraceSeconds": 21, "drainSeconds": 20}},
        "lower grpc.maxConnectionAgeGraceSeconds or raise grpc.drainSeconds",
    ),
    "draining": (
        {"grpc": {"preStopSeconds": 10}},
        {"grpc": {"preStopSeconds": 11}},
        "raise pod.terminationGracePeriodSeconds",
    ),
    "long draining": (
        {"grpc": {"drainSeconds": 100}, "pod": {"terminationGracePeriodSeconds": 110}},
        {"grpc": {"drainSeconds": 100}, "pod": {"terminationGracePeriodSeconds": 109}},
        "raise pod.terminationGracePeriodSeconds",
    ),
    "url or parts": (secret(**SPLIT), secret(url="url", **SPLIT), "not both"),
    "all parts": (secret(**SPLIT, port="port"), secret(host="host"), "need all of the keys"),
    "secret": ({}, {"database": {}}, 'missing required field "secretRef"'),
    "back-off": ({"migrations": {"backoffLimit": 0}}, {"migrations": {"backoffLimit": 11}}, "backoffLimit"),
    "strategy": (
        {"migrations": {"strategy": "Off"}},
        {"migrations": {"strategy": "off"}},
        "supported values",
    ),
    "interval": (
        {"observability": {"serviceMonitor": {"interval": "15s"}}},
        {"observability": {"serviceMonitor": {"interval": "15"}}},
        "interval",
    ),
    "rules mode": (
        {"observability": {"rules": {"mode": "ConfigMap"}}},
        {"observability": {"rules": {"mode": "Jsonnet"}}},
        "supported values",
    ),
    "owned settings": (env("LISTINGS_LOG_LEVEL"), env("LISTINGS_DB_HOST"), "remove from pod.env"),
    "credentials": (env("LISTINGS_AUTH_ENABLED"), env("LISTINGS_DATABASE_URL"), "remove from pod.env"),
    "foreign settings": (env("LISTINGS_CACHE_ENABLED"), env("PATH"), "spec.pod.env[0].name"),
    "one value each": (env("LISTINGS_A", "LISTINGS_B"), env("LISTINGS_A", "LISTINGS_A"), "duplicate entries"),
    "pod labels": (
        {"pod": {"labels": {"team": "a"}}},
        {"pod": {"labels": {"app.kubernetes.io/name": "x"}}},
        "choose other keys in pod.labels",
    ),
    "pod annotations": (
        {"pod": {"annotations": {"note": "a"}}},
        {"pod": {"annotations": {"listings.marketplace/revision": "x"}}},
        "choose other keys in pod.annotations",
    ),
    "quantities": (
        {"pod": {"resources": {"requests": {"cpu": 1, "memory": "0.5Gi"}}}},
        {"pod": {"resources": {"requests": {"memory": "lots"}}}},
        "memory",
    ),
    "tag in the repository": (
        image(repository="registry.example.com:5000/listings"),
        image(repository="registry.example.com/listings:1.0"),
        "into image.tag",
    ),
    "autoscaling without a request": (
        {"autoscaling": {}, "pod": {"resources": {"requests": {"cpu": "100m"}}}},
        {"autoscaling": {}, "pod": {"resources": {"requests": {"memory": "64Mi"}}}},
        "set pod.resources.requests.cpu",
    ),
    "memory limit": (
        {"pod": {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1024Mi"}}}},
        {"pod": {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1023Mi"}}}},
        "raise resources.limits.memory",
    ),
    "CPU limit": (
        {"pod": {"resources": {"requests": {"cpu": 1}, "limits": {"cpu": "1000m"}}}},
        {"pod": {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}}},
        "raise resources.limits.cpu",
    ),
    "tolerated value": (
        toleration(key="spot", operator="Equal", value="yes"),
        toleration(key="spot", operator="Exists", value="yes"),
        "remove value from the toleration",
    ),
    "tolerating everything": (
        toleration(operator="Exists"),
        toleration(value="yes"),
        "set operator: Exists",
    ),
    "tolerating for a while": (
        toleration(key="spot", effect="NoExecute", tolerationSeconds=60),
        toleration(key="spot", effect="NoSchedule", tolerationSeconds=60),
        "set effect: NoExecute",
    ),
    "keys of node labels": (
        {"pod": {"nodeSelector": {"example.com/disk-type": "fast"}}},
        {"pod": {"nodeSelector": {"disk type": "fast"}}},
        "write keys as Kubernetes does",
    ),
    "keys of annotations": (
        {"pod": {"annotations": {"example.com/note": "any text: at all"}}},
        {"pod": {"annotations": {"a/b/c": "x"}}},
        "write keys as Kubernetes does",
    ),
    "limits of methods": (
        {
            "rateLimit": {
                "perMinute": {"GetListing": 1, "ListProducts": "unlimited", "CreateListing": 600_000}
            }
        },
        {"rateLimit": {"perMinute": {"GetListings": 1}}},
        "name RPCs as docs/reference/limits.md does",
    ),
    "calls per minute": (
        {"rateLimit": {"perMinute": {}}},
        {"rateLimit": {"perMinute": {"GetListing": 0}}},
        "spec.rateLimit.perMinute.GetListing in body should be greater than or equal to 1",
    ),
    "most calls per minute": (
        {"rateLimit": {"perMinute": {"GetListing": 600_000}}},
        {"rateLimit": {"perMinute": {"GetListing": 600_001}}},
        "spec.rateLimit.perMinute.GetListing in body should be less than or equal to 600000",
    ),
    "words for calls per minute": (
        {"rateLimit": {"perMinute": {"GetListing": "unlimited"}}},
        {"rateLimit": {"perMinute": {"GetListing": "many"}}},
        "should match '^unlimited$'",
    ),
    "time limits of methods": (
        {"timeouts": {"seconds": {"GetListing": 1, "BulkCreateProducts": 300}}},
        {"timeouts": {"seconds": {"getListing": 1}}},
        "name RPCs as docs/reference/limits.md does",
    ),
    "time limits": (
        {"timeouts": {"preset": "tight", "seconds": {"GetListing": 300}}},
        {"timeouts": {"seconds": {"GetListing": 301}}},
        "spec.timeouts.seconds.GetListing",
    ),
    "owned limits": (
        env("LISTINGS_RATE_LIMIT_LEASE_PERCENT"),
        env("LISTINGS_RATE_LIMIT_PER_MINUTE"),
        "remove from pod.env",
    ),
    "edges of TLS": (
        {"tls": {"secretRef": {"name": "shop-tls"}, "edges": "both"}},
        {"tls": {"secretRef": {"name": "shop-tls"}, "edges": "http"}},
        "supported values",
    ),
    "certificate": (
        {"tls": {"secretRef": {"name": "shop-tls"}}},
        {"tls": {"edges": "both"}},
        'missing required field "secretRef"',
    ),
    "certificates of clients": (
        env("LISTINGS_TLS_RELOAD_SECONDS"),
        env("LISTINGS_TLS_CLIENT_CERTIFICATES"),
        "remove from pod.env",
    ),
    "unknown field": ({"suspend": True}, {"paused": True}, 'unknown field "paused"'),
    "unknown field deep down": (
        {"rollout": {"smoke": {"enabled": False}}},
        {"rollout": {"smoke": {"enable": False}}},
        'unknown field "enable"',
    ),
    "seed": ({"seed": "demo"}, {"seed": "yes"}, "supported values"),
    "deletion policy": ({"deletionPolicy": "Retain"}, {"deletionPolicy": "Keep"}, "supported values"),
}

# Before, accepted after, refused after, what the refusal says.
TRANSITIONS = {
    "another database": (
        {},
        secret(url="address"),
        {"database": {"secretRef": {"name": "other"}}},
        "database.secretRef.name cannot change",
    ),
    "demo data later": ({"seed": "none"}, {"seed": "none"}, {"seed": "demo"}, "can only go back to none"),
    "demo data no more": ({"seed": "demo"}, {"seed": "none"}, {"seed": "no"}, "supported values"),
}


def resource(name="shop", **fields: Any):
    return {
        "apiVersion": "listings.marketplace/v1alpha1",
        "kind": "ListingsDeployment",
        "metadata": {"name": name},
        "spec": {**copy.deepcopy(MINIMAL), **fields},
    }


@pytest.mark.parametrize(("right", "wrong", "says"), PAIRS.values(), ids=PAIRS)
def test_right_is_accepted_and_wrong_is_refused_with_the_fix(crd, api_namespace, right, wrong, says):
    kubectl = crd.kubectl.within(api_namespace)
    kubectl.apply(resource(**right))
    with pytest.raises(KubectlError) as refusal:
        kubectl.apply(resource("wrong", **wrong))
    assert says in str(refusal.value)


@pytest.mark.parametrize(("before", "right", "wrong", "says"), TRANSITIONS.values(), ids=TRANSITIONS)
def test_what_may_not_change(crd, api_namespace, before, right, wrong, says):
    kubectl = crd.kubectl.within(api_namespace)
    kubectl.apply(resource(**before))
    kubectl.apply(resource(**right))
    with pytest.raises(KubectlError) as refusal:
        kubectl.apply(resource(**wrong))
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [("a" * 41, "at most 40 characters"), ("1shop", "begins with a letter"), ("a.b", "lower case")],
)
def test_names_that_no_service_may_have(crd, api_namespace, name, says):
    with pytest.raises(KubectlError) as refusal:
        crd.kubectl.within(api_namespace).apply(resource(name))
    assert says in str(refusal.value)
    crd.kubectl.within(api_namespace).apply(resource("a" * 40))


def test_the_server_s_defaults_are_the_operator_s(crd, api_namespace):
    kubectl = crd.kubectl.within(api_namespace)
    kubectl.apply(resource())
    stored = kubectl.get("ld", "shop")["spec"]
    assert read_spec(stored) == read_spec(MINIMAL)
    assert stored["grpc"]["drainSeconds"] == 30
    assert "replicas" not in stored, "an autoscaler may decide it"
