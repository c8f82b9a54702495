"""INSERT against the real engine: what it refuses, in whose words, and that nothing is stored."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
import pytest_asyncio

from controlplane.problems import status_of
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import NotFound, TailraceError, UserError
from engine.local import LocalEngine
from engine.protocol import Caller, IngestRequest, QueryEnd, QueryRequest

ME = Caller("u1", "alice")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalEngine]:
    folder: Path = tmp_path_factory.mktemp("inserts")
    made = await LocalEngine.open(folder / "ws", EngineSettings(), SystemClock())
    yield made
    await made.close()


async def run(engine: LocalEngine, sql: str) -> list[list[object]]:
    """All rows of a statement."""
    request = QueryRequest(id=SystemClock().uuid4(), sql=sql, caller=ME)
    rows: list[list[object]] = []
    async for item in (await engine.run(request)).items():
        if isinstance(item, QueryEnd):
            assert item.code == 0, item
        else:
            rows += json.loads(item.payload)
    return rows


async def refusal(outcome: Awaitable[object]) -> TailraceError:
    """The error that it ends with."""
    with pytest.raises(TailraceError) as found:
        await outcome
    return found.value


async def fresh(engine: LocalEngine, columns: str) -> None:
    """An empty stream `w` with these columns."""
    await run(engine, "drop stream if exists w")
    await run(engine, f"create stream w ({columns})")


async def send(engine: LocalEngine, columns: list[str], rows: list[list[object]]) -> int:
    """Ingest a compact body; how many rows were stored."""
    body = json.dumps({"columns": columns, "data": rows}).encode()
    return (await engine.ingest(IngestRequest("w", "compact"), body)).rows


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("columns", "insert", "code"),
    [
        ("v int32", "values ('x')", 6),
        ("v enum8('a' = 1)", "values ('b')", 6),
        ("v ipv4", "values ('1.2.3')", 6),
        ("v datetime", "values ('yesterday')", 6),
        ("v decimal(4, 2)", "values (12345)", 69),
        ("v int64", "select int_div(1, 0)", 153),
        ("v fixed_string(3)", "values ('abcdef')", 6),
        ("v fixed_string(3)", "select 'abc' || 'def'", 6),
    ],
)
async def test_a_value_that_does_not_fit_is_the_requests_fault(
    engine: LocalEngine, columns: str, insert: str, code: int
) -> None:
    await fresh(engine, columns)
    error = await refusal(run(engine, f"insert into w (v) {insert}"))
    assert (status_of(error), error.code) == (400, code), error.message
    assert isinstance(error, UserError)
    assert await run(engine, "select count() from table(w)") == [[0]]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("int32", "1.7"),
        ("int64", "1e30"),
        ("float32", "1e300"),
        ("array(int8)", "[1, 1.5]"),
        ("nullable(int8)", "1.5"),
    ],
)
async def test_a_number_that_is_no_integer_is_refused_as_by_ingest(
    engine: LocalEngine, column: str, value: str
) -> None:
    await fresh(engine, f"id int32, v {column}")
    by_ingest = await refusal(send(engine, ["id", "v"], [[1, json.loads(value)]]))
    assert by_ingest.code == 117
    zero = "[1]" if value.startswith("[") else "1"
    for insert in (f"values (1, {zero})(2, {value})", f"select 2, {value}"):
        error = await refusal(run(engine, f"insert into w (id, v) {insert}"))
        assert (status_of(error), error.code) == (400, 53), error.message
        row = 2 if insert.startswith("values") else 1
        assert f"row {row}" in error.message
        assert "column 'v'" in error.message
        assert "code" not in error.message
    assert await run(engine, "select count() from table(w)") == [[0]]


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        ("int32", "3000000000", -1294967296),
        ("int8", "-129", 127),
        ("uint32", "-1", 4294967295),
        ("uint64", "-1", 18446744073709551615),
        ("int64", "18446744073709551615", -1),
        ("array(int8)", "[1, 300]", [1, 44]),
        ("nullable(int8)", "300", 44),
    ],
)
async def test_an_integer_beyond_the_column_wraps_but_not_of_an_ingest_body(
    engine: LocalEngine, column: str, value: str, stored: object
) -> None:
    await fresh(engine, f"id int32, v {column}")
    by_ingest = await refusal(send(engine, ["id", "v"], [[1, json.loads(value)]]))
    assert by_ingest.code == 117
    for insert in (f"values (2, {value})", f"select 2, {value}"):
        await run(engine, f"insert into w (id, v) {insert}")
    assert await run(engine, "select v from table(w)") == [[stored], [stored]]


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        ("int32", "2.0", 2),
        ("int8", "100 + 27", 127),
        ("float32", "1.1", 1.1),
        ("float64", "1", 1),
        ("int64", "9007199254740993", 9007199254740993),
        ("uint64", "18446744073709551615", 18446744073709551615),
        ("decimal(9, 2)", "1.25", 1.25),
        ("nullable(int8)", "null", None),
        ("int8", "null", 0),
        ("bool", "1", True),
        ("int8", "true", 1),
        ("array(int8)", "[1, 2]", [1, 2]),
        ("int8", "'7'", 7),
        ("int8", "cast(300, 'int8')", 44),
    ],
)
async def test_a_number_that_fits_is_stored_as_it_is(
    engine: LocalEngine, column: str, value: str, stored: object
) -> None:
    await fresh(engine, f"v {column}")
    await run(engine, f"insert into w (v) values ({value})({value})")
    await run(engine, f"insert into w (v) select {value}")
    assert await run(engine, "select v from table(w)") == [[stored]] * 3


@pytest.mark.parametrize("left_out", ["array(int32)", "map(string, int8)", "tuple(a int8, b int8)"])
async def test_no_rows_are_stored_whatever_columns_are_left_out(
    engine: LocalEngine, left_out: str
) -> None:
    await fresh(engine, f"id int32, x {left_out}, y nullable(int8)")
    assert await send(engine, ["id"], []) == 0
    await run(engine, "insert into w (id) select to_int32(1) where 1 = 0")
    assert await send(engine, ["id"], [[7]]) == 1
    assert await run(engine, "select id from table(w)") == [[7]]


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("a int default 'abc'", 6),
        ("a fixed_string(2) default 'abc'", 6),
        ("a int, b int default int_div(1, 0)", 153),
        ("a enum8('x' = 1) default 'y'", 6),
    ],
)
async def test_a_constant_default_that_cannot_be_is_refused_at_create(
    engine: LocalEngine, column: str, code: int
) -> None:
    await run(engine, "drop stream if exists w")
    error = await refusal(run(engine, f"create stream w ({column})"))
    assert (status_of(error), error.code) == (400, code), error.message
    assert "default" in error.message
    assert "Error:" not in error.message
    assert "code " not in error.message
    assert isinstance(await refusal(run(engine, "describe w")), NotFound | UserError)
