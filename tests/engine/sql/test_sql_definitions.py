"""Definitions: CREATE text to stored schema and back."""

from __future__ import annotations

import pyarrow as pa
import pytest
from sql_support import NOW_MS, World, tokens_bound

from engine.errors import SqlError
from engine.protocol import ColumnDef, Definition
from engine.sql.definitions import check_definition, create_query, keep_sql, stored_schema

FULL = (
    "create stream s(a int32 default 1 + 2, b string default to_string(a), c int64 alias a * 2, "
    "d float64 materialized a / 2, e datetime64(3) default now64(3), f nullable(string)) "
    "ttl to_datetime(_tp_time) + 7d settings event_time_column = 'e', logstore_retention_ms = 1000"
)


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
        ((ColumnDef("a", "int"),), {"mode": "changelog_kv"}, 36),
        ((ColumnDef("a", "int"),), {"engine": "MutableStream", "primary_key": "a"}, 48),
    ],
)
def test_bad_definitions(
    columns: tuple[ColumnDef, ...], changes: dict[str, str], code: int
) -> None:
    with pytest.raises(SqlError) as caught:
        check_definition(Definition("", "s", "stream", columns, **changes))  # type: ignore[arg-type]
    assert caught.value.code == code, caught.value.message


def test_a_view_has_its_result_columns() -> None:
    world = World()
    world.create("create stream s(a int32, b string)")
    made = world.create("create view v as (select a + 1 as c, b from s where a > 1)")
    assert [(c.name, c.type) for c in made.columns] == [("c", "int64"), ("b", "string")]
    assert made.query == "select a + 1 as c, b from s where a > 1"
