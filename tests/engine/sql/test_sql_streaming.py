"""Streaming plans: scans, seeks, windows, emit policies, aggregation."""

from __future__ import annotations

from typing import Any

import pytest
from sql_support import World, check_fragments, only, readings, walk

from engine.errors import SqlError
from engine.sql import logical as lg
from engine.sql.explain import explain
from engine.sql.plan_parts import Span
from engine.sql.share import chain_key, parametric


@pytest.fixture(scope="module")
def world() -> World:
    world = readings()
    world.create(
        "create view v as select id, n + 1 as m, _tp_time as time from readings where n > 0"
    )
    world.create(
        "create view counts as select id, count() as c, window_start from tumble(readings, 2s)"
        " group by id, window_start"
    )
    world.create(
        "create random stream r(i int32 default rand() % 10, s string default to_string(i))"
    )
    return world


def scan_of(world: World, sql: str) -> lg.Scan:
    return only(walk(world.root(sql)), lg.Scan)


SEEKS: list[tuple[str, lg.Seek]] = [
    ("select n from readings", lg.Seek("latest")),
    ("select n from readings settings seek_to = 'earliest'", lg.Seek("earliest")),
    ("select n from readings settings seek_to = '5'", lg.Seek("sn", 5)),
    ("select n from readings settings seek_to = '-2h'", lg.Seek("relative", -7_200_000)),
    (
        "select n from readings settings seek_to = '2022-12-01 00:00:00.001'",
        lg.Seek("time", 1_669_852_800_001),
    ),
    ("select n from readings where _tp_time > earliest_ts()", lg.Seek("earliest")),
    (
        "select n from readings where _tp_time >= earliest_timestamp() and n > 1",
        lg.Seek("earliest"),
    ),
    (
        "select n from readings where _tp_time > '2022-12-01 00:00:00'",
        lg.Seek("time", 1_669_852_800_000),
    ),
    (
        "select n from readings where _tp_time = '2022-12-01 00:00:01' or _tp_time = '2022-12-01'",
        lg.Seek("time", 1_669_852_800_000),
    ),
    (
        "select n from readings where _tp_time between '2022-12-01' and '2022-12-02'",
        lg.Seek("time", 1_669_852_800_000),
    ),
    (
        "select n from readings where _tp_time < '2022-12-02' and _tp_time > '2022-12-01'",
        lg.Seek("time", 1_669_852_800_000),
    ),
    ("select n from readings where _tp_time <= '2022-12-02'", lg.Seek("earliest")),
    ("select n from readings where '2022-12-01' < _tp_time", lg.Seek("time", 1_669_852_800_000)),
    ("select n from readings where _tp_time > '2022-12-03' and _tp_sn >= 0", lg.Seek("sn", 0)),
    ("select n from readings where _tp_sn > 4", lg.Seek("sn", 5)),
    ("select n from readings where _tp_sn < 5", lg.Seek("earliest")),
    ("select n from readings where _tp_time > now() - 1h", lg.Seek("relative", -3_600_000)),
    (
        "select n from readings where _tp_time > now64() - interval 2 minute",
        lg.Seek("relative", -120_000),
    ),
    ("select n from readings where t > '2022-12-01'", lg.Seek("latest")),
    ("select n from readings where _tp_time > '2022-12-01' or n = 1", lg.Seek("latest")),
    ("select m from v where time >= '2022-12-01'", lg.Seek("time", 1_669_852_800_000)),
    (
        "with c as (select n, _tp_sn from readings) select n from c where _tp_sn >= 2",
        lg.Seek("sn", 2),
    ),
    (
        "select x from (select n as x, _tp_time as y from readings) as q where y > '2022-12-01'",
        lg.Seek("time", 1_669_852_800_000),
    ),
    (
        "select n, _tp_time as z from readings where z > '2022-12-01'",
        lg.Seek("time", 1_669_852_800_000),
    ),
    (
        "select count() from tumble(v, time, 2s) where time >= '2022-12-01' group by window_start",
        lg.Seek("time", 1_669_852_800_000),
    ),
    ("select n from readings emit last 10s", lg.Seek("relative", -10_000)),
]


@pytest.mark.parametrize(("sql", "seek"), SEEKS)
def test_where_a_scan_begins(world: World, sql: str, seek: lg.Seek) -> None:
    assert scan_of(world, sql).seek == seek


