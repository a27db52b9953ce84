"""What we hand out to be applied is taken by a real API server as it stands: examples and both charts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from e2e.cluster.binaries import Binaries
from e2e.cluster.kubectl import KubectlError
from e2e.helm import Helm

pytestmark = pytest.mark.xdist_group("api_server")

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def restricted(crd, api_namespace):
    """A namespace that refuses pods that ask for more than they need."""
    crd.kubectl("label", "namespace", api_namespace, "pod-security.kubernetes.io/enforce=restricted")
    return crd.kubectl.within(api_namespace)


@pytest.fixture
def helm():
    if not Binaries.cached()["helm"].exists():
        pytest.skip("helm is not built yet; `make e2e-binaries` builds it")
    return Helm(Binaries.cached()["helm"])


def create_strictly(kubectl, *documents):
    listed = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    kubectl("create", "--validate=strict", "--filename=-", stdin=json.dumps(listed))


def create_pods(kubectl, documents):
    """Pods of templates: only pods themselves are held to the standard, and nobody makes them here."""
    made = 0
    for document in documents:
        if document["kind"] in ("Deployment", "Job"):
            spec = document["spec"]["template"]["spec"]
            name = document["metadata"]["name"]
            create_strictly(
                kubectl, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
            )
            made += 1
    return made


@pytest.mark.parametrize(("file", "pods"), [("minimal.yaml", 0), ("quickstart.yaml", 2)])
def test_an_example_is_accepted_and_its_pods_fit_a_restricted_namespace(restricted, file, pods):
    documents = list(yaml.safe_load_all((EXAMPLES / file).read_text()))
    create_strictly(restricted, *documents)
    assert create_pods(restricted, documents) == pods
    assert restricted.get("listingsdeployment", "listings")["spec"]["image"]["repository"] == "listings"


def test_the_namespace_does_refuse(restricted):
    pod = {"containers": [{"name": "main", "image": "x"}]}
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        create_pods(
            restricted,
            [{"kind": "Job", "metadata": {"name": "once"}, "spec": {"template": {"spec": pod}}}],
        )


def test_the_service_s_chart_is_accepted(restricted, helm):
    [resource] = helm.render("listings", "--set=redis.secretRef.name=cache", "--set=seed=demo")
    del resource["metadata"]["namespace"]
    create_strictly(restricted, resource)


def test_the_operator_s_chart_is_accepted_and_its_pods_fit_a_restricted_namespace(restricted, helm):
    documents = helm.render("listings-operator", "--set=crds.enabled=false")
    for document in documents:
        del document["metadata"]["namespace"]
    create_strictly(restricted, *documents)
    assert create_pods(restricted, documents) == 2
