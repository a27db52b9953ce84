"""Clients that take without giving back: connections, heads, streams and pings have bounds."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress

import grpc
import hpack
import httpx
import pytest
from bench.h2 import DATA, END_HEADERS, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, frame
from google.protobuf.empty_pb2 import Empty

from listings.transport.grpc import server as grpc_server
from listings.transport.rest import server as http_server

REFUSED_STREAM, ENHANCE_YOUR_CALM = 7, 11
HELLO = PREFACE + frame(SETTINGS, 0, 0)
MAX_CONCURRENT_STREAMS = 3


@pytest.fixture
async def dial():
    """Opens connections to a port, after the first words of HTTP/2 if asked, and closes them in the end."""
    writers = []

    async def connect(port: int, said: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        writer.write(said)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _next_frame(reader, kind: int) -> bytes:
    """The payload of the next frame of a kind."""
    async with asyncio.timeout(20):
        while True:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == kind:
                return payload


async def test_idle_http_connections_make_room_for_others(start_service, monkeypatch, dial):
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 3)
    async with start_service() as service:
        idle = [await dial(service.app.http_port) for _ in range(6)]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.app.http_port}") as http:
            assert (await http.get("/health/live")).status_code == 200
        closed = [asyncio.ensure_future(reader.read()) for reader, _ in idle]
        done, _ = await asyncio.wait(closed, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert done


async def test_a_client_that_never_reads_its_answers_is_cut_off(start_service, monkeypatch):
    monkeypatch.setattr(http_server, "UNREAD_SECONDS", 1.0)
    async with start_service() as service:
        loop = asyncio.get_running_loop()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            await loop.sock_connect(deaf, ("127.0.0.1", service.app.http_port))
            await loop.sock_sendall(deaf, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
            async with asyncio.timeout(30):
                with pytest.raises(ConnectionError):  # who is cut off is not told before it speaks
                    await _speak_on(deaf)


async def _speak_on(connection: socket.socket) -> None:
    while True:
        await asyncio.sleep(0.05)
        connection.send(b"G")


async def test_metadata_that_is_too_large_is_refused(service):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.stub.GetAllCategories(Empty(), metadata=[("x-large", "x" * 40_000)])
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_connection_is_told_how_many_calls_it_may_have_and_held_to_it(start_service, dial):
    async with start_service(server={"max_connection_calls": 2}) as service:
        reader, writer = await dial(service.app.grpc_port, HELLO)
        settings = dict(struct.iter_unpack(">HI", await _next_frame(reader, SETTINGS)))
        assert settings[MAX_CONCURRENT_STREAMS] == 2
        head = hpack.Encoder().encode(
            [(":method", "POST"), (":scheme", "http"), (":path", "/x"), (":authority", "x")]
        )
        for stream in (1, 3, 5):  # none of them ends
            writer.write(frame(HEADERS, END_HEADERS, stream, head))
        # The first is HTTP/2's own word for it, the second grpcio's for a client that knew better.
        refused = int.from_bytes(await _next_frame(reader, RST_STREAM), "big")
        assert refused in {REFUSED_STREAM, ENHANCE_YOUR_CALM}
        writer.close()  # or a drain would wait for the other two


async def test_a_grpc_connection_that_says_nothing_is_closed(start_service, monkeypatch, dial):
    monkeypatch.setattr(grpc_server, "_HANDSHAKE_SECONDS", 1)
    async with start_service() as service:
        reader, _ = await dial(service.app.grpc_port)
        async with asyncio.timeout(20):
            await reader.read()


async def test_a_client_that_only_pings_is_told_to_be_calm(service, dial):
    reader, writer = await dial(service.app.grpc_port, HELLO)
    writer.write(frame(PING, 0, 0, b"8 bytes!") * 10)
    goaway = await _next_frame(reader, GOAWAY)
    assert int.from_bytes(goaway[4:8], "big") == ENHANCE_YOUR_CALM


async def test_frames_of_no_sense_end_their_connection_alone(service, dial):
    reader, writer = await dial(service.app.grpc_port, HELLO)
    writer.write(frame(DATA, 0, 1, b"before any head") + frame(HEADERS, 4, 2, b"\xff" * 20))
    async with asyncio.timeout(20):
        await reader.read()
    await service.stub.GetAllCategories(Empty(), timeout=20)


async def test_connections_of_one_age_do_not_all_leave_at_once(start_service, dial):
    async with start_service(server={"max_connection_age_seconds": 1}) as service:

        async def age_when_told_to_leave() -> float:
            began = time.monotonic()
            reader, writer = await dial(service.app.grpc_port, HELLO)
            await _next_frame(reader, GOAWAY)
            writer.close()  # or a drain would wait for it
            return time.monotonic() - began

        for _ in range(5):  # a machine that stands still hears of all at once when it goes on
            left = await asyncio.gather(*(age_when_told_to_leave() for _ in range(20)))
            assert min(left) > 0.85
            if max(left) - min(left) > 0.05:
                return
    pytest.fail("twenty connections left at one moment, five times")
