"""What Prometheus gets on a bad moment: while the service stops, and where a label's value needs quoting."""

from __future__ import annotations

import signal

import httpx
import pytest
from bench.machine import listings_server
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

ODD = 'a "quoted" \\ back\nslash'
FORMATS = [("text/plain", plain), ("application/openmetrics-text; version=1.0.0", openmetrics)]


@pytest.mark.parametrize(("accept", "parser"), FORMATS, ids=["text", "openmetrics"])
async def test_a_label_with_quotes_and_newlines_arrives_as_it_is(service, accept, parser):
    service.app.metrics.errors.happened("rest", type(ODD, (Exception,), {})())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.app.http_port}") as http:
        page = (await http.get("/metrics", headers={"accept": accept})).text
    [family] = [each for each in parser(page) if each.name == "listings_errors"]
    assert ODD in {sample.labels["error_type"] for sample in family.samples}


async def test_what_callers_write_into_paths_becomes_no_label(service):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.app.http_port}") as http:
        for path in ("/api/v1/listings/%22%0Aodd", "/odd%22%0A%5C"):
            await http.get(path)
        page = (await http.get("/metrics")).text
    [requests] = [each for each in plain(page) if each.name == "listings_http_requests"]
    assert {sample.labels["status"] for sample in requests.samples} >= {"400", "404"}
    assert not [sample for sample in requests.samples if "odd" in sample.labels["path"]]


def test_every_scrape_of_a_stopping_service_is_whole_or_refused(dsn, tmp_path):
    """Never half a page: Prometheus would take what is missing for gone."""
    with listings_server(dsn, log=tmp_path / "log", LISTINGS_DRAIN_DELAY_SECONDS="1.5") as serving:
        whole = 0
        with httpx.Client(base_url=serving.http) as http:
            serving.process.send_signal(signal.SIGTERM)
            while True:
                try:
                    answer = http.send(http.build_request("GET", "/metrics"), stream=True)
                # Nobody listens any more, or nobody took what the kernel had let in: refused before a first byte.
                except (httpx.NetworkError, httpx.RemoteProtocolError):
                    break
                assert answer.status_code == 200
                families = {each.name: each for each in plain(answer.read().decode())}
                assert {"listings_grpc_requests", "process_cpu_seconds"} <= families.keys()
                whole += 1
        assert serving.process.wait(60) == 0, serving.end_of_log()
    assert whole
