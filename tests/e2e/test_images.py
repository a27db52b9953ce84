"""The images that the Dockerfile builds run as they are meant to: as nobody in particular, on a read-only root."""

from __future__ import annotations

import pytest
from e2e.cluster.processes import say
from e2e.images import applications
from e2e.images.engine import open_engine
from e2e.images.sizes import weigh

MB = 1_000_000
# Base and all. The base made here is fatter than a slim one from a registry, so there it is less.
LARGEST = 120 * MB

CHECK_OPERATOR = """
import getpass, kopf
from listings_operator import assets
found = assets.load()
assert found.rules and found.dashboards and getpass.getuser()
"""


@pytest.mark.parametrize(
    ("image", "command"),
    [
        ("service", ["listings", "--help"]),
        ("service", ["listings", "migrate", "--help"]),
        # The operator's rules and dashboards travel with it, and kopf finds a name for its user.
        (
            "operator",
            [
                "python",
                "-c",
                CHECK_OPERATOR,
            ],
        ),
    ],
)
def test_runs_under_a_number_on_a_read_only_root(cluster, namespace, images, image, command):
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    kubectl = cluster.kubectl.within(namespace)
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "main",
        "image": getattr(images, image),
        "command": command,
        "securityContext": security,
    }
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "once"},
            "spec": {"restartPolicy": "Never", "containers": [container]},
        }
    )
    ended = "{.status.containerStatuses[0].state.terminated.exitCode}"
    kubectl.wait(f"jsonpath={ended}", "pod/once")
    assert kubectl("get", "pod", "once", f"--output=jsonpath={ended}") == "0", kubectl("logs", "once")


@pytest.mark.parametrize(
    "application", [applications.SERVICE, applications.OPERATOR], ids=["service", "operator"]
)
def test_it_is_small_on_its_way_through_a_registry(images, application, tmp_path):
    with open_engine() as engine:
        archive = applications.save(engine, [application.reference], tmp_path / "image.tar")
    weight = weigh(archive)
    say(
        f"{application.target}: {weight.added / MB:.1f} MB on a base of {weight.base / MB:.1f} MB, compressed"
    )
    assert weight.added + weight.base <= LARGEST