def test_a_scan_has_only_the_needed_columns(world: World) -> None:
    scan = scan_of(world, "select id from readings where n > 1")
    assert [c.name for c in scan.schema] == ["id", "n"]
    assert [c.name for c in scan_of(world, "select count() from readings").schema] == ["_tp_time"]


def test_star_is_the_scan_itself(world: World) -> None:
    assert isinstance(world.root("select * from readings"), lg.Scan)


def test_flat_subqueries_and_views_fuse_into_one_projection(world: World) -> None:
    root = world.root("select m * 2 as k from (select m from v where m > 3) where k < 9")
    assert isinstance(root, lg.Project)
    assert isinstance(root.input, lg.Scan)


EMITS: list[tuple[str, str, lg.EmitSpec]] = [
    ("global", "", lg.EmitSpec("tick", "all", interval_ms=2000)),
    ("global", "emit periodic 3s", lg.EmitSpec("tick", "all", interval_ms=3000)),
    ("global", "emit stream periodic 3s", lg.EmitSpec("tick", "all", interval_ms=3000)),
    (
        "global",
        "emit periodic 3s repeat",
        lg.EmitSpec("tick", "all", interval_ms=3000, repeat=True),
    ),
    ("global", "emit on update", lg.EmitSpec("append", "changed")),
    ("global", "emit periodic 1s on update", lg.EmitSpec("tick", "changed", interval_ms=1000)),
    ("global", "emit on update with batch 1s", lg.EmitSpec("tick", "changed", interval_ms=1000)),
    ("window", "", lg.EmitSpec("close", "closed")),
    ("window", "emit after watermark", lg.EmitSpec("close", "closed")),
    ("window", "emit after window close", lg.EmitSpec("close", "closed")),
    (
        "window",
        "emit after watermark with delay 2s",
        lg.EmitSpec("close", "closed", delay=Span(2, "s")),
    ),
    (
        "window",
        "emit after watermark with delay 2s and timeout 5s",
        lg.EmitSpec("close", "closed", delay=Span(2, "s"), timeout_ms=5000),
    ),
    ("window", "emit timeout 5s", lg.EmitSpec("close", "closed", timeout_ms=5000)),
    ("window", "emit periodic 1s", lg.EmitSpec("tick", "open", interval_ms=1000)),
    ("window", "emit on update", lg.EmitSpec("append", "changed")),
    ("window", "emit periodic 1s on update", lg.EmitSpec("tick", "changed", interval_ms=1000)),
]


@pytest.mark.parametrize(("kind", "clause", "spec"), EMITS)
def test_emit_policies(world: World, kind: str, clause: str, spec: lg.EmitSpec) -> None:
    source = "readings" if kind == "global" else "tumble(readings, 5s)"
    group = "id" if kind == "global" else "id, window_start"
    root = world.root(f"select id, count() from {source} group by {group} {clause}")
    assert only(walk(root), lg.Aggregate).emit == spec


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select id from readings emit periodic 1s", 80),
        ("select id from readings emit after watermark", 80),
        ("select count() from readings emit after watermark", 80),
        ("select count() from readings emit changelog", 80),
        ("select id from readings emit changelog", 48),
        ("select count() from readings emit last 1h and periodic 1s", 62),
        ("select count() from readings emit", 62),
        ("select count() from readings emit periodic", 62),
        ("select count() from tumble(readings, 5s)", 2002),
        ("select id, count() from tumble(readings, 5s) group by id", 2002),
        ("select count() from tumble(readings, d, 5s) group by window_start", 43),
        ("select count() from tumble(readings, n, 5s) group by window_start", 43),
        ("select count() from tumble(readings, dt, 1ms) group by window_start", 36),
        ("select count() from tumble(readings, t, 1us) group by window_start", 36),
        ("select count() from hop(readings, 10s, 5s) group by window_start", 36),
        ("select count() from hop(readings, 1s, 1m) group by window_start", 36),
        ("select count() from tumble(readings) group by window_start", 42),
        (
            "select max(c) from tumble((select count() as c, max(t) as x from "
            "readings), x, 5s) group by window_start",
            48,
        ),
        ("select m, _tp_time from v", 47),
        ("select n from readings where _tp_time = earliest_ts()", 183),
        ("select n from readings where _tp_time < earliest_ts()", 183),
        ("select _tp_delta from readings", 47),
        ("select a.id from readings a right join readings b on a.id = b.id", 48),
        ("select id from readings except select id from readings", 48),
        ("select count() from table(counts)", 36),
        ("select n from readings settings seek_to = 'soon'", 36),
        ("select n from table(r2)".replace("r2", "r"), 48),
    ],
)
def test_errors_of_streaming_queries(world: World, sql: str, code: int) -> None:
    with pytest.raises(SqlError) as caught:
        world.plan(sql)
    assert caught.value.code == code, caught.value.message


