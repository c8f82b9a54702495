"""Answers of the Kronicle API from batches of rows: pieces that make one JSON text, bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from controlplane.compat.kronicle import answers
from controlplane.compat.kronicle.answers import Shown
from controlplane.problems import Problem
from engine.errors import QueryFailed
from engine.protocol import Analysis, QueryOpened, Rows
from engine.timeseries.kronicle_messages import ChannelInfo, Note, Output, Reading

INFO = ChannelInfo("an-id", "lab", {"a": "float"}, b"{}", b'{"t":1}', 3)
OUTPUTS = (Output("time", "time"), Output("a", "plain"), Output("d", "json"))
READING = Reading(INFO, "select", OUTPUTS, (Note("left out", "min[x]"),))
BATCHES = (
    [["2025-01-10 00:00:00.000000", 1.5, '{"k":[1]}'], ["2025-01-10 00:00:00.000001", None, None]],
    [],
    [[None, 2.5, "no json"]],
)
SHOWN = Shown(1_736_467_200_000)


async def items(*batches: list[list[Any]], fails: bool = False) -> AsyncGenerator[Any]:
    """What the engine gives of a statement."""
    yield QueryOpened("id", "bounded", (), Analysis("", "", "SELECT"))
    for batch in batches:
        yield Rows(len(batch), json.dumps(batch).encode())
    if fails:
        raise QueryFailed("over", 159)


async def whole(pieces: AsyncIterator[bytes]) -> Any:
    """The JSON of all pieces."""
    return json.loads(b"".join([piece async for piece in pieces]))


async def test_rows_in_pieces_are_one_answer() -> None:
    found = await whole(SHOWN.rows(READING, items(*BATCHES)))
    assert found["rows"] == [
        {"time": "2025-01-10T00:00:00+00:00", "a": 1.5, "d": {"k": [1]}},
        {"time": "2025-01-10T00:00:00.000001+00:00", "a": None, "d": None},
        {"time": None, "a": 2.5, "d": "no json"},
    ]
    assert (found["op_status"], found["name"], found["tags"]) == ("warning", "lab", {"t": 1})
    details = found["op_details"]
    assert (details["available_rows"], details["provided_rows"]) == (3, 3)
    assert details["issued_at"] == "2025-01-10T00:00:00+00:00"
    assert details["details"][0]["field"] == "min[x]"
    assert "metadata" not in found


async def test_others_have_their_turn_while_a_large_batch_is_shown() -> None:
    batch = [[f"2025-01-10 00:00:00.{n:06}", float(n), None] for n in range(5_000)]
    for pieces in (SHOWN.rows(READING, items(batch)), SHOWN.columns(READING, items(batch))):
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        found = await whole(pieces)
        task.cancel()
        assert found["op_details"]["provided_rows"] == 5_000
        assert turns >= 5


async def test_times_beyond_the_calendar_are_shown_as_they_are() -> None:
    found = await whole(SHOWN.rows(READING, items([["10000-01-01 13:59:59.000000", 1.0, None]])))
    assert found["rows"][0]["time"] == "10000-01-01T13:59:59+00:00"


async def test_columns_are_one_answer() -> None:
    found = await whole(SHOWN.columns(READING, items(*BATCHES)))
    assert found["columns"]["a"] == [1.5, None, 2.5]
    assert found["op_details"]["provided_rows"] == 3


async def test_no_rows_leave_the_field_out() -> None:
    assert "rows" not in await whole(SHOWN.rows(READING, items()))
    assert (await whole(SHOWN.columns(READING, items())))["columns"] == {
        "time": [], "a": [], "d": [],
    }  # fmt: skip


async def test_what_fails_before_the_first_row_sends_nothing() -> None:
    for pieces in (
        SHOWN.rows(READING, items(fails=True)),
        SHOWN.columns(READING, items(fails=True)),
    ):
        with pytest.raises(QueryFailed):
            await anext(pieces)


async def test_columns_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "COLUMNS_BYTES_MAX", 20)
    with pytest.raises(Problem, match="64 MiB") as refused:
        await anext(SHOWN.columns(READING, items(*BATCHES)))
    assert refused.value.code == 413
    assert len((await whole(SHOWN.rows(READING, items(*BATCHES))))["rows"]) == 3
