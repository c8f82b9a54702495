"""The reader's side of a continuous query: batching policy, order, ends, bounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import cast

import msgspec
import pyarrow as pa
import pytest

from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.encode import PIECE_BYTES, JsonEncoder
from engine.protocol import Analysis, QueryCounters, QueryEnd, QueryOpened, QueryRequest, Rows
from engine.query import Context, Notifier, Shared, StreamingResult, Waiting
from engine.types import DataType

SETTINGS = EngineSettings(subscriber_bytes_max=4_096)
OPENED = QueryOpened("q", "streaming", (), Analysis("", "", ""))


class Control:
    """Runs nothing."""

    def stop(self, query_id: str) -> None: ...

    def counters(self, query_id: str) -> QueryCounters:
        return QueryCounters()

    def wake(self, query_id: str) -> None: ...


class Gated:
    """An encoder whose first call waits until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.gate = threading.Event()
        self._inner = JsonEncoder([("n", DataType("int64"))])

    def encode_chunks(
        self, batch: pa.RecordBatch, bytes_max: int = PIECE_BYTES
    ) -> Iterator[tuple[int, bytes]]:
        self.entered.set()
        self.gate.wait(10)
        return self._inner.encode_chunks(batch, bytes_max)


def result(encoder: Gated, **policy: int) -> StreamingResult:
    """A query whose output a test writes."""
    notifier = Notifier(asyncio.get_running_loop())
    context = Context(Shared(), Control(), notifier, SETTINGS, SystemClock(), Waiting(1 << 20))
    request = QueryRequest("q", "", **policy)  # type: ignore[arg-type]
    return StreamingResult(OPENED, request, cast("JsonEncoder", encoder), context)


def numbers(*values: int) -> pa.RecordBatch:
    """Rows of one column."""
    return pa.record_batch({"n": pa.array(values, pa.int64())})


async def taken(query: StreamingResult) -> tuple[list[int], QueryEnd]:
    """All rows up to the end."""
    found: list[int] = []
    async for item in query.items():
        if isinstance(item, QueryEnd):
            return found, item
        found += [row[0] for row in msgspec.json.decode(item.payload, type=list[list[int]])]
    raise AssertionError("no end")


async def test_rows_under_way_when_a_query_ends_reach_its_reader() -> None:
    encoder = Gated()
    query = result(encoder, batch_ms=1)
    query.rows(numbers(1, 2))
    await asyncio.to_thread(encoder.entered.wait, 10)  # the timer's flush has taken them
    ending = asyncio.create_task(asyncio.to_thread(query.end, None))
    await asyncio.sleep(0.05)
    encoder.gate.set()
    await ending
    rows, end = await asyncio.wait_for(taken(query), 10)
    assert (rows, end.status) == ([1, 2], "finished")


async def test_a_full_batch_does_not_overtake_one_that_was_due() -> None:
    encoder = Gated()
    query = result(encoder, batch_ms=1, batch_count=3)
    query.rows(numbers(1, 2))
    await asyncio.to_thread(encoder.entered.wait, 10)
    adding = asyncio.create_task(asyncio.to_thread(query.rows, numbers(3, 4, 5)))
    await asyncio.sleep(0.05)
    encoder.gate.set()
    await adding
    await asyncio.to_thread(query.end, None)
    rows, _ = await asyncio.wait_for(taken(query), 10)
    assert rows == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("count", [0, 100_000])
async def test_rows_that_wait_for_their_time_are_bounded_in_bytes(count: int) -> None:
    encoder = Gated()
    encoder.gate.set()
    query = result(encoder, batch_ms=60_000, batch_count=count)
    for _ in range(20):
        query.rows(numbers(*range(4_000)))
    assert not query.ready()  # they wait for the reader, and the query is told so
    item = await asyncio.wait_for(anext(aiter(query.items())), 10)
    assert isinstance(item, Rows)


async def test_a_policy_s_batch_is_one_frame_below_its_size_limit() -> None:
    encoder = Gated()
    encoder.gate.set()
    query = result(encoder, batch_ms=60_000, batch_count=1_000)
    query.rows(numbers(*range(2_500)))
    await asyncio.to_thread(query.end, None)
    sizes = [i.count async for i in query.items() if isinstance(i, Rows)]
    assert sizes == [1_000, 1_000, 500]


async def test_a_cancelled_query_ends_with_its_code() -> None:
    encoder = Gated()
    encoder.gate.set()
    query = result(encoder)
    query.rows(numbers(1, 2))
    await query.cancel()
    rows, end = await taken(query)
    assert (rows, end.status, end.code) == ([1, 2], "canceled", 394)


def test_what_waits_for_several_readers_counts_once() -> None:
    waiting = Waiting(100)
    shared, own = bytes(60), bytes(50)
    waiting.hold(shared)
    waiting.hold(shared)
    assert not waiting.full()
    waiting.hold(own)
    assert waiting.full()
    waiting.release(shared)
    assert waiting.full()
    waiting.release(shared)
    assert not waiting.full()
    waiting.release(own)
    waiting.hold(bytes(99))
    assert not waiting.full()


async def test_a_reader_that_leaves_gives_up_what_waited_for_it() -> None:
    encoder = Gated()
    encoder.gate.set()
    output = result(encoder)
    output.rows(numbers(*range(100)))
    items = output.items()
    await anext(items)
    output.rows(numbers(*range(100)))
    assert output._waiting._bytes > 0
    await items.aclose()
    assert output._waiting._bytes == 0
