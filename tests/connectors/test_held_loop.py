"""Large batches of sinks: others have their turns while they are written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec
from aiokafka.producer.message_accumulator import BatchBuilder

from connectors import batching, http_client, kafka_records, properties
from connectors.http_client import Answer, Call
from connectors.sink_contract import SinkContext, SinkRow
from connectors.sinks import email, http
from engine.clock import SystemClock
from engine.protocol import Position, ResultColumn


async def no_engine() -> Any:
    raise AssertionError("nobody asks the engine")


def context(columns: int) -> SinkContext:
    made = tuple(ResultColumn(f"c{n}", "float64") for n in range(columns))
    return SinkContext("id", SystemClock(), asyncio.sleep, made, no_engine, True)


def rows(count: int, columns: int, text: bytes = b"21.5") -> list[SinkRow]:
    values = tuple([msgspec.Raw(text)] * columns)
    return [SinkRow(f"a-{n}", Position(n, 0), values) for n in range(count)]


def threads_of(sink: Any) -> set[int]:
    """The threads that write rows of the sink from now on."""
    seen: set[int] = set()
    write = sink._objects.write

    def watched(values: Any) -> bytes:
        seen.add(threading.get_ident())
        return write(values)

    sink._objects.write = watched
    return seen


async def test_requests_with_many_rows_are_not_made_in_the_loop() -> None:
    given = {"url": "http://h/", "batch_count": 10_000}
    sink = http.HttpSink(properties.parse(http.Config, given), context(2))
    sent: list[Call] = []

    async def send(call: Call) -> Answer:
        sent.append(call)
        return Answer("h", 200, b"")

    sink._client.send = send  # type: ignore[method-assign]
    seen = threads_of(sink)
    assert await sink.deliver(rows(500, 2)) == ()
    assert sent[0].body.count(b'"c1":21.5') == 500
    assert seen and threading.get_ident() not in seen


async def test_large_requests_are_made_and_sent_bit_by_bit() -> None:
    """By a real server: the pieces in which it comes are those that are written."""
    got: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().splitlines() if b"content-length" in line)
        assert b"chunked" not in head
        got.append(await reader.readexactly(int(length.split(b":")[1])))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    written: list[int] = []
    pieces = http_client._pieces  # pyright: ignore[reportPrivateUsage]

    async def watched(body: bytes) -> Any:
        async for each in pieces(body):
            written.append(len(each))
            yield each

    turns = Turns()
    held: dict[int, int] = {}
    async with server:
        given = {"url": url, "batch_count": 10_000}
        sink: Any = http.HttpSink(properties.parse(http.Config, given), context(2))
        write = sink._objects.write

        def counted(values: Any) -> bytes:
            held[turns.count] = held.get(turns.count, 0) + 1
            return write(values)

        sink._objects.write = counted
        with patch.object(http_client, "_pieces", watched):
            assert await turns.while_(sink.deliver(rows(2_000, 2, b"1" * 500))) == ()
        await sink.close()
    assert got[0].count(b'"c1":') == 2_000
    assert msgspec.json.decode(got[0], type=list[Any])[-1] is not None
    assert len(written) >= len(got[0]) // http_client.PIECE_BYTES_MAX > 3
    assert max(held.values()) <= batching.ROWS_AT_A_TIME


async def test_mails_are_not_made_in_the_loop() -> None:
    given = {"host": "h", "from": "a@b.c", "to": ["d@e.f"], "batch_count": 10_000}
    sink = email.EmailSink(properties.parse(email.Config, given), context(2))
    sent: list[bytes] = []

    async def send(message: list[bytes], *_: Any) -> dict[str, Any]:
        sent.append(b"".join(message))
        return {}

    async def connect() -> None:
        return

    sink._mailer.send = send  # type: ignore[method-assign]
    sink.connect = connect  # type: ignore[method-assign]
    seen = threads_of(sink)
    assert await sink.deliver(rows(500, 2)) == ()
    assert sent[0].count(b'"c1":21.5') == 500
    assert seen and threading.get_ident() not in seen


class Turns:
    """How often another task had its turn."""

    count = 0

    async def while_(self, work: Awaitable[Any]) -> Any:
        """The result of the work."""
        other = asyncio.create_task(self._run())
        try:
            return await work
        finally:
            other.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.count += 1


async def test_wide_and_large_rows_are_written_a_few_at_a_time() -> None:
    for given, most in ((rows(500, 100), 10), (rows(20, 1, b"1" * 100_000), 3)):
        turns = Turns()
        held: dict[int, int] = {}

        def encode(_: Any, turns: Turns = turns, held: dict[int, int] = held) -> bytes:
            held[turns.count] = held.get(turns.count, 0) + 1
            return b"{}"

        encoder: Any = SimpleNamespace(encode=encode)
        records, refused = await turns.while_(kafka_records.records_of(given, encoder))
        assert (len(records), refused) == (len(given), [])
        assert max(held.values()) <= 2 * most, "the other task takes a turn to begin"


async def test_records_are_packed_a_few_at_a_time() -> None:
    def create_batch() -> BatchBuilder:
        return BatchBuilder(
            1_000_000, 0, is_transactional=False, key_serializer=None, value_serializer=None
        )

    producer = SimpleNamespace(create_batch=create_batch)
    for count, size, least in ((10_000, 60, 45), (20, 100_000, 5)):
        records = [kafka_records.Record(n, b"x" * size, []) for n in range(count)]
        turns = Turns()
        found = await turns.while_(kafka_records.packs(producer, records))
        assert [r.index for pack in found for r in pack.records] == list(range(count))
        assert turns.count >= least
