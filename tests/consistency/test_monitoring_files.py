"""deploy/compose.yaml runs what `make monitoring` runs, and mounts what is there; docs/operations says the same."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from providers.tools import tool

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
GRAFANA = SERVICES["grafana"]["environment"]
PROVISIONED = DEPLOY / "monitoring" / "grafana" / "provisioning"
monitoring = tool("monitoring")
# The program of `make monitoring` for each container.
PROGRAMS = {
    "prometheus": "prometheus",
    "alertmanager": "prometheus-alertmanager",
    "node-exporter": "prometheus-node-exporter",
    "postgres-exporter": "prometheus-postgres-exporter",
    "redis-exporter": "prometheus-redis-exporter",
    "blackbox-exporter": "prometheus-blackbox-exporter",
}
# Flags whose values are paths, which differ inside a container, and what only a container needs.
OWN = {"--config.file", "--storage.tsdb.path", "--storage.path", "--extend.query-path", "--path.rootfs"}


def flags(arguments):
    return {each for each in arguments if each.partition("=")[0] not in OWN}


def test_containers_are_started_as_the_programs_of_one_machine_are():
    here = monitoring.programs(monitoring.Ports(), Path(), "dsn", "redis", Path())
    started = {each.name: each for each in here}
    assert set(PROGRAMS.values()) == started.keys()
    assert SERVICES.keys() == PROGRAMS.keys() | {"grafana"}
    for name, program in PROGRAMS.items():
        assert flags(SERVICES[name]["command"]) == flags(started[program].arguments), name


def test_every_mounted_file_is_there():
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), (name, source)
            else:
                assert source == "/" or source in COMPOSE["volumes"], (name, source)


def test_rules_are_found_from_where_prometheus_reads_its_file():
    targets = [Path(each.split(":")[1]) for each in SERVICES["prometheus"]["volumes"]]
    [pattern] = yaml.safe_load((DEPLOY / "monitoring" / "prometheus.yml").read_text())["rule_files"]
    rules = Path("/", *_resolved(targets[0].parent / pattern))
    assert rules.parent == targets[1]


def _resolved(path):
    parts = []
    for part in path.parts[1:]:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return parts


def test_images_are_pinned_and_containers_may_do_little():
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name


def test_nothing_listens_beyond_this_machine():
    for name in PROGRAMS:
        [listen] = [each for each in SERVICES[name]["command"] if each.startswith("--web.listen-address=")]
        assert "=127.0.0.1:" in listen
    assert GRAFANA["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_grafana_lets_nobody_in_without_the_generated_password():
    assert GRAFANA["GF_SERVER_HTTP_PORT"] == "3030"
    assert GRAFANA["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert GRAFANA["GF_UNIFIED_ALERTING_ENABLED"] == "true"
    assert "GF_SECURITY_ADMIN_PASSWORD" not in GRAFANA
    secret = COMPOSE["secrets"]["grafana-admin-password"]["file"]
    assert secret == "../.data/monitoring/grafana-admin-password"
    assert "monitoring/grafana-admin-password" in (ROOT / "Makefile").read_text()


def test_grafana_has_both_sources_and_the_folder():
    sources = yaml.safe_load((PROVISIONED / "datasources" / "listings.yaml").read_text())["datasources"]
    assert {each["type"]: each["uid"] for each in sources} == {
        "prometheus": "listings-prometheus",
        "alertmanager": "listings-alertmanager",
    }
    ports = monitoring.Ports()
    assert [each["url"] for each in sources] == [
        f"http://localhost:{ports.prometheus}",
        f"http://localhost:{ports.alertmanager}",
    ]
    [provider] = yaml.safe_load((PROVISIONED / "dashboards" / "listings.yaml").read_text())["providers"]
    assert (provider["folder"], provider["updateIntervalSeconds"]) == ("Listings", 30)
    mounts = [each.split(":")[1] for each in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounts


def test_the_ports_of_the_page_are_those_of_the_stack():
    text = (ROOT / "docs" / "operations" / "monitoring.md").read_text()
    for port in (*vars(monitoring.Ports()).values(), 3030):
        assert str(port) in text, port


def test_the_page_names_every_scrape_job():
    text = (ROOT / "docs" / "operations" / "monitoring.md").read_text()
    config = yaml.safe_load((DEPLOY / "monitoring" / "prometheus.yml").read_text())
    for each in config["scrape_configs"]:
        assert f"| `{each['job_name']}` |" in text


def test_the_page_counts_the_rules_right():
    text = (ROOT / "docs" / "operations" / "monitoring.md").read_text()
    total = 0
    for files, told in re.findall(r"^\| (`\w+\.yaml`.*?) \| (\d+) ", text, re.MULTILINE):
        rules = [
            rule
            for file in re.findall(r"\w+\.yaml", files)
            for group in yaml.safe_load((ROOT / "alerts" / file).read_text())["groups"]
            for rule in group["rules"]
        ]
        assert len(rules) == int(told), files
        total += sum("alert" in rule for rule in rules)
    assert f"{total} alerts, " in text


def test_the_example_of_thanos_names_the_bucket_that_it_brings():
    secret, prometheus = yaml.safe_load_all((ROOT / "examples" / "monitoring" / "thanos.yaml").read_text())
    wanted = prometheus["spec"]["thanos"]["objectStorageConfig"]
    assert wanted["name"] == secret["metadata"]["name"]
    assert yaml.safe_load(secret["stringData"][wanted["key"]])["type"] == "S3"
    assert prometheus["metadata"]["namespace"] == secret["metadata"]["namespace"]
