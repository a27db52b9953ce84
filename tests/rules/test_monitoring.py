"""Run by `make alerts-test`: the monitoring of one machine as `make monitoring` starts it, read back while it runs.

Needs Debian's packages prometheus, prometheus-alertmanager and those of the four exporters.
"""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path

import pytest
import yaml
from providers.free_ports import free_port, free_ports
from providers.tools import tool
from providers.waiting import until

from listings.embedded import EmbeddedPostgres, EmbeddedRedis

# Six programs start and answer on a machine that may be busy.
pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy" / "monitoring"
monitoring = tool("monitoring")


def check(*command):
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_is_read_by_its_own_program():
    check("promtool", "check", "config", FILES / "prometheus.yml")
    check("promtool", "check", "config", ROOT / "examples" / "monitoring" / "remote-write.yml")
    check("prometheus-blackbox-exporter", f"--config.file={FILES / 'blackbox.yml'}", "--config.check")
    check("amtool", "check-config", *(FILES / "alertmanager").glob("*.yml"))


class Service(http.server.BaseHTTPRequestHandler):
    """In place of Listings: /metrics with one series, and /health."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"listings_ready 1\n")

    def log_message(self, *arguments):
        """Not to the terminal."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """All of it, on free ports, around a real PostgreSQL and Redis."""
    folder = tmp_path_factory.mktemp("monitoring")
    with ExitStack() as opened:
        service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
        opened.callback(service.server_close)
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        opened.callback(thread.join)
        opened.callback(service.shutdown)
        where = monitoring.Ports(service.server_port, *free_ports(len(fields(monitoring.Ports)) - 1))
        database = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data", durable=False)
        database.start()
        opened.callback(database.stop)
        redis = EmbeddedRedis(tmp_path_factory.mktemp("redis"), port=free_port())
        redis.start()
        opened.callback(redis.stop)
        config = FILES / "alertmanager" / "development.yml"
        opened.enter_context(monitoring.running(where, folder, database.dsn(), redis.url, config))
        yield where


def ask(stack, path, **query):
    url = f"http://127.0.0.1:{stack.prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)["data"]


def test_the_running_server_says_the_documented_numbers(stack):
    config = yaml.safe_load(ask(stack, "status/config")["yaml"])
    assert {
        key: config["global"][key] for key in ("scrape_interval", "scrape_timeout", "evaluation_interval")
    } == {
        "scrape_interval": "15s",
        "scrape_timeout": "10s",
        "evaluation_interval": "15s",
    }
    assert config["global"]["external_labels"] == {"cluster": "local", "environment": "development"}
    flags = ask(stack, "status/flags")
    assert flags["storage.tsdb.retention.time"] == "15d"
    assert flags["storage.tsdb.retention.size"] == "100GiB", "Prometheus counts 100GB by 1024"
    assert flags["web.listen-address"].startswith("127.0.0.1:")


def test_it_evaluates_every_rule(stack):
    loaded = [rule["name"] for group in ask(stack, "rules")["groups"] for rule in group["rules"]]
    written = [
        rule.get("alert") or rule["record"]
        for file in (ROOT / "alerts").glob("*.yaml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]
    assert sorted(loaded) == sorted(written)


def test_every_target_is_up_and_reaches_what_it_watches(stack):
    def up():
        return {
            each["labels"]["job"] for each in ask(stack, "targets")["activeTargets"] if each["health"] == "up"
        }

    everybody = {"listings", "prometheus", "node", "postgres", "redis", "blackbox"}
    until(lambda: up() == everybody, "all targets are up")
    for metric in ("pg_up", "redis_up", "probe_success", "listings_ready"):
        [found] = until(lambda name=metric: ask(stack, "query", query=name)["result"], metric)
        assert found["value"][1] == "1", metric


def test_alerts_arrive(stack):
    def there():
        with urllib.request.urlopen(
            f"http://127.0.0.1:{stack.alertmanager}/api/v2/alerts", timeout=30
        ) as answer:
            return [
                each["labels"]
                for each in json.load(answer)
                if each["labels"]["alertname"] == "DeadMansSwitch"
            ]

    [labels] = until(there, "DeadMansSwitch reaches Alertmanager")
    assert labels["cluster"] == "local"
    assert labels["environment"] == "development"


def test_what_exporters_export_here_is_what_was_recorded(stack):
    """Series that rules and panels use come from these versions of the exporters, under these names."""
    recorded = json.loads((ROOT / "tests" / "rules" / "exporters.json").read_text())
    rules = tool("rules")
    used = {
        name for file in rules.everything() for each in rules.expressions(file) for name in names(rules, each)
    }
    pages = {
        "node": f"http://127.0.0.1:{stack.node}/metrics",
        "postgres": f"http://127.0.0.1:{stack.postgres}/metrics",
        "redis": f"http://127.0.0.1:{stack.redis}/metrics",
        "blackbox": f"http://127.0.0.1:{stack.blackbox}/probe?module=http_2xx&target=localhost:{stack.listings}",
        "prometheus": f"http://127.0.0.1:{stack.prometheus}/metrics",
    }
    looked = 0
    for job, url in pages.items():
        with urllib.request.urlopen(url, timeout=30) as answer:
            page = answer.read().decode()
        # A standby's lag is there with a standby only, and OpenMetrics' process series are those of ours too.
        for name in sorted(used & recorded[job].keys() - {"pg_replay_lag_seconds"}):
            looked += 1
            assert f"\n{name}{{" in page or f"\n{name} " in page, f"{job} exports no {name}"
    assert looked > 15


def names(rules, expression):
    """The metrics of an expression."""
    todo, found = [rules.parsed(expression.text)], set()
    while todo:
        node = todo.pop()
        todo += rules._children(node)
        if hasattr(node, "matchers"):
            found.add(node.name)
    return found


def test_a_taken_port_says_by_whom_and_what_to_do(stack, tmp_path):
    """Debian starts what it installs."""
    with (
        pytest.raises(
            monitoring.CannotRun, match=rf"Port {stack.node} of .*-node-exporter is taken by .*systemctl"
        ),
        monitoring.running(stack, tmp_path, "postgresql://", None, FILES / "none"),
    ):
        pass


def test_a_program_that_dies_says_why(stack, tmp_path):
    where = monitoring.Ports(stack.listings, *free_ports(len(asdict(stack)) - 1))
    (tmp_path / "wrong.yml").write_text("route: {}\n")
    with (
        pytest.raises(monitoring.CannotRun, match=r"alertmanager did not start: .*receiver"),
        monitoring.running(where, tmp_path / "data", "postgresql://", None, tmp_path / "wrong.yml"),
    ):
        pass


def test_a_missing_program_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None if "redis" in name else f"/usr/bin/{name}")
    where = monitoring.Ports(*free_ports(len(fields(monitoring.Ports))))
    with (
        pytest.raises(monitoring.CannotRun, match="apt-get install prometheus-redis-exporter"),
        monitoring.running(where, tmp_path, "postgresql://", "redis://localhost", FILES / "none"),
    ):
        pass


def test_without_redis_nobody_asks_for_it():
    config = monitoring.configuration(monitoring.Ports(), redis=False)
    assert "redis" not in {each["job_name"] for each in config["scrape_configs"]}
    assert (
        monitoring.configuration(monitoring.Ports(), redis=True)["scrape_configs"][4]["job_name"] == "redis"
    )
