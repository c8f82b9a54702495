"""HTTP connections: what is not HTTP, heads without an end, idle and reused connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from controlplane.db.session import store_url
from tests.controlplane.conftest import listening, make_plane, settings_for

HEAD_BYTES = 4096
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Connection]:
    """A connection to a server with narrow bounds."""
    settings = settings_for(header_bytes_max=HEAD_BYTES, header_seconds=1)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack, listening(plane.app) as address, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(address).port)
        yield reader, writer
        writer.close()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


def refused(status: int, body: bytes, word: str) -> None:
    """A 400 with the one error body."""
    error = json.loads(body)
    assert (status, error["code"], error["system"]) == (400, 400, "neutron")
    assert word in error["message"]


@pytest.mark.parametrize(
    "sent",
    [
        b"hello there\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_not_http_gets_the_error_body(connection: Connection, sent: bytes) -> None:
    reader, writer = connection
    writer.write(sent)
    refused(*await answer_of(reader), "HTTP")
    assert await reader.read() == b""


async def test_a_large_head_at_once(connection: Connection) -> None:
    reader, writer = connection
    writer.write(GET + b"X-A: " + b"a" * HEAD_BYTES + b"\r\n\r\n")
    refused(*await answer_of(reader), "header_bytes_max")


@pytest.mark.parametrize("piece", [b"X-A: b\r\n" * 100, b"a" * 1000])
async def test_a_head_without_an_end(connection: Connection, piece: bytes) -> None:
    reader, writer = connection
    writer.write(GET + b"X-B: ")
    for _ in range(20):
        writer.write(piece)
        try:
            await writer.drain()
        except ConnectionError:
            break
    refused(*await answer_of(reader), "header_bytes_max")


@pytest.mark.parametrize("sent", [b"", b"\r\n", GET, GET + b"\r\n" + GET])
async def test_a_head_that_does_not_come_ends_the_connection(
    connection: Connection, sent: bytes
) -> None:
    reader, writer = connection
    writer.write(sent)
    if sent.count(b"GET") == 2:
        assert (await answer_of(reader))[0] == 200
        writer.write(b"X-More: 1\r\n")
    assert await reader.read() == b""


async def test_a_connection_serves_many_requests(connection: Connection) -> None:
    reader, writer = connection
    for _ in range(3):
        writer.write((GET + b"X-A: " + b"a" * (HEAD_BYTES // 2) + b"\r\n\r\n") * 4)
        for _ in range(4):
            assert await answer_of(reader) == (200, b'{"status":"ok"}')
