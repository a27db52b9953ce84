"""Traces continue the caller's and name statements.

The collector here is a stand-in: a real gRPC server that speaks OTLP and keeps what it is sent, because
no collector can be installed with the tests.
"""

from __future__ import annotations

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from listings.v1 import listings_pb2 as pb

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.spans = []

    async def Export(self, request, context):  # noqa: N802 - the protocol's name
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
async def collector():
    servicer = Collector()
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    servicer.endpoint = f"http://127.0.0.1:{port}"
    yield servicer
    await server.stop(0)


async def call(service, flags: str) -> None:
    metadata = (("traceparent", f"00-{TRACE_ID}-b7ad6b7169203331-{flags}"),)
    await service.stub.GetFavoritedUsers(pb.ListingIDRequest(listing_id=1), metadata=metadata)


async def test_a_sampled_call_is_one_trace_from_caller_to_statement(start_service, collector):
    async with start_service(tracing={"endpoint": collector.endpoint, "sample_ratio": 0}) as service:
        await call(service, "01")
    spans = {span.name: span for span in collector.spans}
    served = spans["listings.v1.ListingsService/GetFavoritedUsers"]
    statement = spans["favorites.users_of"]
    assert served.trace_id.hex() == TRACE_ID
    assert served.parent_span_id.hex() == "b7ad6b7169203331"
    assert statement.parent_span_id == served.span_id


async def test_a_sampled_request_is_one_trace_from_caller_to_statement(start_service, collector):
    async with (
        start_service(tracing={"endpoint": collector.endpoint, "sample_ratio": 0}) as service,
        httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{service.app.http_port}") as http,
    ):
        parent = f"00-{TRACE_ID}-b7ad6b7169203331-01"
        await http.get("/api/v1/favorites/1/users", headers={"traceparent": parent})
    spans = {span.name: span for span in collector.spans}
    served = spans["GET /api/v1/favorites/{listing_id}/users"]
    assert served.trace_id.hex() == TRACE_ID
    assert spans["favorites.users_of"].parent_span_id == served.span_id


async def test_a_call_that_its_caller_does_not_sample_leaves_no_span(start_service, collector):
    async with start_service(tracing={"endpoint": collector.endpoint, "sample_ratio": 1}) as service:
        await call(service, "00")
    assert collector.spans == []


async def test_a_collector_that_is_away_costs_no_call(start_service):
    async with start_service(tracing={"endpoint": "http://127.0.0.1:1", "sample_ratio": 1}) as service:
        await call(service, "01")
