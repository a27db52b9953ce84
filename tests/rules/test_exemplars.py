"""Run by `make alerts-test`: from a slow bucket of a histogram one click leads to a trace: Prometheus keeps the exemplar."""

from __future__ import annotations

import json
import secrets
import time
import urllib.parse
import urllib.request

import grpc
import pytest
from bench.machine import listings_server
from providers.scraping import scraping
from providers.waiting import until

from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

pytestmark = pytest.mark.timeout(300)

# The names of traces are exported even where no collector takes the traces.
TRACED = {"LISTINGS_TRACING_ENDPOINT": "http://127.0.0.1:9", "LISTINGS_TRACING_SAMPLE_RATIO": "0"}


def exemplars(prometheus):
    """Everything that is kept of GetCategory's latencies."""
    asked = {
        "query": 'listings_grpc_request_duration_seconds_bucket{method=~".*/GetCategory"}',
        "start": time.time() - 300,
        "end": time.time() + 60,
    }
    url = f"{prometheus}/api/v1/query_exemplars?{urllib.parse.urlencode(asked)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return [each for found in json.load(answer)["data"] for each in found["exemplars"]]


def test_a_scraped_latency_names_the_trace_of_the_callers_request(dsn, tmp_path):
    trace = secrets.token_hex(16)
    sampled = (("traceparent", f"00-{trace}-{secrets.token_hex(8)}-01"),)
    with (
        listings_server(dsn, log=tmp_path / "log", **TRACED) as serving,
        scraping(
            tmp_path, "listings", serving.http.removeprefix("http://"), "--enable-feature=exemplar-storage"
        ) as prometheus,
        grpc.insecure_channel(serving.address) as channel,
    ):
        stub = listings_pb2_grpc.ListingsServiceStub(channel)
        for metadata in (sampled, ()):  # the second call is of nobody's trace, and leaves none
            with pytest.raises(grpc.RpcError, match="not found"):
                stub.GetCategory(pb.CategoryIDRequest(category_id=10**8), metadata=metadata, timeout=10)
        found = until(lambda: exemplars(prometheus), "an exemplar is kept")
    assert [each["labels"] for each in found] == [{"trace_id": trace}]
    assert 0 < float(found[0]["value"]) < 10
