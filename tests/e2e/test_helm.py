"""A platform team's life with the charts, on Helm 3 and 4: install, serve, upgrade, be kept from leaving, leave."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from pathlib import Path

import grpc
import pytest
import yaml
from e2e.cluster.binaries import HELM, Binaries
from e2e.cluster.kubectl import KubectlError
from e2e.helm import CHARTS, Helm, HelmError
from google.protobuf.empty_pb2 import Empty

from listings.v1 import listings_pb2_grpc

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
CRD = "listingsdeployments.listings.marketplace"
OPERATOR = "listings-operator"
GUARD = "listings-operator-uninstall-guard"
# What the chart says of the quickstart's servers; the resource of the quickstart says the same.
ON_QUICKSTART_SERVERS = {
    "database": {
        "secretRef": {
            "name": "quickstart-database",
            "host": "host",
            "user": "username",
            "password": "password",
            "database": "database",
        }
    },
    "redis": {"secretRef": {"name": "quickstart-redis"}},
    "seed": "demo",
}


@pytest.fixture
def kubectl(cluster, namespace):
    """A namespace that takes restricted pods only; what charts leave in the cluster on purpose is taken back."""
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    there_before = exists(cluster.kubectl, "crd", CRD)
    yield cluster.kubectl.within(namespace)
    if not there_before:
        cluster.kubectl.delete("crd", CRD)


@pytest.fixture
def helm(request, cluster, namespace):
    binaries = Binaries.cached()
    binaries.build(HELM)
    return Helm(binaries[request.param]).against(cluster.kubeconfig, namespace)


@pytest.fixture
def operator(helm, images, kubectl):
    """The operator's chart, installed."""
    repository, _, tag = images.operator.rpartition(":")
    # Another release may have left the kind behind.
    helm(
        "install",
        OPERATOR,
        str(CHARTS / "listings-operator"),
        "--take-ownership",
        "--wait",
        "--timeout=2m",
        f"--set=image.repository={repository},image.tag={tag}",
        seconds=150,
    )
    yield
    with contextlib.suppress(HelmError):  # a test that passes has uninstalled it
        helm("uninstall", OPERATOR, "--no-hooks")


def exists(kubectl, kind, name):
    try:
        kubectl.get(kind, name)
    except KubectlError as error:
        assert "NotFound" in str(error)
        return False
    return True


def upgrade_operator(helm, *values):
    settings = [f"--set={value}" for value in values]
    chart = str(CHARTS / "listings-operator")
    options = ("--reuse-values", "--wait", "--timeout=2m", *settings)
    helm("upgrade", OPERATOR, chart, *options, seconds=150)


def image(images):
    repository, _, tag = images.service.rpartition(":")
    return {"repository": repository, "tag": tag}


def quickstart(images):
    documents = list(yaml.safe_load_all(QUICKSTART.read_text()))
    documents[-1]["spec"]["image"] = image(images)
    return documents


def wait_until_ready(kubectl):
    kubectl.wait("condition=Ready", "listingsdeployment/listings", seconds=240)


def pods(kubectl):
    found = kubectl("get", "pods", "--selector=app.kubernetes.io/component=service", "--output=json")
    return {pod["metadata"]["uid"] for pod in json.loads(found)["items"]}


def categories(cluster, namespace):
    """Names of categories, as a client gets them over gRPC through the Service, and over REST."""
    with (
        cluster.reach(namespace, "listings", 50053) as address,
        grpc.insecure_channel(address) as channel,
    ):
        stub = listings_pb2_grpc.ListingsServiceStub(channel)
        found = stub.GetRootCategories(Empty(), timeout=10)
    with (
        cluster.reach(namespace, "listings", 8086) as address,
        urllib.request.urlopen(f"http://{address}/api/v1/categories", timeout=10) as answer,
    ):
        over_rest = json.load(answer)
    return {each.name for each in found.categories}, {each["name"] for each in over_rest["categories"]}


