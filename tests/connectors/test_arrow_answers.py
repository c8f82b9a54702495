"""Arrow streams over HTTP: parts of any size, messages of bounded size, threads that are freed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pyarrow as pa
import pytest

from connectors.external import arrow_answers
from connectors.external.arrow_answers import batches_of
from connectors.external.tables_contract import TableError
from tests.journeys.waiting import within

pytestmark = pytest.mark.asyncio
SCHEMA = pa.schema([("w", pa.string())])
BATCH = pa.RecordBatch.from_pydict({"w": ["x" * 1_000, "y"] * 400}, schema=SCHEMA)


def stream() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA) as writer:
        writer.write_batch(BATCH)
        writer.write_batch(BATCH)
    return sink.getvalue().to_pybytes()


async def found(content: Any) -> list[pa.RecordBatch]:
    with ThreadPoolExecutor(1) as threads:
        response = httpx.Response(200, content=content)
        return [batch async for batch in batches_of(response, SCHEMA, threads)]


async def test_rows_come_whatever_the_parts_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_answers, "READ_BYTES", 777)
    assert await found(stream()) == [BATCH, BATCH]
    with pytest.raises(TableError, match="broke off"):
        await found(stream()[:-600_000])


async def test_a_message_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_answers, "MESSAGE_BYTES_MAX", 100_000)
    with pytest.raises(TableError, match="a block of rows"):
        await found(stream())


async def test_a_read_that_is_given_up_holds_no_thread() -> None:
    begun = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield stream()[:1_000]
        begun.set()
        await asyncio.sleep(3_600)

    reading = asyncio.create_task(found(parts()))
    await begun.wait()
    reading.cancel()
    async with within(5):  # leaving the pool waits for its threads
        with pytest.raises(asyncio.CancelledError):
            await reading
