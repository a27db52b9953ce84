"""The images that the Dockerfile builds run as they are meant to: as nobody in particular, on a read-only root."""

from __future__ import annotations

import pytest

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