def test_a_session_without_groups_says_what_to_add(world: World) -> None:
    with pytest.raises(SqlError, match="add GROUP BY window_start") as caught:
        world.plan("select n, window_start from session(readings, 5s)")
    assert caught.value.code == 48


def test_a_replay_and_a_sorted_past_are_explained(world: World) -> None:
    scan = only(
        walk(
            world.root(
                "select n from readings settings seek_to = 'earliest', replay_speed = 2.5, "
                "replay_time_column = 't', force_backfill_in_order = 1"
            )
        ),
        lg.Scan,
    )
    assert scan.past == lg.Past(in_order=True, speed=2.5, time_column="t")
    (line,) = (line for line in explain(lg.StreamingQuery(scan)) if "Scan" in line)
    assert "in order of time, replayed at 2.5 times the pace of t" in line


def test_a_windowed_aggregation(world: World) -> None:
    root = world.root(
        "select id, max(n) as top, window_end from hop(readings, t, 2s, 10s) where n > 2"
        " group by id, window_start, window_end having top > 1 order by id limit 3"
    )
    nodes = walk(root)
    kinds = [type(node).__name__ for node in nodes]
    assert kinds == ["Limit", "Sort", "Project", "Aggregate", "Window", "Scan"]
    aggregate = only(nodes, lg.Aggregate)
    assert [k.sql for k in aggregate.keys] == ['"id"']
    assert aggregate.where == '("n" > 2)'
    assert aggregate.window is not None
    assert (aggregate.window.size, aggregate.window.slide) == (
        Span(10, "s"),
        Span(2, "s"),
    )
    assert aggregate.window.time_column == "t"
    assert only(nodes, lg.Window).aggregated
    assert [c.name for c in root.schema] == ["id", "top", "window_end"]


def test_the_filter_of_a_windowed_select_stays_above_the_watermark(world: World) -> None:
    root = world.root("select count() from tumble(readings, 5s) where n > 1 group by window_start")
    assert isinstance(only(walk(root), lg.Window).input, lg.Scan)
    below = world.root(
        "select count() from tumble((select * from readings where n > 1), 5s) group by window_start"
    )
    assert isinstance(only(walk(below), lg.Window).input, lg.Project)


def test_session_windows(world: World) -> None:
    root = world.root(
        "select count() from session(readings, 5s, [n > 1, n > 5)) partition by id "
        "group by window_start"
    )
    aggregate = only(walk(root), lg.Aggregate)
    spec = aggregate.window
    assert spec is not None
    assert (spec.kind, spec.size, spec.max_span) == (
        "session",
        Span(5, "s"),
        Span(25, "s"),
    )
    assert (spec.start_predicate, spec.end_predicate) == ('("n" > 1)', '("n" > 5)')
    assert (spec.start_inclusive, spec.end_inclusive) == (True, False)
    assert aggregate.partition == ("__k0",)


def test_two_level_windows(world: World) -> None:
    root = world.root(
        "select max(c) from tumble(counts, window_start, 4s) group by window_start, window_end"
    )
    check_fragments(world.session, root)
    assert len([n for n in walk(root) if isinstance(n, lg.Window)]) == 2


def test_equal_partials_are_shared(world: World) -> None:
    root = world.root("select avg(value), sum(value), count(value), count() from readings")
    names = [p.sql for p in only(walk(root), lg.Aggregate).partials]
    assert len(names) == len(set(names))
    assert len(names) <= 3


def test_aggregates_that_panes_cannot_merge_are_marked(world: World) -> None:
    plain = world.root("select count(), max(n) from hop(readings, 1s, 5s) group by window_start")
    assert only(walk(plain), lg.Aggregate).mergeable