def refused_to_leave(helm, kubectl, namespace):
    """Be refused with words that Helm itself prints, and with nothing half gone; gives what was said."""
    with pytest.raises(HelmError) as refusal:
        helm("uninstall", OPERATOR, "--wait", "--timeout=2m", seconds=150)
    said = str(refusal.value)
    assert "1 ListingsDeployment would be left without an operator" in said
    assert f"{namespace}/listings" in said
    assert "Not uninstalled" in kubectl("logs", f"job/{GUARD}")
    assert kubectl.get("deployment", OPERATOR)["status"]["availableReplicas"] == 1
    return said


def stay(helm, said):
    """Follow the refusal's advice for who wants to stay."""
    [advice] = [line.strip() for line in said.splitlines() if " rollback " in line]
    helm(*advice.removeprefix("helm ").split(), "--wait")
    assert json.loads(helm("status", OPERATOR, "--output=json"))["info"]["status"] == "deployed"


@pytest.mark.parametrize("helm", ["helm"], indirect=True)
def test_the_quickstart_is_served_and_survives_a_forced_uninstall(
    cluster, namespace, helm, kubectl, images, operator
):
    kubectl.apply(*quickstart(images))
    wait_until_ready(kubectl)
    over_grpc, over_rest = categories(cluster, namespace)
    assert over_grpc == over_rest
    assert len(over_grpc) == 18

    before = pods(kubectl)
    upgrade_operator(helm, "workers=2", "logLevel=DEBUG")
    wait_until_ready(kubectl)
    assert pods(kubectl) == before, "an upgrade of the operator moves no pod of a service"

    stay(helm, refused_to_leave(helm, kubectl, namespace))
    upgrade_operator(helm, "uninstall.force=true")
    helm("uninstall", OPERATOR, "--wait", "--timeout=2m", seconds=150)
    assert not exists(kubectl, "deployment", OPERATOR)
    assert exists(cluster.kubectl, "crd", CRD)
    assert exists(kubectl, "listingsdeployment", "listings")
    assert pods(kubectl) == before
    assert len(categories(cluster, namespace)[0]) == 18


@pytest.mark.parametrize("helm", ["helm4"], indirect=True)
def test_a_service_is_a_release_of_its_own_and_goes_before_its_operator(
    cluster, namespace, helm, kubectl, images, operator, tmp_path
):
    kubectl.apply(*quickstart(images)[:-1])
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"image": image(images), **ON_QUICKSTART_SERVERS}))
    chart = str(CHARTS / "listings")
    helm("install", "listings", chart, f"--values={values}")
    wait_until_ready(kubectl)
    assert len(categories(cluster, namespace)[0]) == 18

    helm(
        "upgrade",
        "listings",
        chart,
        f"--values={values}",
        "--set=replicas=1,podDisruptionBudget.enabled=false",
    )
    kubectl.wait("jsonpath={.status.observedGeneration}=2", "listingsdeployment/listings")
    wait_until_ready(kubectl)
    kubectl.wait("jsonpath={.status.replicas}=1", "deployment/listings")
    with pytest.raises(HelmError, match=r"database\.secretRef\.name cannot change"):
        helm("upgrade", "listings", chart, f"--values={values}", "--set=database.secretRef.name=other")

    refused_to_leave(helm, kubectl, namespace)
    helm("uninstall", "listings", "--wait", "--timeout=1m", seconds=90)
    assert not exists(kubectl, "listingsdeployment", "listings")
    helm("uninstall", OPERATOR, "--wait", "--timeout=2m", seconds=150)
    assert exists(cluster.kubectl, "crd", CRD)
    for kind, name in (
        ("deployment", OPERATOR),
        ("role", OPERATOR),
        ("serviceaccount", OPERATOR),
        ("job", GUARD),
    ):
        assert not exists(kubectl, kind, name), kind
