"""Laws that hold for everything that is built, whatever the spec says."""

from __future__ import annotations

import copy
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from providers.operator_world import MINIMAL, OWNER, spec_with, state_of

from listings.domain import token_bucket
from listings.environment import KEYS, PREFIX, read_environment
from listings.transport.policy import POLICIES
from listings_operator import labels, names
from listings_operator.assets import Assets, DashboardFile, RuleFile
from listings_operator.desired import Owner, SecretHashes
from listings_operator.desired.config import secret_variables
from listings_operator.desired.config import settings as service_settings
from listings_operator.desired.revision import spec_of
from listings_operator.fields import METHODS, MOST_PER_MINUTE
from listings_operator.observed import Apis, Task

ASSETS = Assets(
    rules=(
        RuleFile(
            "service",
            (
                {
                    "name": "listings.service",
                    "rules": [
                        {"record": "listings:calls:rate5m", "expr": 'sum(rate(x_total{job="listings"}[5m]))'},
                        {
                            "alert": "ServiceDown",
                            "expr": 'up{job="listings"} == 0',
                            "labels": {"severity": "critical"},
                        },
                    ],
                },
            ),
        ),
    ),
    dashboards=(DashboardFile("service-health", '{"uid": "listings-health"}'),),
)

TLS = {"secretRef": {"name": "shop-tls"}}

owners = st.builds(
    Owner,
    st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True),
    st.from_regex(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True),
    st.uuids().map(str),
)
specs = st.builds(
    spec_with,
    autoscaling=st.sampled_from([None, {}, {"minReplicas": 3, "maxReplicas": 5}]),
    networkPolicy=st.sampled_from(
        [{}, {"enabled": True}, {"enabled": True, "fromNamespaces": {"team": "a"}}]
    ),
    podDisruptionBudget=st.builds(lambda on: {"enabled": on}, st.booleans()),
    topologySpread=st.builds(lambda on: {"enabled": on}, st.booleans()),
    rateLimit=st.sampled_from([{}, {"perMinute": {"GetListing": 400, "ListProducts": "unlimited"}}]),
    timeouts=st.sampled_from([{}, {"preset": "tight", "seconds": {"SearchListings": 5}}]),
    tls=st.sampled_from([None, TLS, {**TLS, "edges": "both"}]),
    redis=st.sampled_from([None, {"secretRef": {"name": "shop-redis"}}]),
    database=st.sampled_from(
        [
            {"secretRef": {"name": "db"}},
            {
                "secretRef": {
                    "name": "db",
                    "host": "h",
                    "port": "p",
                    "user": "u",
                    "password": "w",
                    "database": "d",
                }
            },
        ]
    ),
    pod=st.sampled_from(
        [
            {},
            {
                "labels": {"team": "a", "app.kubernetes.io/name": "other"},
                "annotations": {"note": "b"},
                "nodeSelector": {"disk": "fast"},
                "tolerations": [{"key": "spot", "operator": "Exists"}],
                "priorityClassName": "high",
                "env": [{"name": "LISTINGS_LOG_LEVEL", "value": "debug"}],
            },
        ]
    ),
    image=st.sampled_from(
        [
            {"repository": "r/l", "pullSecrets": ["pull"]},
            {"repository": "r/l", "digest": "sha256:" + "a" * 64},
        ]
    ),
    observability=st.builds(
        lambda mode: {"rules": {"mode": mode, "labels": {"release": "prom"}}},
        st.sampled_from(["Auto", "PrometheusRule", "ConfigMap", "Off"]),
    ),
    deletionPolicy=st.sampled_from(["Delete", "Retain"]),
)
apis = st.builds(Apis, st.booleans(), st.booleans())


def all_of(state):
    """Every object of a state, with one Job of each kind."""
    jobs = [state.job(task, names.digest(task.value), 7) for task in Task]
    return [*state.foundation, state.deployment, *state.around, *state.observability, state.snapshot, *jobs]


