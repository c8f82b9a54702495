"""Bounded queries give the rows that the dialect promises, run in DuckDB."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pytest
from sql_support import World, moment, readings

from engine.errors import SqlError


@pytest.fixture(scope="module")
def world() -> World:
    return readings()


VALUES: list[tuple[str, Any]] = [
    ("1 + 1", 2),
    ("5 / 2", 2.5),
    ("1 / 0", math.inf),
    ("7 % 3", 1),
    ("-5 + 2", -3),
    ("2 * 3 - 4", 2),
    ("9223372036854775807 + 1::int64", -9223372036854775808),
    ("4611686018427387904::int64 * 4", 0),
    ("5::uint8 - 7::uint8", -2),
    ("'a' || 'b' || 1", "ab1"),
    ("1 == 1 and 2 <> 3 and not (1 > 2)", True),
    ("1 between 0 and 2", True),
    ("2 not in (1, 3)", True),
    ("'abc' like 'a%' and 'ABC' ilike 'a%' and 'x' not like 'y'", True),
    ("null is null", True),
    ("if(1 > 2, 'a', 'b')", "b"),
    ("case when 1 > 2 then 1 else 2 end", 2),
    ("case 3 when 1 then 'one' when 3 then 'three' end", "three"),
    ("[10, 20, 30][1]", 10),
    ("[10, 20, 30][-1]", 30),
    ("[10, 20, 30][9]", 0),
    ("{'k': 1, 'l': 2}['l']", 2),
    ("{'k': 1}['zz']", 0),
    ("(1, 'a').2", "a"),
    ("array_map(x -> x + 1, [1, 2])", [2, 3]),
    ("array_filter(x -> x > 1, [1, 2, 3])", [2, 3]),
    ("cast('12' as int32) + '13'::int64 + cast(1, 'int8')", 26),
    ("'2020-01-31'::date + interval 1 month", dt.date(2020, 2, 29)),
    ("to_datetime('2020-01-01 00:00:00') + 5s", dt.datetime(2020, 1, 1, 0, 0, 5)),
    (
        "to_datetime('2020-01-01 00:00:00') - INTERVAL '10' SECOND",
        dt.datetime(2019, 12, 31, 23, 59, 50),
    ),
    ("'2020-01-01'::date + 2h", dt.datetime(2020, 1, 1, 2)),
    ("to_datetime('2020-01-01 00:00:09') - to_datetime('2020-01-01 00:00:00')", 9),
    ("'2020-01-05'::date - '2020-01-01'::date", 4),
    ("to_datetime('2020-01-01 00:00:00') > '2019-12-31'", True),
    ("'it''s' || ' ' || 'a\\'b'", "it's a'b"),
    ("'{now_ms} {filter} {seed}'", "{now_ms} {filter} {seed}"),
    ("nan", math.nan),
    ("0x10 + 1_000", 1016),
    ("to_type_name(1)", "uint8"),
    ("to_type_name(1::int32 + 1::int32)", "int64"),
    ("to_type_name(1::int64 % 100)", "int16"),
    ("to_type_name(1.5)", "float64"),
    ("to_type_name(5::uint32 - 6::uint32)", "int64"),
]


@pytest.mark.parametrize(("sql", "value"), VALUES)
def test_an_expression_has_its_value(world: World, sql: str, value: Any) -> None:
    found = world.value(f"select {sql}")
    both_nan = isinstance(value, float) and math.isnan(value) and math.isnan(found)
    assert found == value or both_nan


QUERIES: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("select count(), max(n), sum(n) from table(readings)", [(5, 4, 10)]),
    (
        "select id, count() as c from table(readings) group by id order by id",
        [("k0", 3), ("k1", 2)],
    ),
    (
        "select n + 1 as m, m * 2 as k from table(readings) where k > 6 order by m desc",
        [(5, 10), (4, 8)],
    ),
    ("select twice, n from table(readings) order by n limit 2", [(0, 0), (2, 1)]),
    (
        "select raw:a.b, raw:items[2]::int, raw:z from table(readings) where n > 1 "
        "order by n limit 2",
        [("x2", 2, ""), ("", 0, "")],
    ),
    (
        "select tags[2], m['k'], m['q'], tup.a, tup.2 from table(readings) where n = 2",
        [("2", 2, 0, "z", 2)],
    ),
    (
        "select maybe, maybe + 1, coalesce(maybe, 9) from table(readings) where n < 3 order by n",
        [(0, 1, 0), (None, None, 9), (2, 3, 2)],
    ),
    (
        "select window_start, count() from tumble(table(readings), 2s) group by "
        "window_start order by 1",
        [(dt.datetime(2022, 12, 1, 0, 0, s), c) for s, c in ((0, 2), (2, 2), (4, 1))],
    ),
    (
        "select n, window_end from tumble(table(readings), t, 1h) order by n limit 1",
        [(0, dt.datetime(2022, 12, 1, 1))],
    ),
    ("select count() from tumble(table(readings), dt, 1w) group by window_start", [(5,)]),
    (
        "select a.n, b.id from table(readings) a join table(readings) b on a.n = b.n "
        "+ 3 order by a.n",
        [(3, "k0"), (4, "k1")],
    ),
    (
        "select a.n, b.n, b.id from table(readings) as a left join (select n + 3 as n, id from "
        "table(readings)) as b on a.n = b.n where a.n > 1 order by a.n",
        [(2, 0, ""), (3, 3, "k0"), (4, 4, "k1")],
    ),
    (
        "select a.n, b.n from table(readings) a left join (select n + 9 as n from "
        "table(readings)) b "
        "on a.n = b.n order by a.n limit 1 settings join_use_nulls = 1",
        [(0, None)],
    ),
    (
        "select n, id from table(readings) a join table(readings) b using (n, id) where n = 1",
        [(1, "k1")],
    ),
    (
        "select a.n, b.n from table(readings) a asof join table(readings) b on a.id = b.id and "
        "a.t > b.t order by a.n",
        [(2, 0), (3, 1), (4, 2)],
    ),
    ("with c as (select id, n from readings where n > 1) select count() from table(c)", [(3,)]),
    ("select distinct id from table(readings) order by id", [("k0",), ("k1",)]),
    ("select id, n from table(readings) order by n limit 1 by id", [("k0", 0), ("k1", 1)]),
    ("select n from table(readings) order by n limit 1, 2", [(1,), (2,)]),
    ("select n from table(readings) order by n limit 2 offset 1", [(1,), (2,)]),
    ("select number from numbers(3)", [(0,), (1,), (2,)]),
    ("select * from values('a int32, b string', (1, 'x'), (2, 'y'))", [(1, "x"), (2, "y")]),
    ("select n from table(readings) where n in (select max(n) from table(readings))", [(4,)]),
    ("select (select max(n) from table(readings)) + 1", [(5,)]),
    ("select n from readings where n > 3 settings query_mode = 'table'", [(4,)]),
    ("select 1 union all select 2 union all select 1", [(1,), (2,), (1,)]),
    ("select 1 intersect select 1", [(1,)]),
    (
        "select count() from (select n from table(readings) where n > 1 union all select n from "
        "table(readings))",
        [(8,)],
    ),
    ("select max(n) as top from table(readings) group by id having top > 3", [(4,)]),
    ("select max(n), min(value), max(id) from table(readings) where n > 100", [(0, 0.0, "")]),
    (
        "select count_if(n > 2), sum_if(n, id = 'k0'), count() filter (where n > 1) from "
        "table(readings)",
        [(2, 6, 3)],
    ),
    (
        "select count(distinct id), count_distinct(id), sum(distinct n % 2) from table(readings)",
        [(2, 2, 1)],
    ),
    (
        "select id, sum(n) over (partition by id) from table(readings) order by id",
        [("k0", 6), ("k1", 4)],
    ),
    ("select array_join(tags) as tag from table(readings) where n = 1", [("a",), ("1",)]),
    ("select n, tag from table(readings) array join tags as tag where n = 2", [(2, "a"), (2, "2")]),
    ("select `_tp_sn`, _tp_shard from table(readings) where _tp_sn = 3", [(3, 0)]),
    ("select n from table(readings) where t > '2022-12-01 00:00:03' order by n", [(3,), (4,)]),
    ("select n from table(readings) where _tp_time > earliest_ts() limit 1", [(0,)]),
    (
        "select t - to_datetime64('2022-12-01 00:00:00.000', 3) from table(readings) where n = 1",
        [(Decimal("1.111"),)],
    ),
    (
        "select max(n) + 1, id || '!' as x from table(readings) group by x order by x",
        [(5, "k0!"), (4, "k1!")],
    ),
    ("select n as id, id from table(readings) where n = 1", [(1, 1)]),
    (
        "select n % 2 as odd, count() from table(readings) group by odd order by odd",
        [(0, 3), (1, 2)],
    ),
    ("select r = r from (select rand() as r from table(readings)) limit 1", [(True,)]),
]


@pytest.mark.parametrize(("sql", "rows"), QUERIES)
def test_a_query_gives_its_rows(world: World, sql: str, rows: list[tuple[Any, ...]]) -> None:
    assert world.run(sql) == rows


def test_columns_are_named_by_their_text(world: World) -> None:
    planned = world.plan(
        "select count(), max(value), n + 1, raw:a.b from table(readings) group by n, raw:a.b"
    )
    assert [c.name for c in planned.header] == ["count()", "max(value)", "n + 1", "raw:a.b"]


def test_star_has_the_event_time_and_no_positions(world: World) -> None:
    names = [c.name for c in world.plan("select * from table(readings)").header]
    assert names[-1] == "_tp_time"
    assert not {"_tp_sn", "_tp_append_time", "twice"} & set(names)
    bare = world.plan("select * from table(readings) settings asterisk_include_reserved_columns=0")
    assert "_tp_time" not in [c.name for c in bare.header]


def test_star_except_replace_and_columns(world: World) -> None:
    sql = (
        "select * except (raw, tags, m, tup) replace (n * 10 as n) from table(readings) where n = 2"
    )
    planned = world.plan(sql)
    at = [c.name for c in planned.header].index("n")
    assert world.run(sql)[0][at] == 20
    found = world.plan("select columns('^t') from table(readings)")
    assert [c.name for c in found.header] == ["t", "tags", "tup"]


def test_a_join_names_the_right_side(world: World) -> None:
    planned = world.plan(
        "select * from (select n, id from table(readings)) a join (select n from table(readings)) b"
        " on a.n = b.n"
    )
    assert [c.name for c in planned.header] == ["n", "id", "b.n"]


def test_equal_names_stay_in_the_header(world: World) -> None:
    planned = world.plan("select id, id from table(readings)")
    assert [c.name for c in planned.header] == ["id", "id"]
    assert planned.bounded is not None
    assert len({c.name for c in planned.bounded.schema}) == 2


def test_only_needed_columns_are_read(world: World) -> None:
    planned = world.plan("select a.n from table(readings) a join table(readings) b on a.n = b.n")
    assert planned.bounded is not None
    assert [scan.columns for scan in planned.bounded.tables] == [("n",), ("n",)]


def test_rows_past_their_ttl_are_gone() -> None:
    world = readings()
    world.create(
        "create stream short(a int32) ttl to_datetime(_tp_time) + interval 1 day",
        [
            {"a": 1, "_tp_time": moment(0), "_tp_sn": 0, "_tp_append_time": 0},
            {"a": 2, "_tp_time": dt.datetime(2026, 1, 1), "_tp_sn": 1, "_tp_append_time": 0},
        ],
    )
    assert world.run("select a from table(short)") == [(2,)]


def test_views_are_inlined() -> None:
    world = readings()
    world.create("create view v as select id, n + 1 as m from readings where n > 1")
    world.create("create view w as (select m * 2 as k from v)")
    assert world.run("select k from table(w) order by k") == [(6,), (8,), (10,)]
    assert world.plan("select k from w").kind == "streaming"
    assert world.plan("select k from w").uses == ("w", "v", "readings")


def test_insert_gives_typed_rows(world: World) -> None:
    sql = "insert into readings(id, n, t) values ('a', 1, '2020-01-01 00:00:00')('b', '2', now())"
    planned = world.plan(sql)
    assert planned.access == "write"
    assert planned.insert is not None
    assert [c.name for c in planned.insert.columns] == ["id", "n", "t"]
    assert world.run(sql)[0] == ("a", 1, dt.datetime(2020, 1, 1))
    chosen = world.plan(
        "insert into readings(n) select n from table(readings) settings idempotent_id='b1'"
    )
    assert chosen.insert is not None
    assert chosen.insert.idempotency_id == "b1"


def test_insert_without_a_list_takes_the_declared_columns() -> None:
    world = World()
    world.create("create stream s(a int32, b string)")
    assert world.run("insert into s values (1, 'x') (2, 'y')") == [(1, "x"), (2, "y")]
    assert world.run("insert into s(* except _tp_time) values (1, 'x')") == [(1, "x")]
    assert len(world.run("insert into s values (1, 'x', '2020-01-01 00:00:00')")[0]) == 3


def test_show_describe_explain(world: World) -> None:
    assert ("readings",) in world.run("show streams")
    assert world.run("show streams like 'zz%'") == []
    assert world.run("show streams where name = 'readings'") == [("readings",)]
    assert world.run("describe (select id, n + 1 as m from readings)")[1][:2] == ("m", "int64")
    described = world.run("describe readings")
    assert described[-1][:2] == ("_tp_time", "datetime64(3, 'UTC')")
    ((text,),) = world.run("show create stream readings")
    assert "twice int64 ALIAS n * 2" in text
    lines = world.run(
        "explain select id, max(n) from tumble(readings, 5s) group by id, window_start"
    )
    assert any("Window tumble 5s" in line for (line,) in lines)


def test_a_number_that_cannot_be_read_fails_the_query(world: World) -> None:
    with pytest.raises(Exception, match="code 6"):
        world.run("select id::int32 from table(readings)")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select zz from table(readings)", 47),
        ("select zz.n from table(readings)", 47),
        ("select n from nowhere", 60),
        ("select n from other.readings", 81),
        ("select foo(n) from table(readings)", 46),
        ("select abs() from table(readings)", 42),
        ("select n + id from table(readings)", 43),
        ("select n > id from table(readings)", 43),
        ("select t > 'no time' from table(readings)", 53),
        ("select id from table(readings) group by n", 215),
        ("select max(max(n)) from table(readings)", 184),
        ("select n from table(readings) where max(n) > 1", 184),
        ("select a, a + 1 as a from table(readings)", 47),
        ("select n from table(readings) settings nope = 1", 115),
        ("select * from table(readings) a join table(readings) b on a.n > b.n", 403),
        ("select * from table(readings) a join table(readings) b on a.n = b.n and a.t < b.t", 403),
        ("select 1 from hop(table(readings), 1s, 2s) group by window_start", 48),
        ("select x from (select 1 as y)", 47),
        ("select 1 union all select 1, 2", 258),
        ("insert into readings(zz) values (1)", 16),
        ("insert into readings(n, id) values (1)", 20),
        ("insert into readings(n) select n from readings", 48),
        ("create view readings2 as select zz from readings", 47),
        ("create stream x(a int32, a string)", 15),
        ("create stream x(a nonsense)", 50),
        ("create stream x(_tp_sn int64)", 36),
        ("create stream x(a int32) settings nope = 1", 115),
        ("create stream x(a int32 default foo(1))", 46),
        ("create stream x(k int32) settings mode = 'versioned_kv'", 36),
        ("create stream x(k int32) primary key nosuch settings mode = 'versioned_kv'", 36),
        ("create stream x(k int32) primary key k + 1 settings mode = 'versioned_kv'", 36),
        ("create stream x(k int32) settings mode = 'nosuch'", 36),
        ("create stream x(k int32) settings version_column = 'k'", 36),
        ("create mutable stream x(k int32)", 36),
        (
            "create mutable stream x(k int32, t datetime) primary key k "
            "settings coalesced = true, ttl_column = 't'",
            48,
        ),
        ("create random stream x(k int32) settings mode = 'changelog'", 36),
        ("use other", 81),
        ("select emit_version() from table(readings)", 48),
    ],
)
def test_errors_have_the_dialects_codes(world: World, sql: str, code: int) -> None:
    with pytest.raises(SqlError) as caught:
        world.plan(sql)
    assert caught.value.code == code, caught.value.message


def test_a_view_that_reads_itself_is_refused() -> None:
    world = readings()
    world.create("create view v as select n from readings")
    with pytest.raises(SqlError) as caught:
        world.plan("create or replace view v as select n from v")
    assert caught.value.code == 36
