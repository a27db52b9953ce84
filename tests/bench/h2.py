"""The least client that can call a gRPC method: what it does not spend is left for what is measured.

grpcio's client costs as much CPU per call as its server, and on a machine of two cores that is the
server's. This one writes prepared frames and reads frame heads: about 20 us per call. It announces a header
table of size zero, so equal answers have equal header bytes, and each different block is decoded only once
(with the `hpack` library). For requests that fit into one frame (16 KiB); larger ones go through grpcio.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

import hpack

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
LARGEST_WINDOW = 2**31 - 1
TOP_UP = 2**29
# Answers are all alike, and so are refusals of one kind; those that name their request never are.
MOST_KNOWN = 1000


class Refused(Exception):
    """The call ended with another status than OK."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


class Connection(asyncio.Protocol):
    """One HTTP/2 connection; `call` may be awaited by many tasks at once."""

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._next = 1
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._received = 0
        self._window = 65535
        self._unsent: list[bytes] = []
        self._heads: dict[str, bytes] = {}
        self._known: dict[bytes, Mapping[str, str]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods but not the base class.
        self._transport = cast("asyncio.Transport", transport)
        settings = struct.pack(">HIHI", 1, 0, 4, LARGEST_WINDOW)  # HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE
        grown = struct.pack(">I", LARGEST_WINDOW - 65535)
        self._transport.write(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, grown))

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Refused("UNAVAILABLE connection lost"))
        self._waiting.clear()

    async def call(self, path: str, message: bytes) -> None:
        """One unary call; raises Refused with code and text unless it was answered OK."""
        stream = self._next
        self._next += 2
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = self._head(path)
        answered = self._waiting[stream] = asyncio.get_running_loop().create_future()
        body = b"\0" + struct.pack(">I", len(message)) + message
        self._send(
            frame(HEADERS, END_HEADERS, stream, head) + frame(DATA, END_STREAM, stream, body), len(body)
        )
        await answered

    def _head(self, path: str) -> bytes:
        encoder = hpack.Encoder()
        encoder.header_table_size = 0
        return encoder.encode(
            [
                (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", self._authority),
                ("te", "trailers"), ("content-type", "application/grpc"),
            ]
        )  # fmt: skip

    def _send(self, frames: bytes, size: int) -> None:
        assert self._transport is not None
        if self._window < size:
            self._unsent.append(frames)
            return
        self._window -= size
        self._transport.write(frames)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        while end - at >= 9:
            size = int.from_bytes(buffer[at : at + 3], "big")
            if end - at < 9 + size:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            if kind == DATA:
                self._received += size
            elif kind == HEADERS:
                if flags & END_STREAM:
                    stream = int.from_bytes(buffer[at + 5 : at + 9], "big")
                    self._ended(stream, buffer[at + 9 : at + 9 + size])
            else:
                self._other(kind, flags, buffer[at + 5 : at + 9], buffer[at + 9 : at + 9 + size])
            at += 9 + size
        self._buffer = buffer[at:]
        if self._received > TOP_UP:
            assert self._transport is not None
            self._transport.write(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self._received)))
            self._received = 0

    def _ended(self, stream: int, block: bytes) -> None:
        trailers = self._known.get(block)
        if trailers is None:
            decoder = hpack.Decoder()
            trailers = {str(name): str(value) for name, value in decoder.decode(block)}
            if len(self._known) < MOST_KNOWN:
                self._known[block] = trailers
        answered = self._waiting.pop(stream)
        if answered.done():
            return
        if trailers.get("grpc-status") == "0":
            answered.set_result(None)
        else:
            text = unquote(trailers.get("grpc-message", ""))
            answered.set_exception(Refused(f"{trailers.get('grpc-status')} {text}"))

    def _other(self, kind: int, flags: int, stream: bytes, payload: bytes) -> None:
        assert self._transport is not None
        if kind == SETTINGS and not flags & ACK:
            self._transport.write(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self._transport.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE and not any(stream):
            self._window += int.from_bytes(payload, "big")
            unsent, self._unsent = self._unsent, []
            for frames in unsent:
                self._send(frames, len(frames))
        elif kind == RST_STREAM:
            waiting = self._waiting.pop(int.from_bytes(stream, "big"), None)
            if waiting is not None and not waiting.done():
                waiting.set_exception(Refused("UNAVAILABLE stream reset"))
        elif kind in (GOAWAY, CONTINUATION):
            self._transport.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
