"""examples/monitoring holds what the Prometheus Operator's own kinds accept."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from e2e.cluster.kubectl import KubectlError
from e2e.monitoring import definitions

pytestmark = [pytest.mark.xdist_group("api_server"), pytest.mark.timeout(300)]

THANOS = Path(__file__).parents[3] / "examples" / "monitoring" / "thanos.yaml"


@pytest.fixture(scope="session")
def refused_or_not(api_server):
    """Tells the API server to judge objects, unknown fields too, against the operator's schema; raises KubectlError."""
    schema = definitions() / "monitoring.coreos.com_prometheuses.yaml"
    api_server.kubectl("apply", "--server-side", "-f", str(schema))
    give_up = time.monotonic() + 60
    while True:
        try:
            api_server.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(schema))
            break
        except KubectlError as error:
            # kubectl does not wait for a new object's first condition, it fails.
            if "accessor error" not in str(error) or time.monotonic() > give_up:
                raise
    if not api_server.kubectl("get", "namespace", "monitoring", "--ignore-not-found"):
        api_server.kubectl("create", "namespace", "monitoring")

    def judge(text: str) -> None:
        api_server.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)

    return judge


def test_a_thanos_sidecar_as_in_the_example_is_accepted(refused_or_not):
    refused_or_not(THANOS.read_text())


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("objectStorageConfig:", "objectStoreConfig:", "objectStoreConfig"),
        ("retention: 48h", "retention: two days", "retention"),
        ("replicas: 2", "replicas: two", "replicas"),
    ],
)
def test_a_mistake_in_it_is_refused(refused_or_not, right, wrong, told):
    text = THANOS.read_text()
    assert right in text
    with pytest.raises(KubectlError, match=told):
        refused_or_not(text.replace(right, wrong))
