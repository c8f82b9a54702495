"""Functions in the catalog: they survive a restart, and views hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.config import EngineSettings
from engine.errors import AlreadyExists, Code, NotFound, UserError
from engine.protocol import ColumnDef, Definition
from tests.sql.virtual_engine import ME, VirtualEngine

ADD = """
create function add_five(v float32) returns float32 language javascript as $$
  const add_five = v => v.map(x => x + 5)
$$"""


async def opened(folder: Path) -> Any:
    return await VirtualEngine.open(folder, EngineSettings(), ManualClock())


async def rows(engine: Any, sql: str) -> list[list[Any]]:
    reader = await engine.statement(sql)
    await reader.finished()
    assert reader.end.code == 0, reader.end.message
    return reader.rows()


async def test_functions_survive_a_restart_and_have_names_of_their_own(tmp_path: Path) -> None:
    engine = await opened(tmp_path)
    await rows(engine, ADD)
    await rows(engine, "create function Twice as x -> x * 2")
    await rows(engine, "create stream add_five (v float32)")
    await rows(engine, "create view v as select add_five(twice(v)) as w from add_five")
    await engine.close()
    engine = await opened(tmp_path)
    assert await rows(engine, "select ADD_FIVE(twice(1)) as a") == [[7.0]]
    assert await rows(engine, "show streams") == [["add_five"], ["v"]]
    for name in ("add_five", "twice"):
        with pytest.raises(UserError, match="used by v") as held:
            await engine.statement(f"drop function {name}")
        assert held.value.code == Code.HAVE_DEPENDENT_OBJECTS
    await rows(engine, "drop view v")
    await rows(engine, "drop function add_five")
    assert await rows(engine, "show functions") == [["Twice"]]
    assert await rows(engine, "show streams") == [["add_five"]]
    with pytest.raises(UserError) as gone:
        await engine.statement("select add_five(1)")
    assert gone.value.code == Code.UNKNOWN_FUNCTION
    await engine.close()


async def test_definitions_of_functions_are_created_replaced_and_dropped(tmp_path: Path) -> None:
    engine = await opened(tmp_path)
    options = {"language": "sql"}
    columns = (ColumnDef("x", ""),)
    double = Definition("", "double", "function", columns, query="x * 2", options=options)
    made = await engine.create(double, ME)
    assert made.create_query == "CREATE FUNCTION double AS (x) -> x * 2"
    with pytest.raises(AlreadyExists):
        await engine.create(double, ME)
    options = {"language": "sql", "or_replace": True}
    again = Definition("", "double", "function", columns, query="x + x + 1", options=options)
    replaced = await engine.create(again, ME)
    assert replaced.id == made.id
    assert await rows(engine, "select double(2) as d") == [[5]]
    await engine.drop("double", kind="function")
    with pytest.raises(NotFound) as gone:
        await engine.drop("double", kind="function")
    assert gone.value.code == Code.UNKNOWN_FUNCTION
    await engine.close()


async def test_a_running_query_goes_on_with_the_text_it_was_started_with(tmp_path: Path) -> None:
    engine = await opened(tmp_path)
    await rows(engine, ADD)
    await rows(engine, "create stream s (v float32)")
    reader = await engine.statement("select add_five(v) as a from s")
    await rows(engine, ADD.replace("create", "create or replace").replace("x + 5", "x + 6"))
    await rows(engine, "insert into s (v) values (1)")
    await engine.settle()
    assert reader.rows() == [[6.0]]
    await rows(engine, "drop function add_five")
    await rows(engine, "insert into s (v) values (2)")
    await engine.settle()
    assert reader.rows() == [[7.0]]
    await reader.close()
    await engine.close()
