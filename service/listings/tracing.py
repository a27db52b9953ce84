"""OpenTelemetry traces, when an endpoint is configured; nothing at all otherwise.

One server span per call, continued from the caller's `traceparent`, and one span per SQL statement
under it, named like the statement. Values never appear in spans.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

import listings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from opentelemetry.trace import Tracer

    from listings.settings import Settings


@asynccontextmanager
async def open_tracer(settings: Settings) -> AsyncIterator[Tracer | None]:
    """A tracer that exports over OTLP, flushed when the block ends; None when no endpoint is set.

    A collector that is away costs spans, never calls: export runs in a thread of its own.
    """
    endpoint = settings.tracing.endpoint
    if not endpoint:
        yield None
        return
    provider = TracerProvider(
        resource=Resource.create(
            {
                "service.name": "listings",
                "service.version": listings.__version__,
                "deployment.environment.name": settings.environment,
            }
        ),
        # A caller that samples decides for us too; traces that begin here are sampled by the ratio.
        sampler=ParentBased(TraceIdRatioBased(settings.tracing.sample_ratio)),
    )
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https://"), timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield provider.get_tracer("listings", listings.__version__)
    finally:
        await asyncio.to_thread(provider.shutdown)  # waits for the collector