@given(specs, owners, apis)
@settings(max_examples=60, deadline=None)
def test_laws(spec, owner, known):
    before, assets_before = spec.model_dump(), copy.deepcopy(ASSETS)
    state = state_of(spec, owner=owner, assets=ASSETS, apis=known)
    again = state_of(spec, owner=owner, assets=ASSETS, apis=known)

    assert state == again, "equal input gives equal output"
    assert spec.model_dump() == before
    assert assets_before == ASSETS

    seen = set()
    for manifest in all_of(state):
        metadata = manifest["metadata"]
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", metadata["name"]), metadata["name"]
        assert metadata["namespace"] == owner.namespace
        assert (manifest["kind"], metadata["name"]) not in seen, "no two objects share a name"
        seen.add((manifest["kind"], metadata["name"]))
        for label, value in labels.common(owner.name, metadata["labels"][labels.COMPONENT]).items():
            assert metadata["labels"][label] == value
        transient = manifest["kind"] in ("Job", "ControllerRevision")
        if spec.deletion_policy == "Retain" and not transient:
            assert "ownerReferences" not in metadata, "what is retained has no owner to go with"
        else:
            assert metadata["ownerReferences"] == [owner.reference()]


@given(specs, owners)
@settings(max_examples=40, deadline=None)
def test_every_pod_fits_the_restricted_standard(spec, owner):
    state = state_of(spec, owner=owner)
    for manifest in (state.deployment, *(state.job(task, "k", 1) for task in Task)):
        pod = manifest["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert all(set(volume) <= {"name", "emptyDir", "secret"} for volume in pod["volumes"])
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@given(specs, owners)
@settings(max_examples=40, deadline=None)
def test_every_variable_is_a_setting_of_the_service(spec, owner):
    given_ = service_settings(spec, owner)
    secret = {variable["name"]: "" for variable in secret_variables(spec)}
    assert {name.removeprefix(PREFIX) for name in (given_ | secret)} <= KEYS.keys()
    assert not read_environment(given_).warnings, "and its value is one that the service takes"


def test_the_schema_knows_the_methods_and_limits_of_the_service():
    assert tuple(sorted(POLICIES)) == METHODS
    assert MOST_PER_MINUTE == token_bucket.MOST_PER_MINUTE


def test_limits_of_single_methods_reach_the_service_as_they_are_written():
    limits = {"GetListing": 400, "SearchListings": "unlimited"}
    spec = spec_with(rateLimit={"perMinute": limits}, timeouts={"seconds": {"GetListing": 2}})
    read = read_environment(service_settings(spec, OWNER)).settings
    assert read.rate_limit.per_minute == {"GetListing": 400, "SearchListings": None}
    assert read.timeouts.seconds == {"GetListing": 2.0}


def test_draining_fits_into_the_termination_grace_period_by_default():
    spec = spec_with()
    pod = state_of(spec).deployment["spec"]["template"]["spec"]
    environment = service_settings(spec, OWNER)
    stops = float(environment["LISTINGS_DRAIN_DELAY_SECONDS"]) + float(environment["LISTINGS_DRAIN_SECONDS"])
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause + stops < pod["terminationGracePeriodSeconds"]


def test_the_number_of_pods_is_a_concern_of_its_own_and_the_autoscaler_s_when_there_is_one():
    fixed, scaled = state_of(spec_with(replicas=3)), state_of(spec_with(autoscaling={}))
    assert "replicas" not in fixed.deployment["spec"]
    assert fixed.scale is not None
    assert fixed.scale["spec"] == {"replicas": 3}
    assert scaled.scale is None
    assert "HorizontalPodAutoscaler" in {manifest["kind"] for manifest in scaled.around}
    assert state_of(spec_with()).scale["spec"] == {"replicas": 2}


@pytest.mark.parametrize(
    ("fields", "rolls"),
    [
        ({"replicas": 5}, False),
        ({"autoscaling": {}}, False),
        ({"observability": {"dashboards": {"folder": "Shop"}}}, False),
        ({"podDisruptionBudget": {"enabled": False}}, False),
        ({"suspend": True}, False),
        ({"version": "1.0.1"}, True),
        ({"timeouts": {"preset": "tight"}}, True),
        ({"timeouts": {"seconds": {"GetListing": 2}}}, True),
        ({"rateLimit": {"perMinute": {"GetListing": 400}}}, True),
        ({"rateLimit": {"perMinute": {}}}, False),
        ({"pod": {"resources": {"requests": {"cpu": 1}}}}, True),
        ({"grpc": {"drainSeconds": 31}}, True),
    ],
)
def test_only_what_pods_are_made_of_makes_another_revision(fields, rolls):
    assert (state_of(spec_with(**fields)).revision != state_of(spec_with()).revision) is rolls


def test_other_content_of_a_secret_rolls_the_pods_but_is_no_other_revision():
    old, new = state_of(spec_with()), state_of(spec_with(), secrets=SecretHashes("d2", "r1"))
    assert old.revision == new.revision
    assert old.template != new.template
    assert old.schema_key != new.schema_key, "another login is proven before any pod moves"
    assert new.deployment_with(old.secrets) == old.deployment
    redis = state_of(spec_with(), secrets=SecretHashes("d1", "r2"))
    assert redis.schema_key == old.schema_key


def test_a_renewed_certificate_rolls_the_pods_and_none_changes_nothing():
    old, new = (
        state_of(spec_with(tls=TLS), secrets=SecretHashes("d1", "r1", content)) for content in ("t1", "t2")
    )
    assert old.revision == new.revision
    assert old.template != new.template
    assert old.schema_key == new.schema_key
    assert SecretHashes("d1", "r1", "").all == SecretHashes("d1", "r1").all


@pytest.mark.parametrize(("edges", "http"), [("grpc", "http"), ("both", "https")])
def test_with_tls_everybody_who_calls_the_pods_speaks_it(edges, http):
    spec = spec_with(tls={**TLS, "edges": edges})
    state = state_of(spec, apis=Apis(service_monitors=True))
    [container] = state.deployment["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["scheme"] == http.upper()
    [monitor] = state.observability
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint.get("scheme", "http") == http
    for service in (manifest for manifest in state.foundation if manifest["kind"] == "Service"):
        assert [port["appProtocol"] for port in service["spec"]["ports"]] == ["https", http]
    [smoke] = state.job(Task.SMOKE, "k", 1)["spec"]["template"]["spec"]["containers"]
    assert f"{http}://shop.market.svc:8086" in smoke["command"]
    assert smoke["command"][smoke["command"].index("--ca") + 1] == "/etc/listings/tls/ca.crt"


def test_each_pod_sees_of_the_certificate_what_it_needs():
    spec = spec_with(tls={"secretRef": {"name": "shop-tls", "cert": "chain.pem"}})
    state = state_of(spec)

    def files(manifest):
        pod = manifest["spec"]["template"]["spec"]
        secrets = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
        return {item["path"]: item["key"] for secret in secrets for item in secret["items"]}

    assert files(state.deployment) == {"tls.crt": "chain.pem", "tls.key": "tls.key"}
    assert files(state.job(Task.SMOKE, "k", 1)) == {"ca.crt": "ca.crt"}
    for task in (Task.PLAN, Task.MIGRATE, Task.SEED):
        assert files(state.job(task, "k", 1)) == {}
    environment = service_settings(spec, OWNER)
    assert environment["LISTINGS_TLS_KEY_PATH"] == "/etc/listings/tls/tls.key"


def test_settings_of_two_contents_are_two_objects():
    first, second = state_of(spec_with()), state_of(spec_with(timeouts={"preset": "tight"}))
    assert first.config != second.config
    assert all(names.is_config(OWNER.name, state.config) for state in (first, second))
    assert first.foundation[0]["immutable"] is True


def test_a_snapshot_gives_back_the_spec_it_was_made_of():
    spec = spec_with(redis={"secretRef": {"name": "r"}}, pod={"labels": {"a": "b"}})
    assert spec_of(state_of(spec).snapshot) == spec


@pytest.mark.parametrize(
    ("mode", "known", "kind"),
    [
        ("Auto", True, "PrometheusRule"),
        ("Auto", False, "ConfigMap"),
        ("PrometheusRule", True, "PrometheusRule"),
        ("PrometheusRule", False, None),
        ("ConfigMap", True, "ConfigMap"),
        ("Off", True, None),
    ],
)
def test_where_rules_go(mode, known, kind):
    spec = spec_with(observability={"rules": {"mode": mode}, "dashboards": {"enabled": False}})
    state = state_of(spec, assets=ASSETS, apis=Apis(prometheus_rules=known))
    assert [manifest["kind"] for manifest in state.observability] == ([kind] if kind else [])


def test_rules_are_narrowed_to_one_resource():
    state = state_of(spec_with(), assets=ASSETS, apis=Apis(prometheus_rules=True))
    [group] = state.observability[0]["spec"]["groups"]
    place = {"namespace": "market", "service": "shop"}
    recorded, alert = group["rules"]
    assert recorded["expr"] == 'sum(rate(x_total{job="listings",namespace="market",service="shop"}[5m]))'
    assert recorded["labels"] == {"job": "listings", **place}
    assert alert["labels"] == {"severity": "critical", **place}


def test_a_dashboard_is_carried_byte_for_byte_where_the_sidecar_looks():
    spec = spec_with(observability={"dashboards": {"folder": "Shop", "labels": {"grafana_dashboard": "no"}}})
    [manifest] = state_of(spec, assets=Assets(dashboards=ASSETS.dashboards)).observability
    assert manifest["data"] == {"service-health.json": '{"uid": "listings-health"}'}
    assert manifest["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert manifest["metadata"]["annotations"] == {"grafana_folder": "Shop"}


def test_prometheus_finds_each_pod_through_one_service_only():
    state = state_of(spec_with(), apis=Apis(service_monitors=True))
    [monitor] = state.observability
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    services = [manifest for manifest in state.foundation if manifest["kind"] == "Service"]
    assert len(services) == 2
    assert sum(wanted <= manifest["metadata"]["labels"].items() for manifest in services) == 1


def test_a_job_is_one_attempt_that_never_overlaps_another():
    job = state_of(spec_with()).job(Task.MIGRATE, "key", 3)
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["podReplacementPolicy"] == "Failed"
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert job["metadata"]["name"] == f"shop-migrate-{OWNER.uid[:8]}-key-3"


def test_images_are_named_by_version_tag_or_digest():
    digest = "sha256:" + "0" * 64
    assert spec_with().image_reference == f"{MINIMAL['image']['repository']}:1.0.0"
    assert spec_with(image={"repository": "r/l", "tag": "edge"}).image_reference == "r/l:edge"
    assert spec_with(image={"repository": "r/l", "digest": digest}).image_reference == f"r/l@{digest}"


def test_names_of_files_that_do_not_fit_stay_apart():
    long = "a" * 60
    one, two = names.of_file("shop", "rules", long + "1"), names.of_file("shop", "rules", long + "2")
    assert one != two
    assert max(len(one), len(two)) <= names.LONGEST_NAME


def test_what_is_switched_off_is_not_made():
    observability = {
        "serviceMonitor": {"enabled": False},
        "rules": {"mode": "Off"},
        "dashboards": {"enabled": False},
    }
    spec = spec_with(observability=observability, podDisruptionBudget={"enabled": False})
    state = state_of(spec, assets=ASSETS, apis=Apis(prometheus_rules=True, service_monitors=True))
    assert (state.around, state.observability) == ((), ())


def test_a_rule_about_something_else_is_the_same_from_every_resource():
    rule = {
        "alert": "OperatorDown",
        "expr": 'up{job="listings-operator"} == 0',
        "labels": {"severity": "critical"},
    }
    file = Assets(rules=(RuleFile("operator", ({"name": "operator", "rules": [rule]},)),))
    state = state_of(spec_with(), assets=file, apis=Apis(prometheus_rules=True))
    [group] = state.observability[0]["spec"]["groups"]
    assert group["rules"] == [rule], "so that one alert from several is one to Alertmanager"
