"""Flow: where queries begin, the past and live, back-pressure, sharing, failures, ends."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from engine.clock import SystemClock
from engine.duck import Session
from engine.errors import AlreadyExists, NotFound, TailraceError
from engine.flow import Flow
from engine.flow_settings import FlowSettings
from engine.running import Running
from engine.testing import Collected
from tests.engine.pipeline import Pipelines, at


@pytest.fixture
def pipelines() -> Iterator[Pipelines]:
    made = Pipelines()
    made.stream("s", "i int32, k string")
    yield made
    made.close()


def numbers(output: Collected) -> list[object]:
    return [row[0] for row in output.all()]


# -- where a query begins ------------------------------------------------------------------------


def test_only_rows_after_the_acceptance_are_seen(pipelines: Pipelines) -> None:
    pipelines.insert("s", [(1, "a")])
    output = pipelines.query("select i from s")
    pipelines.insert("s", [(2, "a")], [(3, "a")])
    assert numbers(output) == [2, 3]


def test_a_rewinding_query_goes_on_live_without_gap_or_double(pipelines: Pipelines) -> None:
    for value in range(7):
        pipelines.insert("s", [(value, "a")], [(value + 100, "b")])
    pipelines.storage.read_rows = 3
    output = pipelines.query("select i, _tp_sn from s settings seek_to='earliest'")
    pipelines.insert("s", [(50, "a")])
    assert [row[1] for row in output.all()] == list(range(15))
    late = pipelines.query("select i from s settings seek_to='12'")
    assert numbers(late) == [6, 106, 50]


def test_without_backfill_from_history_only_the_log_is_read(pipelines: Pipelines) -> None:
    for value in range(4):
        pipelines.insert("s", [(value, "a")])
    pipelines.storage.sealed = 2
    setting = "enable_backfill_from_historical_store=0"
    output = pipelines.query(f"select i from s settings seek_to='earliest', {setting}")
    later = pipelines.query(f"select i from s settings seek_to='3', {setting}")
    pipelines.insert("s", [(9, "a")])
    assert numbers(output) == [2, 3, 9]
    assert numbers(later) == [3, 9]
    pipelines.storage.sealed = 5
    assert numbers(pipelines.query(f"select i from s where _tp_sn >= 0 settings {setting}")) == []


def test_seek_by_time_starts_at_the_first_append_with_such_a_row(pipelines: Pipelines) -> None:
    pipelines.insert("s", [(1, "a")])
    pipelines.advance(5_000)
    pipelines.insert("s", [(2, "a")])
    pipelines.advance(5_000)
    output = pipelines.query("select i from s settings seek_to='-6s'")
    assert numbers(output) == [2]


def test_commits_between_acceptance_and_start_are_not_lost(pipelines: Pipelines) -> None:
    plan = pipelines.plan("select i from s")
    output = Collected()
    original = pipelines.flow._lives.begin  # the last moment before the query is registered

    def begin(*args: object) -> Running:
        pipelines.storage.append("id_s", pipelines.rows("s", [(9, "a")]))
        return original(*args)  # type: ignore[arg-type]

    pipelines.flow._lives.begin = begin  # type: ignore[method-assign]
    pipelines.flow.start("q", plan, output, pipelines.clock.now_ms())
    pipelines.virtual.settle()
    assert numbers(output) == [9]


def test_windows_of_the_past_are_sent_when_it_is_read(pipelines: Pipelines) -> None:
    pipelines.stream("e", "v int32, t datetime64(3)")
    for second in (1, 5, 3, 9):
        pipelines.insert("e", [(1, at(f"20:00:0{second}"))])
    pipelines.storage.read_rows = 1
    output = pipelines.query(
        "select count(), window_start from tumble(e, t, 2s) group by window_start "
        "settings seek_to='earliest'"
    )
    # Nothing was late in the past: the watermark is applied when all of it was read.
    assert output.emissions() == [[(1, at("20:00:00")), (1, at("20:00:02")), (1, at("20:00:04"))]]
    pipelines.insert("e", [(1, at("20:00:07")), (1, at("20:00:10"))])
    assert output.take()[-1:] == [(1, at("20:00:08"))]


def test_a_global_aggregate_over_the_past_is_sent_at_the_first_tick(pipelines: Pipelines) -> None:
    pipelines.insert("s", [(1, "a"), (2, "b")])
    output = pipelines.query("select count() from s settings seek_to='earliest'")
    assert output.all() == []
    pipelines.advance(2_000)
    assert output.all() == [(2,)]


# -- reserved columns, union, limit ----------------------------------------------------------------


def test_reserved_columns_are_those_of_the_append(pipelines: Pipelines) -> None:
    output = pipelines.query("select i, _tp_sn, _tp_append_time from s where i > 1")
    now = pipelines.clock.now_ms()
    pipelines.insert("s", [(1, "a"), (2, "b")], [(3, "c")])
    assert output.all() == [(2, 0, now), (3, 1, now)]


def test_a_limit_ends_the_query(pipelines: Pipelines) -> None:
    output = pipelines.query("select i from s limit 1, 3")
    pipelines.insert("s", [(1, "a"), (2, "b")])
    assert not output.ended
    pipelines.insert("s", [(3, "a")], [(4, "b"), (5, "c")])
    assert numbers(output) == [2, 3, 4]
    assert output.ended and output.error is None
    assert pipelines.flow.running == 0
    assert pipelines.flow.counters("q1").result_rows == 3


def test_a_limit_below_an_aggregate_gives_its_last_result(pipelines: Pipelines) -> None:
    output = pipelines.query("select count(), sum(i) from (select i from s limit 2)")
    pipelines.insert("s", [(1, "a"), (2, "b"), (3, "c")])
    assert (output.all(), output.ended) == ([(2, 3)], True)


def test_a_union_reads_both_streams(pipelines: Pipelines) -> None:
    pipelines.stream("r", "i int32, k string")
    output = pipelines.query("select i from s union all select i from r")
    pipelines.insert("s", [(1, "a")])
    pipelines.insert("r", [(2, "a")])
    assert numbers(output) == [1, 2]


# -- back-pressure -------------------------------------------------------------------------------


def test_a_reader_that_is_not_ready_pauses_its_query_alone(pipelines: Pipelines) -> None:
    slow = pipelines.query("select i from s")
    fast = pipelines.query("select i + 1 from s")
    slow.open = False
    for value in range(5):
        pipelines.insert("s", [(value, "a")])
    assert numbers(fast) == [1, 2, 3, 4, 5]
    assert slow.all() == []
    slow.open = True
    pipelines.flow.wake("q1")
    pipelines.virtual.settle()
    pipelines.insert("s", [(9, "a")])
    assert numbers(slow) == [0, 1, 2, 3, 4, 9]


def test_while_much_waits_for_readers_wide_rows_come_in_small_pieces() -> None:
    pipelines = Pipelines(settings=FlowSettings(replay_bytes_max=2_000))
    pipelines.stream("s", "i int32, k string")
    output = pipelines.query("select i from s")
    rows = [[(value, "x" * 500)] for value in range(20)]
    pipelines.insert("s", *rows)
    assert len(output.emissions()) == 1
    pipelines.flow.pressed = lambda: True
    pipelines.insert("s", *rows)
    assert len(output.emissions()) > 4
    assert numbers(output) == [*range(20), *range(20)]
    pipelines.close()


def test_commits_beyond_the_bound_are_read_from_storage() -> None:
    made = Pipelines(FlowSettings(pending_rows_max=3))
    made.stream("s", "i int32, k string")
    output = made.query("select i from s")
    for value in range(10):
        made.storage.append("id_s", made.rows("s", [(value, "a")]))
    made.virtual.settle()
    assert numbers(output) == list(range(10))
    made.close()


def test_a_large_append_runs_in_slices_and_moves_the_watermark_once() -> None:
    made = Pipelines(FlowSettings(batch_rows_max=2))
    made.stream("e", "v int32, t datetime64(3)")
    output = made.query("select count(), window_start from tumble(e, t, 2s) group by window_start")
    rows = [(1, at(f"20:00:{second:02}")) for second in (8, 9, 1, 0, 2, 12, 3)]
    made.insert("e", rows)
    assert output.all() == [
        (2, at("20:00:00")), (2, at("20:00:02")), (2, at("20:00:08")),
    ]  # fmt: skip
    made.close()


# -- failures ------------------------------------------------------------------------------------


def test_a_failing_query_ends_with_its_error_and_others_go_on(pipelines: Pipelines) -> None:
    bad = pipelines.query("select to_int(k) from s")
    good = pipelines.query("select k from s")
    pipelines.insert("s", [(1, "nine")])
    assert bad.ended and isinstance(bad.error, TailraceError) and bad.error.code == 6
    pipelines.insert("s", [(2, "ten")])
    assert good.all() == [("nine",), ("ten",)] and not good.ended
    with pytest.raises(NotFound):
        pipelines.flow.pipeline("q1")


def test_state_beyond_its_limit_fails_the_query_with_241() -> None:
    made = Pipelines(FlowSettings(state_bytes_max=20_000))
    made.stream("s", "i int32, k string")
    output = made.query("select k, count() from s group by k")
    made.insert("s", [(at, f"key {at}") for at in range(2_000)])
    assert output.error is not None and output.error.code == 241
    made.close()


def test_an_id_in_use_is_refused(pipelines: Pipelines) -> None:
    plan = pipelines.plan("select i from s")
    pipelines.flow.start("same", plan, Collected(), 0)
    with pytest.raises(AlreadyExists):
        pipelines.flow.start("same", plan, Collected(), 0)


def test_a_stopped_query_hears_nothing_more(pipelines: Pipelines) -> None:
    output = pipelines.query("select i from s")
    pipelines.flow.stop("q1")
    pipelines.insert("s", [(1, "a")])
    assert output.all() == [] and not output.ended
    assert pipelines.flow.running == 0


# -- sharing -------------------------------------------------------------------------------------


def test_identical_queries_get_the_same_batch(pipelines: Pipelines) -> None:
    first = pipelines.query("select i * 2 from s where k = 'a'")
    second = pipelines.query("select i * 2 from s where k = 'a'")
    pipelines.insert("s", [(1, "a"), (2, "b")])
    assert first.all() == [(2,)]
    assert first.batches[0] is second.batches[0]


def test_filters_that_differ_in_constants_give_each_its_rows(pipelines: Pipelines) -> None:
    sql = "select i, k from s where k = '{}' and i > {}"
    outputs = {(k, n): pipelines.query(sql.format(k, n)) for k in "abcx" for n in (0, 2)}
    families = pipelines.flow._lives._chains._families
    assert len(families) == 1
    pipelines.insert("s", [(1, "a"), (3, "b"), (4, "a")], [(5, "a"), (1, "it's")])
    pipelines.flow.stop("q1")
    pipelines.insert("s", [(7, "a")])
    rows = [(1, "a"), (3, "b"), (4, "a"), (5, "a"), (7, "a")]
    for (k, n), output in outputs.items():
        expected = [r for r in rows if r[1] == k and r[0] > n]
        if (k, n) == ("a", 0):
            expected = expected[:-1]
        assert output.all() == expected


def test_texts_with_quotes_are_parameters_like_others(pipelines: Pipelines) -> None:
    keys = ["it's", 'say "hi"', "{param_0}", "100%", ""]
    outputs = []
    for key in keys:
        text = key.replace("'", "\\'")
        outputs.append(pipelines.query(f"select k from s where k = '{text}'"))
    pipelines.insert("s", [(1, key) for key in keys])
    assert [o.all() for o in outputs] == [[(key,)] for key in keys]


def test_aggregates_above_filters_of_one_shape_keep_appends_apart(pipelines: Pipelines) -> None:
    outputs = [
        pipelines.query(f"select count() from (select * from s where i > {n}) emit on update")
        for n in range(6)
    ]
    pipelines.insert("s", [(3, "a"), (9, "a")], [(4, "a")], [(0, "a")])
    assert [o.all() for o in outputs] == [
        [(2,), (3,)], [(2,), (3,)], [(2,), (3,)], [(1,), (2,)], [(1,)], [(1,)],
    ]  # fmt: skip


def test_plans_go_when_nobody_uses_them(pipelines: Pipelines) -> None:
    for n in range(5):
        pipelines.query(f"select i from s where i > {n}")
    for n in range(5):
        pipelines.flow.stop(f"q{n + 1}")
    pipelines.virtual.settle()
    assert not pipelines.flow._lives._chains._chains and not pipelines.flow._lives._chains._families


# -- counters, thread ----------------------------------------------------------------------------


def test_counters_and_pipeline(pipelines: Pipelines) -> None:
    pipelines.stream("e", "v int32, t datetime64(3)")
    pipelines.query("select count() from tumble(e, t, 2s) group by window_start")
    pipelines.insert("e", [(1, at("20:00:09"))])
    pipelines.insert("e", [(1, at("20:00:01")), (1, at("20:00:08"))])
    found = pipelines.flow.counters("q1")
    assert (found.scanned_rows, found.late_rows, found.state_rows) == (3, 1, 1)
    assert found.last_event_time_ms == pipelines.clock.now_ms()
    shown = pipelines.flow.pipeline("q1")
    names = [node.name for node in shown.nodes]
    assert names[0] == "Read e" and "TumbleAggregate" in names and names[-1] == "Output"
    assert len(shown.edges) == len(shown.nodes) - 1


def test_a_thread_runs_what_is_committed(pipelines: Pipelines) -> None:
    flow = Flow(SystemClock(), pipelines.storage, Session)
    flow.run()
    output = Collected()
    flow.start("q", pipelines.plan("select i from s"), output, 0)
    pipelines.storage.append("id_s", pipelines.rows("s", [(1, "a")]))
    deadline = time.monotonic() + 10
    while not output.batches and time.monotonic() < deadline:
        time.sleep(0.001)
    flow.close()
    assert numbers(output) == [1]
