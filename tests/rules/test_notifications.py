"""Run by `make alerts-test`: who hears of which alert, and which alerts hide others, by Alertmanager itself.

Needs Debian's package prometheus-alertmanager. Routes and templates are looked at with amtool; inhibition is looked at on
a running Alertmanager that is told alerts, because amtool cannot tell.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import queue
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml
from providers.free_ports import free_port
from providers.waiting import until

# Alertmanager answers late on a machine that is busy.
pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "monitoring" / "alertmanager"
CONFIG = FOLDER / "alertmanager.yml"
DEVELOPMENT = FOLDER / "development.yml"
TEMPLATE = CONFIG.parent / "templates" / "listings.tmpl"
SECRETS = "/etc/alertmanager/secrets/"
RECEIVERS = {"critical": "page", "warning": "ticket", "none": "heartbeat"}

ALERTS = {
    rule["alert"]: rule
    for file in sorted((ROOT / "alerts").glob("*.yaml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
# Labels of the series behind an alert, where they are not those of the service.
OURS = {"job": "listings", "cluster": "c", "environment": "test", "namespace": "shop", "service": "listings"}
FOREIGN = {"cluster": "c", "environment": "test", "namespace": "shop"}
OF_EXPORTERS = {
    **dict.fromkeys(("PostgresUnreachable", "ReplicationLagHigh"), "postgres"),
    **dict.fromkeys(("RedisUnreachable", "RedisEvictionsHigh"), "redis"),
    **dict.fromkeys(("OperatorDown", "OperatorResourceStalled"), "listings-operator"),
    **dict.fromkeys(("OperatorQueueSlow", "OperatorReconcileFailing"), "listings-operator"),
    "ProbeFailed": "blackbox",
    "ExporterDown": "node",
    "DiskSpaceLow": "node",
}


def labels(name, **more):
    """An alert's labels as Alertmanager gets them."""
    own = {**FOREIGN, "job": OF_EXPORTERS[name]} if name in OF_EXPORTERS else OURS
    return {"alertname": name, **own, **ALERTS[name]["labels"], **more}


def program(name):
    found = shutil.which(name)
    assert found, f"{name} is missing: apt-get install prometheus-alertmanager"
    return found


def amtool(*arguments):
    return subprocess.run(
        [program("amtool"), *map(str, arguments)], capture_output=True, text=True, check=True
    )


def test_alertmanagers_own_tool_reads_the_files():
    shown = amtool("check-config", CONFIG, DEVELOPMENT).stdout
    assert shown.count("SUCCESS") == 2 + 1, shown  # two files and one template


@pytest.mark.parametrize(
    ("docs", "grafana"), [("", ""), ("https://git.example/main/", "https://grafana.example")]
)
def test_a_message_leads_to_runbook_and_dashboard(tmp_path, docs, grafana):
    text = TEMPLATE.read_text()
    for name, base in (("docs", docs), ("grafana", grafana)):
        empty = f'{{{{ define "listings.{name}" }}}}'
        assert empty in text
        text = text.replace(empty, empty + base)
    (tmp_path / "own.tmpl").write_text(text)
    alert = {"annotations": {"runbook_url": "docs/runbooks/A.md", "dashboard": "/d/board", "summary": "Bad"}}
    (tmp_path / "data.json").write_text(json.dumps({"alerts": [alert]}))
    shown = amtool(
        "template",
        "render",
        f"--template.glob={tmp_path}/*.tmpl",
        f"--template.data={tmp_path}/data.json",
        '--template.text={{ template "listings.text" . }}',
    ).stdout.splitlines()
    assert {"Bad", f"Runbook: {docs}docs/runbooks/A.md", f"Dashboard: {grafana}/d/board"} <= set(shown)


@pytest.mark.parametrize("config", [CONFIG, DEVELOPMENT], ids=lambda file: file.stem)
@pytest.mark.parametrize("name", ALERTS)
def test_severity_decides_who_hears_of_it(config, name):
    given = [f"{label}={value}" for label, value in labels(name).items()]
    heard = amtool("config", "routes", "test", "--config.file", config, *given).stdout.split()
    assert heard == [RECEIVERS[ALERTS[name]["labels"]["severity"]]]


def test_an_alert_of_somebody_elses_is_a_ticket():
    heard = amtool("config", "routes", "test", "--config.file", CONFIG, "alertname=Other").stdout.split()
    assert heard == ["ticket"]


def test_development_differs_in_its_receivers_alone():
    real, quiet = (yaml.safe_load(file.read_text()) for file in (CONFIG, DEVELOPMENT))
    assert quiet["route"] == real["route"]
    assert quiet["inhibit_rules"] == real["inhibit_rules"]
    assert quiet["receivers"] == [{"name": each["name"]} for each in real["receivers"]]
    assert quiet["global"] == {"resolve_timeout": "5m"}


