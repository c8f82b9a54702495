"""Results that come as ready JSON under every batching policy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol import QueryEnd, Rows
from engine.rebatch import rebatch

END = QueryEnd("finished")


async def arriving(sizes: Sequence[int], pause: float = 0.0) -> AsyncGenerator[Rows | QueryEnd]:
    number = 0
    for size in sizes:
        await asyncio.sleep(pause)
        rows = [[number + i, "a,b]"] for i in range(size)]
        yield Rows(size, json.dumps(rows).encode(), number)
        number += size
    yield END


async def batches(items: AsyncGenerator[Rows | QueryEnd]) -> list[list[list[object]]]:
    found = [item async for item in items]
    assert found.pop() is END
    rows = [item for item in found if isinstance(item, Rows)]
    assert len(rows) == len(found)
    decoded = [json.loads(item.payload) for item in rows]
    assert [len(batch) for batch in decoded] == [item.count for item in rows]
    return decoded


@given(
    st.lists(st.integers(1, 30), max_size=8), st.integers(0, 12), st.sampled_from([0, 1, 60_000])
)
async def test_rows_stay_the_same_and_batches_fit(
    sizes: list[int], count: int, wait_ms: int
) -> None:
    found = await batches(rebatch(arriving(sizes), count, wait_ms))
    assert [row[0] for batch in found for row in batch] == list(range(sum(sizes)))
    if count:
        assert all(len(batch) <= count for batch in found)
    if count and wait_ms == 60_000:
        assert all(len(batch) == count for batch in found[:-1])
    if not count and wait_ms == 60_000:
        assert len(found) <= 1


async def test_what_waits_is_sent_when_its_time_is_over() -> None:
    items = rebatch(arriving([2, 2, 2], pause=0.2), 0, 50)
    assert [len(batch) for batch in await batches(items)] == [2, 2, 2]


async def test_closing_closes_what_it_reads() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[Rows | QueryEnd]:
        try:
            yield Rows(1, b"[[1]]")
            await asyncio.Event().wait()
        finally:
            closed.set()

    items = rebatch(endless(), 1, 0)
    assert await anext(items) == Rows(1, b"[[1]]")
    await items.aclose()
    assert closed.is_set()


async def test_errors_pass_through() -> None:
    async def failing() -> AsyncGenerator[Rows | QueryEnd]:
        yield Rows(1, b"[[1]]")
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await batches(rebatch(failing(), 10, 1000))
