"""The operator's chart renders what it promises and refuses what it does not know. Needs helm."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from e2e.cluster.binaries import Binaries

CHART = Path(__file__).parents[3] / "charts" / "listings-operator"
HELMS = [name for name in ("helm", "helm4") if Binaries.cached()[name].exists()]
pytestmark = pytest.mark.skipif(not HELMS, reason="helm is not built yet; `make e2e-binaries` builds it")


def helm(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    version = ["--kube-version=1.34.0"] if arguments[0] == "template" else []
    return subprocess.run(
        [Binaries.cached()[name], *arguments, *version],
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )


def render(*arguments: str) -> list[dict[str, object]]:
    done = helm(HELMS[0], "template", "ops", str(CHART), "--namespace=shop", *arguments)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


@pytest.mark.parametrize("name", HELMS)
def test_lint_finds_nothing(name):
    done = helm(name, "lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout


def test_rights_have_no_wildcards_and_end_at_the_watched_namespaces():
    documents = render("--set=watch.namespaces={one,two}")
    assert not of_kind(documents, "ClusterRole")
    roles = of_kind(documents, "Role")
    assert [role["metadata"]["namespace"] for role in roles] == ["one", "two"]
    for rule in (rule for role in roles for rule in role["rules"]):
        assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
        if "secrets" in rule["resources"]:
            assert rule["verbs"] == ["get"]


def test_without_namespaces_it_is_the_release_s_own():
    assert [role["metadata"]["namespace"] for role in of_kind(render(), "Role")] == ["shop"]


def test_the_kind_can_be_left_out_and_is_kept_by_default():
    [crd] = of_kind(render(), "CustomResourceDefinition")
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    [crd] = of_kind(render("--set=crds.keep=false"), "CustomResourceDefinition")
    assert "annotations" not in crd["metadata"]
    assert not of_kind(render("--set=crds.enabled=false"), "CustomResourceDefinition")


def test_the_pod_fits_the_restricted_standard():
    [deployment] = of_kind(render(), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["enableServiceLinks"] is False
    [container] = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(
    "wrong",
    [
        "imgae.tag=1",
        "workers=0",
        "logLevel=LOUD",
        "watch.namespaces={Not_A_Name}",
        "image.pullPolicy=Sometimes",
    ],
)
def test_unknown_and_impossible_values_are_refused(wrong):
    done = helm(HELMS[0], "template", "ops", str(CHART), f"--set={wrong}")
    assert done.returncode != 0
