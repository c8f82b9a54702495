"""What users see of single operators, through SQL in virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.pipeline import Pipelines, at


@pytest.fixture
def pipelines() -> Iterator[Pipelines]:
    made = Pipelines()
    made.stream("s", "i int32, k string")
    made.stream("e", "id string, v int32, t datetime64(3)")
    yield made
    made.close()


def test_sort_is_per_append(pipelines: Pipelines) -> None:
    output = pipelines.query("select i, k from s order by i desc")
    pipelines.insert("s", [(1, "a"), (3, "b"), (2, "c")], [(0, "d"), (9, "e")])
    assert output.all() == [(3, "b"), (2, "c"), (1, "a"), (9, "e"), (0, "d")]


def test_limit_by_counts_per_append_or_over_the_query(pipelines: Pipelines) -> None:
    output = pipelines.query("select i, k from s limit 1 by k")
    pipelines.insert("s", [(1, "a"), (2, "a"), (3, "b")], [(4, "a"), (5, "a")])
    assert output.all() == [(1, "a"), (3, "b"), (4, "a")]


def test_distinct_is_over_the_whole_query(pipelines: Pipelines) -> None:
    output = pipelines.query("select distinct k from s")
    pipelines.insert("s", [(1, "b"), (2, "a"), (3, "b")], [(4, "a"), (5, "c")])
    pipelines.insert("s", [(1, "c"), (2, "d")])
    assert output.all() == [("b",), ("a",), ("c",), ("d",)]


def test_array_join_keeps_the_borders_of_appends(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select count() from (select array_join([i, i]) as j from s) emit on update"
    )
    pipelines.insert("s", [(1, "a")], [(2, "a"), (3, "b")])
    assert output.all() == [(2,), (6,)]


def test_passed_and_computed_columns_stay_side_by_side(pipelines: Pipelines) -> None:
    output = pipelines.query('select k as first, i * 2 as twice, i as "i""2", \'x\', k from s')
    pipelines.insert("s", [(1, "a")], [(2, "b"), (3, "c")])
    assert output.all() == [
        ("a", 2, 1, "x", "a"),
        ("b", 4, 2, "x", "b"),
        ("c", 6, 3, "x", "c"),
    ]


def test_a_passed_column_repeats_beside_an_array_join(pipelines: Pipelines) -> None:
    output = pipelines.query("select k, array_join([i, i + 1]) as j from s")
    pipelines.insert("s", [(1, "a"), (5, "b")])
    assert output.all() == [("a", 1), ("a", 2), ("b", 5), ("b", 6)]


def test_appends_keep_their_borders_beside_computed_columns(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select count(), max(j) from (select k, -i as j from s) emit on update"
    )
    pipelines.insert("s", [(1, "a")], [(2, "a"), (3, "b")])
    assert output.all() == [(1, -1), (3, -1)]


def test_now_is_the_instant_of_the_step(pipelines: Pipelines) -> None:
    output = pipelines.query("select to_unix_timestamp(now()), '{now_ms}' from s")
    pipelines.advance(5_000)
    pipelines.insert("s", [(1, "a")])
    assert output.all() == [(pipelines.clock.now_ms() // 1000, "{now_ms}")]


def test_periodic_sends_all_groups_and_nothing_when_idle(pipelines: Pipelines) -> None:
    output = pipelines.query("select k, count() from s group by k emit periodic 1s")
    pipelines.advance(3_000)
    pipelines.insert("s", [(1, "b"), (1, "a")])
    pipelines.advance(5_500)
    pipelines.insert("s", [(1, "a")])
    pipelines.advance(499)
    assert output.emissions() == [[("b", 1), ("a", 1)]]
    pipelines.advance(1)
    assert output.emissions()[1:] == [[("b", 1), ("a", 2)]]


def test_repeat_sends_without_new_rows(pipelines: Pipelines) -> None:
    output = pipelines.query("select count() from s emit periodic 1s repeat")
    pipelines.advance(2_000)
    assert output.all() == []
    pipelines.insert("s", [(1, "b")])
    pipelines.advance(3_000)
    assert output.all() == [(1,), (1,), (1,)]


def test_hop_example_of_the_dialect(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select id, count(), window_start, window_end from hop(e, t, 3s, 5s) "
        "group by id, window_start, window_end emit after watermark with delay 2s"
    )
    first = [("ca", 1, at(f"20:00:0{second}")) for second in (0, 2, 1, 3)]
    pipelines.insert("e", first)
    for second in ("07", "06", "05", "08", "07", "10"):
        pipelines.insert("e", [("ca", 1, at(f"20:00:{second}"))])
    pipelines.insert("e", [("ca", 1, at(f"20:00:{second}")) for second in (11, 14, 11, 15)])
    assert output.all() == [
        ("ca", 2, at("19:59:57"), at("20:00:02")),
        ("ca", 4, at("20:00:00"), at("20:00:05")),
        ("ca", 5, at("20:00:03"), at("20:00:08")),
        ("ca", 5, at("20:00:06"), at("20:00:11")),
    ]


def test_each_closed_window_has_a_version_of_its_own(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select emit_version(), window_start from tumble(e, t, 3s) where v > 50 "
        "group by window_start"
    )
    for value, second in ((57, 50), (57, 51), (58, 55), (58, 57), (1, 59)):
        pipelines.insert("e", [("d", value, at(f"20:00:{second}"))])
    assert output.all() == [(0, at("20:00:48")), (1, at("20:00:51")), (2, at("20:00:54"))]


def test_rows_that_where_drops_move_the_watermark(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select count() from tumble(e, t, 3s) where v > 50 group by window_start"
    )
    pipelines.insert("e", [("d", 60, at("20:00:00"))])
    pipelines.insert("e", [("d", 0, at("20:00:03"))])
    assert output.all() == [(1,)]


def test_timeout_closes_and_later_rows_of_the_window_are_late(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select emit_version(), id, count() from tumble(e, t, 5s) group by id, window_end "
        "emit timeout 5s"
    )
    pipelines.insert(
        "e",
        [(k, 1, at("20:00:00")) for k in ("1", "2", "3", "1", "2", "3")]
        + [("1", 1, at("20:00:05")), ("1", 1, at("20:00:06"))],
    )
    assert output.all() == [(0, "1", 2), (0, "2", 2), (0, "3", 2)]
    pipelines.advance(5_000)
    assert output.all()[3:] == [(1, "1", 2)]
    pipelines.insert("e", [("1", 1, at("20:00:09"))])
    pipelines.advance(6_000)
    assert len(output.all()) == 4


def test_periodic_windows_repeat_a_window_that_closed(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select window_start, min(v), max(v), count() from tumble(e, t, 10s) "
        "group by window_start emit periodic 1s"
    )
    for value, second in ((1, "00"), (2, "05"), (3, "10")):
        pipelines.insert("e", [("x", value, at(f"10:00:{second}"))])
        pipelines.advance(2_000)
    zero, ten = at("10:00:00"), at("10:00:10")
    assert output.all() == [(zero, 1, 1, 1), (zero, 1, 2, 2), (zero, 1, 2, 2), (ten, 3, 3, 1)]


def test_session_ranges(pipelines: Pipelines) -> None:
    rows = [
        ("sh", 60, "19:59:55.262"), ("ca", 57, "20:00:00.261"), ("ca", 58, "20:00:05.260"),
        ("sh", 59, "20:00:08.262"), ("ca", 66, "20:00:10.263"), ("da", 67, "20:00:13.262"),
        ("ca", 68, "20:00:16.262"), ("sh", 69, "20:00:18.262"),
    ]  # fmt: skip
    expected = {
        "[id='ca', id='sh']": [(57, 59, 3, "20:00:00.261", "20:00:08.263"),
                               (66, 69, 4, "20:00:10.263", "20:00:18.263")],
        "[id='ca', id='sh')": [(57, 58, 2, "20:00:00.261", "20:00:08.262"),
                               (66, 68, 3, "20:00:10.263", "20:00:18.262")],
        "(id='ca', id='sh']": [(58, 59, 2, "20:00:05.260", "20:00:08.263"),
                               (67, 69, 3, "20:00:13.262", "20:00:18.263")],
    }  # fmt: skip
    outputs = {
        written: pipelines.query(
            "select min(v), max(v), count(), window_start, window_end "
            f"from session(e, t, 5s, {written}) group by window_start, window_end"
        )
        for written in expected
    }
    pipelines.insert("e", [(k, v, at(t)) for k, v, t in rows])
    for written, wanted in expected.items():
        assert outputs[written].all() == [(*r[:3], at(r[3]), at(r[4])) for r in wanted]


def test_session_timeout_shows_the_last_row(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select id, window_start, window_end, sum(v) from session(e, t, 10s) partition by id "
        "group by id, window_start, window_end emit timeout 1s"
    )
    for key, value, second in (("d1", 1, "00"), ("d1", 2, "02"), ("d2", 3, "04")):
        pipelines.insert("e", [(key, value, at(f"20:00:{second}"))])
        pipelines.advance(2_000)
    assert output.all() == [
        ("d1", at("20:00:00"), at("20:00:00.001"), 1),
        ("d1", at("20:00:02"), at("20:00:02.001"), 2),
        ("d2", at("20:00:04"), at("20:00:04.001"), 3),
    ]


def test_windows_of_processing_time_end_by_the_clock(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select k, count() from tumble(s, now64(3), 10s) group by k, window_start"
    )
    pipelines.insert("s", [(1, "a"), (1, "b"), (1, "a")])
    pipelines.advance(20_000)
    assert output.emissions() == [[("a", 2), ("b", 1)]]


def test_a_window_over_windows_takes_each_emission_as_an_append(pipelines: Pipelines) -> None:
    sql = (
        "with c as (select count() as n, window_start as ws from tumble(e, t, 1s) "
        "group by window_start) "
        "select max(n), window_start from tumble(c, ws, 3s) group by window_start"
    )
    alone, together = pipelines.query(sql), Pipelines()
    together.stream("e", "id string, v int32, t datetime64(3)")
    grouped = together.query(sql)
    appends = [[("a", 1, at(f"20:00:{s:02}"))] * n for s, n in ((0, 2), (1, 5), (4, 1), (9, 1))]
    for append in appends:
        pipelines.insert("e", append)
    together.insert("e", *appends)
    assert alone.all() == grouped.all() == [(5, at("20:00:00"))]
    together.close()


def test_rows_without_aggregation_get_all_their_windows(pipelines: Pipelines) -> None:
    output = pipelines.query("select v, window_start, window_end from hop(e, t, 2s, 4s)")
    pipelines.insert("e", [("a", 1, at("20:00:03"))])
    assert output.all() == [
        (1, at("20:00:00"), at("20:00:04")), (1, at("20:00:02"), at("20:00:06")),
    ]  # fmt: skip


def test_latest_over_hop_is_by_arrival_across_panes(pipelines: Pipelines) -> None:
    output = pipelines.query(
        "select latest(v), arg_max(id, v), group_array(v), window_start from hop(e, t, 1s, 3s) "
        "group by window_start"
    )
    pipelines.insert("e", [("x", 7, at("20:00:02")), ("y", 7, at("20:00:00"))])
    pipelines.insert("e", [("z", 0, at("20:00:09"))])
    found = {row[3]: row[:3] for row in output.all()}
    assert found[at("20:00:00")] == (7, "x", [7, 7])
    assert found[at("20:00:01")] == (7, "x", [7])


def test_a_random_stream_is_a_function_of_seed_and_ordinal(pipelines: Pipelines) -> None:
    from engine.sql.logical import RandomScan, StreamingQuery
    from engine.sql.plan_parts import Column, Named
    from engine.types import UINT64

    columns = (
        Named("o", '"__ordinal"', UINT64),
        Named("x", "hash(__row, {seed}, 1)", UINT64),
    )
    schema = tuple(Column(c.name, c.type) for c in columns)
    plan = StreamingQuery(RandomScan(schema, "id", "r", columns, 100.0, 100, 25))
    output = pipelines.virtual.start(plan)
    pipelines.advance(1_000)
    rows = output.all()
    assert [row[0] for row in rows] == list(range(25)) and output.ended
    assert [b.num_rows for b in output.batches] == [10, 10, 5]
    assert len({row[1] for row in rows}) == 25
