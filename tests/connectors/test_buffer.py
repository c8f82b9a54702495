"""The buffer of a source: what waits leaves it in order, and each message keeps its name."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.buffer import Append, Buffer, BufferLimits
from connectors.contract import SourceBatch


class Counted(tuple[bytes, ...]):
    """Messages that count how often they are measured."""

    measured = 0

    def __len__(self) -> int:
        Counted.measured += 1
        return super().__len__()


def test_origins_of_many_small_parts_are_found_without_walking() -> None:
    part = SourceBatch(Counted((b"x", b"y")), 0.0, origin=str)
    append = Append((part, SourceBatch((), 0.0), SourceBatch((b"z",), 0.0)) * 1_000)
    named = [append.origin(at) for at in range(3_000)]
    assert named == ["0", "1", ""] * 1_000
    assert Counted.measured <= 10_000
    with pytest.raises(IndexError):
        append.origin(3_000)


@given(
    st.lists(
        st.tuples(st.sampled_from(["lines", "compact", "streaming"]), st.integers(0, 9)),
        max_size=40,
    )
)
def test_joining_never_changes_order_or_content(batches: list[tuple[Any, int]]) -> None:
    async def run() -> None:
        limits = BufferLimits(append_rows_max=12, waiting_batches_max=100)
        buffer = Buffer(limits)
        for number, (format_, count) in enumerate(batches):
            messages = [b"%d.%d" % (number, at) for at in range(count)]
            origin = "{}.{}".format
            await buffer.put(
                SourceBatch(messages, 0.0, format_, number, origin=partial(origin, number))
            )
        buffer.close()
        tokens: list[object] = []
        found: list[bytes] = []
        while (append := await buffer.take()) is not None:
            assert len({part.format for part in append.parts}) == 1
            assert len(append.parts) == 1 or len(append.messages) <= 12
            tokens += [part.token for part in append.parts]
            found += append.messages
            named = [append.origin(at).encode() for at in range(len(append.messages))]
            assert named == append.messages
        assert tokens == list(range(len(batches)))
        assert found == [b"%d.%d" % (n, at) for n, (_, c) in enumerate(batches) for at in range(c)]

    asyncio.run(run())
