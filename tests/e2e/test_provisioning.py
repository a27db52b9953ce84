"""Rules, scraping and dashboards arrive where they are used: in a real Prometheus, and as Grafana's sidecar wants them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import grpc
import pytest
import yaml
from e2e.images.variants import FIRST
from google.protobuf.empty_pb2 import Empty
from providers.certificates import Authority

from listings.v1 import listings_pb2_grpc

ROOT = Path(__file__).parents[2]
ALERTS = sorted((ROOT / "alerts").glob("*.yaml"))
DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))
BROKEN = "groups: [{name: broken, rules: [{alert: Broken, expr: 'sum(rate(x[5m)'}]}]"

pytestmark = pytest.mark.timeout(1800)


async def test_prometheus_takes_what_is_provisioned(monitoring, story, release, figures, tmp_path):
    table = figures.table("Provisioned", "what", "number")
    scraping = {"serviceMonitor": {"interval": "2s"}}
    async with story("monitored", observability=scraping) as shop:
        await shop.ready(FIRST)
        await every_rule_file_is_loaded(shop, monitoring, table)
        await pods_are_scraped(shop, monitoring, table)
        every_dashboard_has_a_config_map(shop, table)
        await a_broken_file_is_refused_alone(shop, monitoring, release, table)
        await everybody_goes_on_over_tls(shop, monitoring, Authority(tmp_path), table)


async def every_rule_file_is_loaded(shop, monitoring, table) -> None:
    groups = {group["name"] for path in ALERTS for group in yaml.safe_load(path.read_text())["groups"]}

    def loaded() -> bool:
        monitoring.hurry()
        return groups <= monitoring.rule_groups()

    await asyncio.to_thread(monitoring.wait, "every rule group, evaluated", loaded)
    table.add("rule files loaded", len(ALERTS))
    table.add("rule groups whose every rule evaluates", len(groups))


async def pods_are_scraped(shop, monitoring, table) -> None:
    def up() -> bool:
        return len(monitoring.targets_up(shop.namespace)) == 2

    await asyncio.to_thread(monitoring.wait, "both pods as targets", up)
    namespace = f'{{namespace="{shop.namespace}"}}'
    samples = monitoring.query(f"up{namespace}")
    assert [sample["value"][1] for sample in samples] == ["1", "1"]
    assert monitoring.query(f"listings_build_info{namespace}")
    table.add("pods scraped", len(samples))


def every_dashboard_has_a_config_map(shop, table) -> None:
    found = shop.kubectl.get("configmap", "--selector=grafana_dashboard=1")["items"]
    kept = {key: text for each in found for key, text in each["data"].items()}
    assert {key: json.loads(text) for key, text in kept.items()} == {
        path.name: json.loads(path.read_text()) for path in DASHBOARDS
    }
    assert {each["metadata"]["annotations"]["grafana_folder"] for each in found} == {"Listings"}
    table.add("dashboards as ConfigMaps", len(found))


async def a_broken_file_is_refused_alone(shop, monitoring, release, table) -> None:
    """The file comes among those of the operator's own release."""
    names = {each["metadata"]["name"] for each in shop.kubectl.get("prometheusrule")}
    with release.with_rule_file("broken.yaml", BROKEN):
        seen = await shop.status_when(lambda status: condition(status)["reason"] == "RuleFileInvalid")
        assert "broken.yaml" in condition(seen.document["status"])["message"]
        assert seen.document["status"]["phase"] == "Ready"
        assert {each["metadata"]["name"] for each in shop.kubectl.get("prometheusrule")} == names
    await shop.status_when(lambda status: condition(status)["status"] == "True")
    table.add("broken rule files refused alone", 1)


async def everybody_goes_on_over_tls(shop, monitoring, authority, table) -> None:
    """The kubelet's probes and the smoke test too, or it would not be ready again."""
    host = f"{shop.name}.{shop.namespace}.svc"
    pair = authority.sign("server", host=host)
    files = {"tls.crt": pair.chain, "tls.key": pair.key, "ca.crt": authority.pem}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "certificate"}}
    shop.kubectl.apply({**secret, "stringData": {name: text.decode() for name, text in files.items()}})
    tls = {"secretRef": {"name": "certificate"}, "edges": "both"}
    # Prometheus's reloader notices at once that rules go, and of scraping alone only after three minutes.
    observability = {**shop.changes["observability"], "rules": {"mode": "Off"}}
    await asyncio.to_thread(shop.ask_for, FIRST, tls=tls, observability=observability)
    await shop.serves(FIRST)

    credentials = grpc.ssl_channel_credentials(authority.pem)
    options = [("grpc.ssl_target_name_override", host)]
    with shop.cluster.reach(shop.namespace, shop.name, 50053) as address:
        async with grpc.aio.secure_channel(address, credentials, options) as channel:
            stub = listings_pb2_grpc.ListingsServiceStub(channel)
            await stub.GetAllCategories(Empty(), timeout=10, wait_for_ready=True)

    def up() -> bool:
        monitoring.hurry()
        addresses = [target["scrapeUrl"] for target in monitoring.targets_up(shop.namespace)]
        return len(addresses) == 2 and all(address.startswith("https:") for address in addresses)

    await asyncio.to_thread(monitoring.wait, "both pods over TLS", up)
    table.add("pods scraped over TLS", 2)


def condition(status) -> dict[str, str]:
    return next(each for each in status["conditions"] if each["type"] == "ObservabilityReady")