def test_alerts_are_grouped_and_repeated_as_documented():
    route = yaml.safe_load(CONFIG.read_text())["route"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("30s", "5m", "4h")
    for each in route["routes"]:
        if each["receiver"] != "heartbeat":
            assert each.keys() == {"matchers", "receiver"}, "times are those of the root"


def test_secrets_come_from_files():
    text = CONFIG.read_text()
    real = yaml.safe_load(text)
    assert real["global"]["slack_api_url_file"].startswith(SECRETS)
    [pager] = [each for receiver in real["receivers"] for each in receiver.get("pagerduty_configs", [])]
    assert pager["routing_key_file"].startswith(SECRETS)
    assert "://" not in text, "an address with a secret in it belongs into a file"


@contextlib.contextmanager
def alertmanager(config, folder):
    """A running Alertmanager; yields its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [
        program("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or answers(f"{address}/-/ready"), "Alertmanager is ready")
        assert process.poll() is None, (folder / "log").read_text()
        yield address
    finally:
        process.terminate()
        process.wait(30)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=30):
            return True
    except OSError:
        return False


def post(address, *alerts):
    data = json.dumps(
        [{"labels": each, "annotations": {"summary": "s", "description": "d"}} for each in alerts]
    )
    request = urllib.request.Request(
        f"{address}/api/v2/alerts", data.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def hidden(address, world):
    """The alerts of these clusters that are hidden, each by its name and cluster."""
    query = urllib.parse.urlencode(
        {"filter": f'cluster=~"{world}/.*"', "active": "false", "silenced": "false"}
    )
    with urllib.request.urlopen(f"{address}/api/v2/alerts?{query}", timeout=30) as answer:
        return {(each["labels"]["alertname"], each["labels"]["cluster"]) for each in json.load(answer)}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with alertmanager(DEVELOPMENT, tmp_path_factory.mktemp("alertmanager")) as address:
        yield address


def outcome(server, world, source, *targets):
    """The names of those that `source` hides. Targets that hide something themselves are alone with it."""
    alone = [each for each in targets if each["alertname"] in HIDES]
    clusters = [[each] for each in alone] + [[each for each in targets if each not in alone]]
    posted = [
        {**each, "cluster": f"{world}/{number}"}
        for number, together in enumerate(clusters)
        for each in (source, *together)
    ]
    # Where the target hides the source it is the source that is hidden.
    return hidden_of(server, world, posted) - {source["alertname"]}


def hidden_of(server, world, alerts):
    """The names of those that are hidden once Alertmanager knows all of them."""
    # It learns of sources one after the other: once it hides the last one's target, it knew the first.
    last = [labels(f"HighErrorRate{kind}", cluster=f"{world}/last") for kind in ("Critical", "Warning")]
    post(server, *alerts)
    post(server, *last)
    end = ("HighErrorRateWarning", f"{world}/last")
    found = until(lambda: end in (seen := hidden(server, world)) and seen, "the last is hidden")
    return {name for name, _ in found - {end}}


SERVICE = set(ALERTS) - set(OF_EXPORTERS) - {"DeadMansSwitch"}
OF_DATABASE = {
    "AvailabilityAtRisk", "CacheHitRatioLow", "DatabasePoolExhausted", "DatabasePoolSaturation",
    "DatabaseQueryDurationHigh", "ErrorBudgetBurnRateFast", "ErrorBudgetBurnRateSlow", "HighErrorRateCritical",
    "HighErrorRateWarning", "HighLatencyP95Warning", "HighLatencyP99Critical", "IndexLagHigh", "LatencyP95SLOBreach",
    "LatencyP99SLOBreach", "MaintenanceStalled", "PostgresUnreachable", "ProbeFailed", "RestErrorRateHigh",
    "SuccessRateSLOBreach",
}  # fmt: skip
HIDES = {
    "ServiceDown": SERVICE - {"ServiceDown"} | {"ProbeFailed"},
    "DatabaseDown": OF_DATABASE,
    "CacheUnavailable": {"RedisConnectionIssues", "RedisUnreachable"},
    "ErrorBudgetBurnRateFast": {"AvailabilityAtRisk", "ErrorBudgetBurnRateSlow"},
    "HighErrorRateCritical": {"HighErrorRateWarning"},
    "HighLatencyP99Critical": {"HighLatencyP95Warning", "LatencyP95SLOBreach", "LatencyP99SLOBreach"},
    "DatabasePoolExhausted": {"DatabasePoolSaturation"},
    "MemoryUsageCritical": {"MemoryUsageHigh"},
    "OperatorDown": {"OperatorReconcileFailing", "OperatorResourceStalled", "OperatorQueueSlow"},
}


@pytest.mark.parametrize("name", HIDES)
def test_an_alert_hides_its_effects_and_nothing_else(server, name):
    there = (labels(each) for each in ALERTS if each != name)
    assert outcome(server, f"own-{name}", labels(name), *there) == HIDES[name]


def test_what_explains_nothing_hides_nothing(server):
    plain = [labels(each) for each in ALERTS if each not in HIDES]
    assert hidden_of(server, "plain", [{**each, "cluster": "plain/all"} for each in plain]) == set()
    for name in HIDES:
        beside = [{**each, "cluster": f"beside-{name}/all"} for each in (labels(name), *plain)]
        assert name not in hidden_of(server, f"beside-{name}", beside)


@pytest.mark.parametrize("name", HIDES)
@pytest.mark.parametrize("apart", ["namespace", "environment"])
def test_nothing_is_hidden_elsewhere(server, name, apart):
    there = ({**labels(each), apart: "another"} for each in HIDES[name])
    assert outcome(server, f"{apart}-{name}", labels(name), *there) == set()


@pytest.mark.parametrize("name", ["ServiceDown", "DatabaseDown", "ErrorBudgetBurnRateFast"])
def test_another_service_of_the_namespace_is_still_heard_of(server, name):
    there = ({**labels(each), "service": "another"} for each in HIDES[name] & SERVICE)
    assert outcome(server, f"service-{name}", labels(name), *there) == set()


@pytest.mark.parametrize(
    ("name", "target", "label"),
    [
        ("HighLatencyP99Critical", "LatencyP95SLOBreach", "method"),
        ("DatabasePoolExhausted", "DatabasePoolSaturation", "instance"),
        ("MemoryUsageCritical", "MemoryUsageHigh", "instance"),
    ],
)
def test_a_page_about_one_method_or_pod_hides_the_tickets_of_that_one(server, name, target, label):
    source = labels(name, **{label: "a"})
    assert outcome(server, f"same-{name}", source, labels(target, **{label: "a"})) == {target}
    assert outcome(server, f"other-{name}", source, labels(target, **{label: "b"})) == set()


def test_one_machine_without_clusters_and_namespaces(server):
    """As `make monitoring` labels: the same external labels everywhere, a service label where it is known."""
    bare = {"environment": "one-machine", "job": "listings", "service": "listings"}
    source = {"alertname": "DatabaseDown", **bare, "severity": "critical"}
    target = {
        "alertname": "PostgresUnreachable",
        "environment": "one-machine",
        "job": "postgres",
        "severity": "critical",
    }
    assert outcome(server, "one-machine", source, target) == {"PostgresUnreachable"}


class Listener(http.server.BaseHTTPRequestHandler):
    """Takes notifications."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.put((self.path, self.headers["Content-Type"], body))
        self.send_response(202 if self.path == "/pagerduty" else 200)
        self.end_headers()
        self.wfile.write(b"{}" if self.path == "/pagerduty" else b"ok")

    def log_message(self, *arguments):
        """Not to the terminal."""


@pytest.fixture
def listener():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    server.got = queue.Queue()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_reaches_pager_and_chat_with_the_key_and_address_of_the_secret_files(tmp_path, listener):
    """The file as it is, but for the folder of secrets, PagerDuty's address and a shorter wait."""
    here = f"http://127.0.0.1:{listener.server_port}"
    shutil.copytree(FOLDER, tmp_path / "etc")
    (tmp_path / "etc" / "secrets").mkdir()
    (tmp_path / "etc" / "secrets" / "slack-webhook-url").write_text(f"{here}/slack")
    (tmp_path / "etc" / "secrets" / "pagerduty-routing-key").write_text("the-key")
    config = tmp_path / "etc" / "alertmanager.yml"
    text = config.read_text()
    assert text.count("group_wait: 30s") == 1
    config.write_text(
        text.replace("group_wait: 30s", "group_wait: 1s")
        .replace("global:\n", f"global:\n  pagerduty_url: {here}/pagerduty\n")
        .replace(SECRETS, f"{tmp_path}/etc/secrets/")
    )
    with alertmanager(config, tmp_path) as address:
        post(
            address,
            *(labels("HighLatencyP99Critical", method=method) for method in ("GetListing", "ListListings")),
            labels("LatencyP95SLOBreach", method="GetListing"),
        )
        got = {path: json.loads(body) for path, _, body in (listener.got.get(timeout=90) for _ in range(2))}
    assert got["/pagerduty"]["routing_key"] == "the-key"
    assert got["/pagerduty"]["payload"]["severity"] == "critical"
    title = "[FIRING:2] HighLatencyP99Critical listings in shop (c)"
    assert got["/pagerduty"]["payload"]["summary"] == title
    assert got["/slack"]["attachments"][0]["title"] == title
    assert got["/slack"]["attachments"][0]["text"].count("Runbook: ") == 2
    assert listener.got.empty(), "the ticket that the page hides was sent"
