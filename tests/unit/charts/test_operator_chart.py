"""The operator's chart renders what it promises and refuses what it does not know."""

from __future__ import annotations

import json

import pytest
from e2e.helm import CHARTS, HelmError

from listings_operator.crd import custom_resource_definition
from listings_operator.settings import Settings

CHART = "listings-operator"


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def settings_of(container):
    return {each["name"]: each.get("value", "x") for each in container["env"]}


def test_lint_finds_nothing(helm):
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHARTS / CHART))


def test_everything_is_in_the_namespace_of_the_release(helm):
    for document in helm.render(CHART):
        expected = None if document["kind"] == "CustomResourceDefinition" else "shop"
        assert document["metadata"].get("namespace") == expected, document["kind"]


def test_the_kind_can_be_left_out_and_is_kept_by_default(helm):
    [crd] = of_kind(helm.render(CHART), "CustomResourceDefinition")
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    [crd] = of_kind(helm.render(CHART, "--set=crds.keep=false"), "CustomResourceDefinition")
    assert crd == custom_resource_definition()
    assert not of_kind(helm.render(CHART, "--set=crds.enabled=false"), "CustomResourceDefinition")


def test_every_pod_fits_the_restricted_standard_and_writes_to_its_scratch_alone(helm):
    documents = helm.render(CHART)
    pods = [
        document["spec"]["template"]["spec"]
        for kind in ("Deployment", "Job")
        for document in of_kind(documents, kind)
    ]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False
        assert [list(volume) for volume in pod["volumes"]] == [["name", "emptyDir"]]
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_what_selects_the_pods_does_not_change_with_the_chart(helm):
    [deployment] = of_kind(helm.render(CHART), "Deployment")
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector == {"app.kubernetes.io/name": "listings-operator", "app.kubernetes.io/instance": "ops"}
    assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_values_reach_the_operator_under_names_that_it_reads(helm):
    values = ("workers=3", "resyncSeconds=7", "logLevel=DEBUG", "watch.namespaces={one,two}")
    documents = helm.render(CHART, *(f"--set={value}" for value in values))
    [deployment] = of_kind(documents, "Deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    given = {
        name.removeprefix("LISTINGS_OPERATOR_").lower(): value
        for name, value in settings_of(container).items()
        if name.startswith("LISTINGS_OPERATOR_")
    }
    assert given.keys() <= Settings.model_fields.keys()
    settings = Settings.model_validate(given)
    assert (settings.workers, settings.resync_seconds, settings.log_level) == (3, 7, "DEBUG")
    assert settings.namespaces == ("one", "two")


def test_pods_are_placed_and_marked_as_asked(helm):
    values = {
        "podLabels": {"team": "shop"},
        "podAnnotations": {"note": "7"},
        "priorityClassName": "high",
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "image": {"repository": "registry.example.com/operator", "pullSecrets": ["registry"]},
    }
    given = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
    [deployment] = of_kind(helm.render(CHART, *given), "Deployment")
    template = deployment["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "shop"
    assert template["metadata"]["annotations"] == {"note": "7"}
    pod = template["spec"]
    assert (pod["priorityClassName"], pod["nodeSelector"]) == ("high", {"disk": "fast"})
    assert pod["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["containers"][0]["image"] == "registry.example.com/operator:0.1.0"


def test_a_digest_stands_over_a_tag(helm):
    digest = "sha256:" + "a" * 64
    documents = helm.render(CHART, "--set-string=image.tag=9", f"--set=image.digest={digest}")
    [deployment] = of_kind(documents, "Deployment")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == f"listings-operator@{digest}"


def test_uninstalling_is_guarded_until_it_is_forced(helm):
    [guard] = of_kind(helm.render(CHART, "--set=watch.namespaces={one,two}"), "Job")
    annotations = guard["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "pre-delete"
    # What it says is shown, and a refusal neither stays in the way of the next try nor is lost before it was read.
    assert annotations["helm.sh/hook-output-log-policy"] == "hook-failed"
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    assert guard["spec"]["backoffLimit"] == 0
    [container] = guard["spec"]["template"]["spec"]["containers"]
    assert settings_of(container)["LISTINGS_OPERATOR_NAMESPACES"] == "one,two"
    assert container["args"] == ["shop", "ops", "1"]
    assert not of_kind(helm.render(CHART, "--set=uninstall.force=true"), "Job")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("imgae.tag=1", "imgae"),
        ("image.name=x", "name"),
        ("image.repository=", "repository"),
        ("image.digest=latest", "digest"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("workers=0", "workers"),
        ("resyncSeconds=0", "resyncSeconds"),
        ("logLevel=LOUD", "logLevel"),
        ("watch.namespaces={Not_A_Name}", "namespaces"),
        ("watch.namespaces={one,one}", "namespaces"),
        ("crds.enabled=sometimes", "enabled"),
        ("uninstall.forced=true", "forced"),
        ("resources.limits.gpu=1", "gpu"),
        ("resources.limits.memory=lots", "memory"),
        ("tolerations[0].kee=x", "kee"),
        ("nodeSelector.disk=1", "disk"),
    ],
)
def test_unknown_and_impossible_values_are_refused(helm, wrong, said):
    with pytest.raises(HelmError, match=said):
        helm.render(CHART, f"--set={wrong}")


def test_an_old_cluster_is_refused(helm):
    with pytest.raises(HelmError, match=r"1\.30"):
        helm("template", "ops", str(CHARTS / CHART), "--kube-version=1.29.0")


def test_notes_tell_the_next_step_and_how_to_leave(helm_4):
    notes = helm_4.notes(CHART, "--set=watch.namespaces={one,two}")
    assert "in: one, two" in notes
    assert "kubectl --namespace one apply --filename examples/quickstart.yaml" in notes
    assert "`--no-hooks` lets it through" in notes
    assert "whole cluster" not in notes
    warned = helm_4.notes(CHART, "--set=crds.keep=false", "--set=uninstall.force=true")
    assert "delete every ListingsDeployment of the whole cluster" in warned
    assert "without an operator: uninstall.force is set" in warned


def test_it_is_scraped_under_the_name_that_its_alerts_select(helm):
    assert not of_kind(helm.render(CHART), "ServiceMonitor")
    documents = helm.render(CHART, "--set=serviceMonitor.enabled=true,serviceMonitor.labels.release=prom")
    [monitor], [service] = of_kind(documents, "ServiceMonitor"), of_kind(documents, "Service")
    assert monitor["metadata"]["labels"]["release"] == "prom"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    # The label that becomes job; see alerts/operator.yaml.
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "listings-operator"
    [deployment] = of_kind(documents, "Deployment")
    pod = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert service["spec"]["ports"][0]["targetPort"] == pod["spec"]["containers"][0]["ports"][0]["name"]


def test_the_longest_name_of_a_release_leaves_room_for_what_is_put_behind_it(helm):
    release = "a" * 53  # Helm takes no longer one
    for document in helm.render(CHART, release=release):
        if document["kind"] != "CustomResourceDefinition":
            assert len(document["metadata"]["name"]) <= 63, document["kind"]


@pytest.mark.parametrize("chart", [CHART, "listings"])
def test_rendering_again_changes_nothing(helm, chart):
    """What GitOps compares: nothing random, nothing looked up."""
    assert helm.render(chart) == helm.render(chart)
