"""The gRPC port: several listeners of one process share it, and nobody else."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from listings.v1 import listings_pb2_grpc

CONNECTIONS = 40


async def test_every_listener_answers(service):
    """Linux deals connections out: that none of 40 goes to one listener of eight happens once in 200."""
    address = f"127.0.0.1:{service.app.grpc_port}"
    alone = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options=alone) for _ in range(CONNECTIONS)]
    stubs = [listings_pb2_grpc.ListingsServiceStub(channel) for channel in channels]
    await asyncio.gather(*(stub.GetAllCategories(Empty(), timeout=20) for stub in stubs))
    await asyncio.gather(*(channel.close() for channel in channels))


async def test_another_service_does_not_share_the_port(service, start_service):
    """Sockets that may be shared would be, without a word, and half of the calls would go to each."""
    with pytest.raises(RuntimeError, match="LISTINGS_GRPC_PORT"):
        async with start_service(server={"grpc_port": service.app.grpc_port}):
            pass
