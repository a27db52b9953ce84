"""The Role of the chart is enough: an operator without any other right installs, corrects, cleans up and lets go."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys

import pytest
import yaml
from e2e.cluster.binaries import Binaries
from e2e.helm import Helm
from integration.operator.process import operator, until
from providers.free_ports import free_port

from listings_operator import uninstall
from listings_operator.cluster import ApiError
from listings_operator.settings import Settings

pytestmark = pytest.mark.xdist_group("api_server")


@pytest.fixture
def shop(shop, tmp_path):
    """The shop, seen by an operator with the chart's account instead of an administrator's."""
    binary = Binaries.cached()["helm"]
    if not binary.exists():
        pytest.skip("helm is not built yet; `make e2e-binaries` builds it")
    documents = Helm(binary).render(
        "listings-operator", f"--namespace={shop.namespace}", "--set=crds.enabled=false"
    )
    shop.kubectl.apply(*(each for each in documents if each["kind"] not in ("Deployment", "Job")))
    config = yaml.safe_load(shop.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": shop.kubectl("create", "token", "ops").strip()}
    kubeconfig = tmp_path / "operator.kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    return dataclasses.replace(shop, kubeconfig=kubeconfig)


def refused(metrics):
    """Requests that the API server forbade."""
    return [
        sample.labels
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "listings_operator_api_requests_total" and sample.labels["status"] in ("401", "403")
    ]


async def test_it_installs_corrects_and_cleans_up(shop, stepping):
    await stepping.install()
    uid = shop.get("service")["metadata"]["uid"]
    shop.kubectl.delete("service", "shop")
    shop.kubectl("patch", "deployment", "shop", "--type=merge", '--patch={"spec":{"minReadySeconds":77}}')
    await stepping.settle()
    assert shop.get("service")["metadata"]["uid"] != uid
    assert shop.get("poddisruptionbudget") is not None
    shop.apply(podDisruptionBudget={"enabled": False}, networkPolicy={"enabled": True})
    await stepping.settle()
    assert shop.get("poddisruptionbudget") is None
    assert shop.get("networkpolicy") is not None
    assert refused(stepping.metrics) == []


async def test_it_watches_what_it_made(shop, tmp_path):
    log = tmp_path / "operator.log"
    with operator(shop, log) as (process, _):
        await until(lambda: shop.jobs("plan"), log)
        account = shop.get("serviceaccount")["metadata"]["uid"]
        shop.kubectl.delete("serviceaccount", "shop")
        await until(
            lambda: (found := shop.get("serviceaccount")) and found["metadata"]["uid"] != account, log
        )
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0, log.read_text()
    assert "orbidden" not in log.read_text()


async def test_it_sees_what_would_be_left_without_it(shop, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(shop.kubeconfig))
    settings = Settings(namespaces=(shop.namespace,))
    assert await uninstall.resources_left(settings) == [(shop.namespace, "shop")]
    shop.kubectl.delete("listingsdeployment", "shop")
    assert await uninstall.resources_left(settings) == []
    # All namespaces are more than it may see: that is no reason to say that there is nothing.
    with pytest.raises(ApiError, match="forbidden"):
        await uninstall.resources_left(Settings(namespaces=()))


def ask_to_leave(shop, kubeconfig=None):
    variables = {
        "KUBECONFIG": str(kubeconfig or shop.kubeconfig),
        "LISTINGS_OPERATOR_NAMESPACES": shop.namespace,
    }
    return subprocess.run(
        [sys.executable, "-m", "listings_operator.uninstall"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_may_leave_when_nothing_needs_it_or_says_who_does(shop):
    refusal = ask_to_leave(shop)
    assert refusal.returncode == 1
    assert "1 ListingsDeployment would be left without an operator" in refusal.stderr
    assert f"{shop.namespace}/shop" in refusal.stderr
    shop.kubectl.delete("listingsdeployment", "shop")
    leave = ask_to_leave(shop)
    assert (leave.returncode, leave.stderr) == (0, "")


def test_it_stays_when_it_cannot_tell(shop, tmp_path):
    port = free_port()
    config = yaml.safe_load(shop.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    kubeconfig = tmp_path / "nobody.kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    refusal = ask_to_leave(shop, kubeconfig)
    assert refusal.returncode == 1
    assert "cannot see whether there are ListingsDeployments" in refusal.stderr
