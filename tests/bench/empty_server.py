"""The yardstick: grpcio's aio server with a handler that returns given bytes and does nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import grpc
import uvloop


async def main(answer: bytes) -> None:
    async def handle(_request: bytes, _context: object) -> bytes:
        return answer

    server = grpc.aio.server(
        options=[("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1)],
        maximum_concurrent_rpcs=1000,
    )
    methods = {"GetListing": grpc.unary_unary_rpc_method_handler(handle)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("listings.v1.ListingsService", methods),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]).read_bytes()))
