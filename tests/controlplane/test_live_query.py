"""One live query: merging, splitting, bounds of what waits, slow readers, stopping."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from controlplane.auth import Principal
from controlplane.services import live_query
from controlplane.services.live_query import (
    Limits,
    LiveQuery,
    Metrics,
    QueryRecord,
    join_arrays,
    split_array,
)
from engine.clock import ManualClock
from engine.protocol import Analysis, QueryOpened, Rows
from tests.controlplane.fake_engine import HEADER, FakeQuery

PRINCIPAL = Principal("u", "admin", "admin", frozenset(), "w", "default", "k", "p")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=20)


def make(**limits: Any) -> tuple[LiveQuery, FakeQuery, ManualClock]:
    """A started live query over a stand-in."""
    clock = ManualClock()
    fake = FakeQuery(QueryOpened("q", "streaming", HEADER, Analysis("s", "s", "SELECT")))
    record = QueryRecord("q", "s", PRINCIPAL, clock.now_ms())
    bounds = Limits(**{"pending_bytes_max": 1000, "stall_seconds": 10.0, **limits})
    live = LiveQuery(record, fake, PRINCIPAL, clock, bounds)

    def blame(_: str) -> Any:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    live.start(lambda _: None, blame)
    return live, fake, clock


async def rows(live: LiveQuery) -> Rows:
    """The next batch of rows."""
    item = await asyncio.wait_for(live.take(), 3)
    assert isinstance(item, Rows)
    return item


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_joining_and_splitting_keep_every_row(batches: list[Any]) -> None:
    joined = join_arrays([msgspec.json.encode(batch) for batch in batches])
    expected = [row for batch in batches for row in batch]
    assert json.loads(joined) == expected
    pieces = split_array(joined, 40)
    assert [row for piece in pieces for row in json.loads(piece)] == expected
    for piece in pieces:
        assert len(piece) <= 42 or len(json.loads(piece)) == 1


async def test_batches_merge_only_while_the_reader_is_busy() -> None:
    live, fake, _ = make()
    fake.push(["a", 1])
    assert json.loads((await rows(live)).payload) == [["a", 1]]
    fake.push(["b", 1])
    fake.push(["c", 1], ["d", 1])
    await asyncio.sleep(0.01)
    merged = await rows(live)
    assert (merged.count, json.loads(merged.payload)) == (3, [["b", 1], ["c", 1], ["d", 1]])
    await live.stop("canceled", 0, "")


async def test_a_policy_forbids_merging() -> None:
    live, fake, _ = make()
    live.merge = False
    fake.push(["a", 1])
    fake.push(["b", 1])
    await asyncio.sleep(0.01)
    assert (await rows(live)).count == 1
    await live.stop("canceled", 0, "")


async def test_what_waits_is_bounded_in_bytes() -> None:
    live, fake, _ = make(pending_bytes_max=1000)
    for _ in range(100):
        fake.push(["x" * 300, 1])
    await asyncio.sleep(0.05)
    assert fake.taken <= 5
    await rows(live)
    await asyncio.sleep(0.05)
    assert fake.taken <= 9
    await live.stop("canceled", 0, "")


async def test_a_reader_that_stands_still_is_ended(monkeypatch: Any) -> None:
    monkeypatch.setattr(live_query, "METRICS_SECONDS", 0.01)
    live, fake, clock = make()
    fake.push(["a", 1])
    await rows(live)
    for _ in range(10):
        fake.push(["x" * 300, 1])
    clock.advance(9_000)
    await asyncio.sleep(0.05)
    assert not live.ended.is_set()
    clock.advance(2_000)
    await asyncio.wait_for(live.ended.wait(), 3)
    assert fake.canceled
    assert await live.take() is None
    assert (live.record.status, live.record.code) == ("failed", 429)
    assert live.record.message == "code 429: slow consumer"


async def test_metrics_come_while_rows_do_not(monkeypatch: Any) -> None:
    monkeypatch.setattr(live_query, "METRICS_SECONDS", 0.02)
    live, fake, _ = make()
    fake.push(["a", 1])
    assert isinstance(await live.take(), Rows)
    first = await asyncio.wait_for(live.take(), 3)
    assert isinstance(first, Metrics)
    assert (first.count, first.scanned_rows) == (1, 1)
    second = await asyncio.wait_for(live.take(), 3)
    assert isinstance(second, Metrics)
    assert second.eps == 0
    await live.stop("canceled", 0, "")


async def test_stop_works_although_the_engine_does_not_answer(monkeypatch: Any) -> None:
    monkeypatch.setattr(live_query, "STOP_SECONDS_MAX", 0.05)
    live, fake, _ = make()
    fake.canceled = True
    await asyncio.wait_for(live.stop("canceled", 394, "enough"), 3)
    assert (live.record.status, live.record.message) == ("canceled", "code 394: enough")
    assert await live.take() is None
