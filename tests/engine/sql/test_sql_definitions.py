"""Definitions: CREATE text to stored schema and back."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from sql_support import NOW_MS, World, tokens_bound

from engine.errors import SqlError
from engine.protocol import ColumnDef, Definition
from engine.sql.create_text import create_query
from engine.sql.definitions import check_definition, keep_sql, stored_schema
from engine.sql.dialect import Lexer

WORDS = sorted({word.lower() for word in Lexer.KEYWORDS if word.isidentifier()})
FULL = (
    "create stream s(a int32 default 1 + 2, b string default to_string(a), c int64 alias a * 2, "
    "d float64 materialized a / 2, e datetime64(3) default now64(3), f nullable(string)) "
    "ttl to_datetime(_tp_time) + 7d settings event_time_column = 'e', logstore_retention_ms = 1000"
)


@pytest.mark.parametrize("name", WORDS)
def test_a_keyword_as_a_name_survives_the_text(name: str) -> None:
    """Every word of the dialect, quoted where it must be, for the stream and for a column."""
    made = World().create(f"create stream `{name}` (`{name}` int32, other string)")
    again = World().create(create_query(made))
    assert (again.name, again.columns) == (made.name, made.columns)


def test_the_stored_schema() -> None:
    schema = stored_schema(World().create(FULL))
    assert [c.name for c in schema.columns] == ["a", "b", "d", "e", "f", "_tp_time"]
    assert [c.materialized for c in schema.columns] == [False, False, True, False, False, False]
    assert (schema.event_time_column, schema.event_time_sql) == ("e", "")
    assert schema.columns[4].default_sql == ""


def test_defaults_compute_in_duckdb() -> None:
    world = World()
    schema = stored_schema(world.create(FULL))
    by_name = {c.name: c.default_sql for c in schema.columns}
    world.session.register("rows", pa.table({"a": pa.array([3], pa.int32())}))
    sql = f"SELECT {by_name['b']}, {by_name['d']}, epoch_ms({by_name['e']}) FROM rows"
    found = world.session.query(tokens_bound(sql))
    assert [c[0].as_py() for c in found.columns] == ["3", 1.5, NOW_MS]


def test_an_expression_as_event_time() -> None:
    world = World()
    made = world.create(
        "create stream s(ms int64) settings event_time_column = 'to_datetime64(ms / 1000, 3)'"
    )
    schema = stored_schema(made)
    assert schema.event_time_column == ""
    world.session.register("rows", pa.table({"ms": pa.array([1500])}))
    found = world.session.query(f"SELECT epoch_ms({schema.event_time_sql}) FROM rows")
    assert found.column(0)[0].as_py() == 1500


@pytest.mark.parametrize(
    "sql",
    [
        FULL,
        "create stream `odd name`(`a b` array(string), `type` map(string, int32) comment 'it\\'s')",
        "create random stream r(i int default rand() % 10) settings eps = 5",
        "create stream s(a int32) comment 'text' settings shards = 2, storage_type = 'hybrid'",
    ],
)
def test_create_text_makes_an_equal_definition(sql: str) -> None:
    first = World().create(sql)
    second = World().create(create_query(first))
    assert second == first


def test_keep_sql_is_the_ttl() -> None:
    world = World()
    assert keep_sql(world.create("create stream plain(a int32)")) == ""
    made = world.create("create stream s(a int32) ttl to_datetime(_tp_time) + interval 7 day")
    assert "{now_ms}" in keep_sql(made)


def test_definitions_from_rest_are_checked() -> None:
    good = Definition("", "s", "stream", (ColumnDef("a", "INTEGER"), ColumnDef("b", "float")))
    made = check_definition(good)
    assert [c.type for c in made.columns] == ["int32", "float32"]
    assert made.create_query.startswith("CREATE STREAM s")


@pytest.mark.parametrize(
    ("columns", "changes", "code"),
    [
        ((), {}, 36),
        ((ColumnDef("a", "nope"),), {}, 50),
        ((ColumnDef("a", "int"), ColumnDef("a", "int")), {}, 15),
        ((ColumnDef("a", "int", "b + 1"),), {}, 47),
        ((ColumnDef("a", "int", "count()"),), {}, 36),
        ((ColumnDef("a", "int", "1 +"),), {}, 62),
        ((ColumnDef("a", "int"),), {"ttl_expression": "zz + 1d"}, 47),
        ((ColumnDef("a", "int"),), {"event_time_column": "zz"}, 47),
        ((ColumnDef("a", "array(int)"),), {"event_time_column": "a"}, 43),
        ((ColumnDef("a/b", "int"),), {}, 36),
        ((ColumnDef("__x", "int"),), {}, 36),
        ((ColumnDef("_tp_sn", "int64"),), {}, 36),
        ((ColumnDef("_TP_SN", "int64"),), {}, 36),
        ((ColumnDef("_TP_TIME", "datetime"),), {}, 36),
        ((ColumnDef("a", "int"),), {"mode": "changelog_kv"}, 36),
        ((ColumnDef("a", "int"),), {"engine": "MutableStream"}, 36),
        ((ColumnDef("a", "int"),), {"engine": "Nosuch"}, 36),
    ],
)
def test_bad_definitions(
    columns: tuple[ColumnDef, ...], changes: dict[str, str], code: int
) -> None:
    with pytest.raises(SqlError) as caught:
        check_definition(Definition("", "s", "stream", columns, **changes))  # type: ignore[arg-type]
    assert caught.value.code == code, caught.value.message


@pytest.mark.parametrize("kind", ["stream", "random_stream"])
@pytest.mark.parametrize(
    "column",
    [
        ColumnDef("_tp_time", "string"),
        ColumnDef("_tp_time", "uint64"),
        ColumnDef("_tp_time", "decimal(10, 2)"),
        ColumnDef("_tp_time", "date"),
        ColumnDef("_tp_time", "nullable(datetime64(3))"),
        ColumnDef("_tp_time", "", "'abc'"),
        ColumnDef("_tp_time", "datetime64(3)", "now64(3)", "alias"),
    ],
)
def test_the_event_time_is_a_stored_date_time(kind: Any, column: ColumnDef) -> None:
    with pytest.raises(SqlError) as caught:
        check_definition(Definition("", "s", kind, (ColumnDef("a", "int"), column)))
    message = caught.value.message
    assert caught.value.code == 43, message
    assert "_tp_time of s" in message
    assert "datetime64" in message
    assert "event_time_column" in message


@pytest.mark.parametrize(
    "column",
    [
        ColumnDef("_tp_time", "datetime"),
        ColumnDef("_tp_time", "datetime64(9, 'Europe/Berlin')"),
        ColumnDef("_tp_time", "datetime64(3, 'UTC')", "now64(3)"),
        ColumnDef("_tp_time", "", "now()"),
        ColumnDef("_tp_time", "low_cardinality(datetime)"),
    ],
)
def test_the_event_time_may_be_declared_as_a_date_time(column: ColumnDef) -> None:
    made = check_definition(Definition("", "s", "stream", (column, ColumnDef("a", "int"))))
    assert [c.name for c in stored_schema(made).columns] == ["_tp_time", "a"]


@pytest.mark.parametrize(
    "column",
    [
        ColumnDef("c", "interval_second"),
        ColumnDef("c", "nothing"),
        ColumnDef("c", "nullable(nothing)"),
        ColumnDef("c", "array(interval_day)"),
        ColumnDef("c", "tuple(int, a map(string, interval_day))"),
        ColumnDef("c", "", "null"),
        ColumnDef("c", "", "[]"),
        ColumnDef("c", "", "interval 1 day"),
    ],
)
def test_a_column_that_could_take_no_row_is_refused(column: ColumnDef) -> None:
    with pytest.raises(SqlError) as caught:
        check_definition(Definition("", "s", "stream", (ColumnDef("a", "int"), column)))
    assert caught.value.code == 43
    assert "column c of s" in caught.value.message


def test_a_computed_column_may_be_an_interval() -> None:
    column = ColumnDef("c", "", "interval 1 day", "alias")
    made = check_definition(Definition("", "s", "stream", (ColumnDef("a", "int"), column)))
    assert made.columns[1].type == "interval_day"


@pytest.mark.parametrize("kind", ["stream", "random_stream"])
@pytest.mark.parametrize(
    ("column", "changes"),
    [
        (ColumnDef("c", "int", "(select 1)"), {}),
        (ColumnDef("c", "int", "1 + (select 1)"), {}),
        (ColumnDef("c", "bool", "a in (select 1)"), {}),
        (ColumnDef("c", "int", "(select 1)", "alias"), {}),
        (ColumnDef("c", "int", "(select 1)", "materialized"), {}),
        (ColumnDef("c", "int"), {"event_time_column": "(select now())"}),
        (ColumnDef("c", "int"), {"ttl_expression": "(select now())"}),
    ],
)
def test_what_is_computed_for_a_row_reads_that_row_alone(
    kind: Any, column: ColumnDef, changes: dict[str, str]
) -> None:
    given = Definition("", "s", kind, (ColumnDef("a", "int"), column), **changes)  # type: ignore[arg-type]
    with pytest.raises(SqlError) as caught:
        check_definition(given)
    assert caught.value.code == 36
    assert "of s holds a query" in caught.value.message


def test_a_view_has_its_result_columns() -> None:
    world = World()
    world.create("create stream s(a int32, b string)")
    made = world.create("create view v as (select a + 1 as c, b from s where a > 1)")
    assert [(c.name, c.type) for c in made.columns] == [("c", "int64"), ("b", "string")]
    assert made.query == "select a + 1 as c, b from s where a > 1"
