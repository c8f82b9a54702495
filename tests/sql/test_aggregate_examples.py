"""The example of every aggregate holds in a stream, and when rows are taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.config import EngineSettings
from tests.engine.functions.evaluator import equal
from tests.engine.functions.test_every_name import AGGREGATES, called, conditional
from tests.sql.virtual_engine import VirtualEngine

EXAMPLES = [pair for name, entry in AGGREGATES for pair in called(entry, name)]
CALLS = [sql for sql, _ in EXAMPLES] + [conditional(sql) for sql, _ in EXAMPLES]
WANTED = [value for _, value in EXAMPLES] * 2
FOUR = "(1, 1, 'a')(2, 2, 'b')(3, 3, 'c')(4, 2, 'b')"
OTHERS = "(1, 50, 'q')(2, -7, '')(3, 3, 'c')(4, 9, 'z')(9, 4, 'a')"


def rounded(value: object) -> object:
    """Numbers as the reference page shows them."""
    if isinstance(value, float):
        return round(value, 10)
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return value


async def last_row(tmp_path: Path, query: str, inserts: list[str]) -> list[object]:
    """The last row that a query sends for these INSERTs into stream s."""
    clock = ManualClock(1_767_225_600_000)
    engine = await VirtualEngine.open(tmp_path, EngineSettings(), clock)
    assert isinstance(engine, VirtualEngine)
    try:
        await (await engine.statement("create stream s (id int32, x int64, s string)")).finished()
        reader = await engine.statement(query)
        await engine.settle()
        for rows in inserts:
            await (await engine.statement(f"insert into s (id, x, s) values {rows}")).finished()
            await engine.settle()
        assert reader.end is None, reader.end
        found = reader.rows()
        await reader.close()
        return found[-1]
    finally:
        await engine.close()


def compare(found: list[object]) -> None:
    wrong = [
        f"{sql}: {got}, not {wanted}"
        for sql, got, wanted in zip(CALLS, map(rounded, found), WANTED, strict=True)
        if not equal(got, wanted) and json.dumps(got) != json.dumps(wanted)
    ]
    assert wrong == []


COLUMNS = ", ".join(f"{sql} as c{at}" for at, sql in enumerate(CALLS))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("shared_workers")
async def test_of_a_stream(tmp_path: Path) -> None:
    inserts = [FOUR[:11], FOUR[11:22], FOUR[22:]]
    compare(await last_row(tmp_path, f"select {COLUMNS} from s emit on update", inserts))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("shared_workers")
async def test_of_rows_that_are_taken_back(tmp_path: Path) -> None:
    query = f"select {COLUMNS} from changelog(s, id) where id < 9 emit on update"
    compare(await last_row(tmp_path, query, [OTHERS, FOUR]))