def test_emit_version_is_a_column(world: World) -> None:
    root = world.root("select emit_version() as v, count() from readings limit 1 by v")
    aggregate = only(walk(root), lg.Aggregate)
    assert aggregate.schema[-1].name == aggregate.emit.emit_version != ""
    assert only(walk(root), lg.LimitBy).per_query
    assert not only(walk(world.root("select id from readings limit 1 by id")), lg.LimitBy).per_query


def test_last_of_a_global_aggregate_is_a_hop(world: World) -> None:
    root = world.root("select id, count() from readings group by id emit periodic 5s and last 1h")
    spec = only(walk(root), lg.Aggregate).window
    assert spec is not None
    assert (spec.kind, spec.size, spec.slide) == (
        "hop",
        Span(3_600_000, "ms"),
        Span(5000, "ms"),
    )
    assert [c.name for c in root.schema] == ["id", "count()"]


def test_a_union_takes_a_bounded_side(world: World) -> None:
    root = world.root("select id from readings union select id from table(readings)")
    union = only(walk(root), lg.Union)
    assert {type(i).__name__ for i in union.inputs} == {"Project", "BoundedScan"}


def test_a_random_stream(world: World) -> None:
    scan = only(walk(world.root("select i from r settings max_events = 5")), lg.RandomScan)
    assert [c.name for c in scan.columns] == ["i"]
    assert (scan.eps, scan.max_events) == (1000.0, 5)


FRAGMENTS = [
    "select n * 2 as o, raw:a.b, tags[1], m['k'] || 'x' from readings where value > 1.5",
    "select quantile(value, 0.5), p95(n), group_array(id), arg_max(id, n), latest(n) from readings",
    "select id, count_if(n > 1), sum(n) filter (where n > 2), avg_if(value, id = '{filter}') "
    "from tumble(readings, 5s) group by id, window_start",
    "select id, count() from tumble(readings, now64(3, 'UTC'), 10s) group by id, window_end",
    "select to_start_of_hour(t) as h, count() from readings group by h having count() > 1",
    "select id, sum(n) over (partition by id) from tumble(readings, 2s) group by window_start",
    "select tag from (select array_join(tags) as tag from readings) where tag != 'a'",
    "select count() from readings emit last 1h and periodic 1m on proctime",
    "select distinct id, n from readings where n in (1, 2) and id not like 'z%'",
]


@pytest.mark.parametrize("sql", FRAGMENTS)
def test_every_fragment_binds_to_the_type_of_the_plan(world: World, sql: str) -> None:
    check_fragments(world.session, world.root(sql))


def shape_of(world: World, sql: str) -> tuple[str, tuple[str, ...]]:
    found = parametric(world.root(sql))
    assert found is not None
    return found.template, found.constants


def test_filters_that_differ_in_constants_have_one_template(world: World) -> None:
    queries: list[tuple[str, tuple[str, ...]]] = [
        ("select id from readings where n > 5 and id = 'a'", ("5", "'a'")),
        ("select id from readings where n > 77 and id = 'it''s'", ("77", "'it''s'")),
    ]
    shapes = [shape_of(world, sql) for sql, _ in queries]
    assert len({template for template, _ in shapes}) == 1
    assert [constants for _, constants in shapes] == [c for _, c in queries]
    other, _ = shape_of(world, "select id from readings where n < 5 and id = 'a'")
    assert other != shapes[0][0]


def test_a_shape_with_its_constants_is_the_filter(world: World) -> None:
    root: Any = world.root(
        "select id from readings where n > 5 and value < 1.5 and t > '2022-12-01'"
    )
    text = root.where_shape
    for parameter in root.parameters:
        text = text.replace(parameter.token, parameter.sql)
    assert text == root.where
    assert len(root.parameters) == 3


def test_equal_stateless_chains_have_one_key(world: World) -> None:
    keys = [
        chain_key(world.root(sql))
        for sql in (
            "select id from readings where n > 5",
            "SELECT id FROM readings WHERE n>5",
            "select id from readings where n > 6",
            "select count() from readings",
        )
    ]
    assert keys[0] == keys[1] != keys[2]
    assert keys[3] is None
