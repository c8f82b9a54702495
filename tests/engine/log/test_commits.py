"""Commits: numbers, order, atomicity, duplicates, refusals, and reading all of it back."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_support import SMALL, Book, Waiter, append, open_log, put, put_together, rows

from engine.clock import ManualClock
from engine.errors import NotFound, Overloaded, TooLarge, UserError
from engine.log.records import Append, Note, Receipt
from engine.log.sequence import drop_note
from engine.log.settings import LogSettings
from tests.examples import examples


def test_numbers_count_appends_per_stream_from_zero(tmp_path: Path) -> None:
    log = open_log(tmp_path, book := Book())
    assert put(log, append("a", 0, 5)).appends[0].sn.tolist() == [0]
    assert put(log, append("b", 0, 1)).appends[0].sn.tolist() == [0]
    many = Append("a", rows(5, 6), np.array([0, 1, 1, 6]))
    assert put(log, many).appends[0].sn.tolist() == [1, 2, 3]
    log.close()
    assert book.values("a") == list(range(11))
    assert [c.position for c in book.commits] == [1, 2, 3]
    assert book.slices("a")[1].borders.tolist() == [0, 1, 1, 6]


def test_what_waits_together_is_one_commit(tmp_path: Path) -> None:
    log = open_log(tmp_path, book := Book())
    groups = [[append(f"s{i % 50}", i)] for i in range(500)]
    receipts = [w.receipt() for w in put_together(log, groups)]
    assert log.counters.syncs == 1
    assert {r.position for r in receipts} == {1}
    assert sorted(r.appends[0].sn[0] for r in receipts) == sorted(list(range(10)) * 50)
    log.close()
    assert len(book.commits) == 1 and len(book.commits[0].slices) == 50
    assert book.values("s7") == list(range(7, 500, 50))


def test_a_submission_over_several_streams_is_there_whole(tmp_path: Path) -> None:
    log = open_log(tmp_path, Book())
    put(log, append("a", 1), append("b", 2), Note("catalog", b"x"))
    log.close()
    again = open_log(tmp_path, book := Book())
    again.close()
    (commit,) = book.commits
    assert {s.stream_id for s in commit.slices} == {"a", "b"}
    assert commit.notes == (Note("catalog", b"x"),)


def test_a_restart_goes_on_with_numbers_positions_and_instants(tmp_path: Path) -> None:
    clock = ManualClock()
    log = open_log(tmp_path, Book(), clock=clock)
    clock.advance(5000)
    first = put(log, append("a", 0))
    log.close()
    earlier = ManualClock(start_ms=1000)
    log = open_log(tmp_path, book := Book(), clock=earlier)
    second = put(log, append("a", 1))
    assert second.appends[0].sn.tolist() == [1]
    assert second.position == first.position + 1
    assert second.instant_ms >= first.instant_ms
    log.close()
    assert book.values("a") == [0, 1]


def test_a_known_id_is_answered_with_the_first_number(tmp_path: Path) -> None:
    log = open_log(tmp_path, book := Book())
    put(log, append("a", 0))
    first = put(log, append("a", 1, id="k"))
    again = put(log, append("a", 99, id="k"))
    assert again.appends[0].sn.tolist() == first.appends[0].sn.tolist() == [1]
    assert again.appends[0].duplicates == {0} and not first.appends[0].duplicates
    other = put(log, append("b", 7, id="k"))
    assert not other.appends[0].duplicates
    log.close()
    log = open_log(tmp_path, book := Book())
    assert log.known("a", "k") is not None and log.known("a", "j") is None
    assert put(log, append("a", 5, id="k")).appends[0].duplicates == {0}
    log.close()
    assert book.values("a") == [0, 1]


def test_two_requests_in_flight_with_one_id_store_one(tmp_path: Path) -> None:
    log = open_log(tmp_path, book := Book())
    waiters = put_together(log, [[append("a", 1, id="k")], [append("a", 2, id="k")]])
    one, two = (w.receipt().appends[0] for w in waiters)
    assert not one.duplicates and two.duplicates == {0}
    assert one.sn.tolist() == two.sn.tolist() == [0]
    log.close()
    assert book.values("a") == [1]


def test_duplicates_inside_one_append_are_left_out(tmp_path: Path) -> None:
    log = open_log(tmp_path, book := Book())
    put(log, append("a", 100, id="old"))
    many = Append("a", rows(0, 6), np.array([0, 1, 3, 4, 6]), ((0, "old"), (1, "n"), (3, "n")))
    receipt = put(log, many).appends[0]
    assert receipt.sn.tolist() == [0, 1, 2, 1]
    assert receipt.duplicates == {0, 3}
    log.close()
    again = open_log(tmp_path, book := Book())
    assert again.known("a", "n") is not None
    assert put(again, append("a", 0, id="n")).appends[0].sn.tolist() == [1]
    again.close()
    assert book.values("a") == [100, 1, 2, 3]
    assert book.numbers("a") == [0, 1, 2]


def test_a_dropped_stream_takes_no_more_rows(tmp_path: Path) -> None:
    log = open_log(tmp_path, Book())
    put(log, append("a", 0))
    waiters = put_together(
        log, [[append("a", 1)], [drop_note("a")], [append("a", 2), append("b", 0)]]
    )
    assert isinstance(waiters[0].outcome(), Receipt)
    with pytest.raises(NotFound):
        waiters[2].receipt()
    with pytest.raises(NotFound):
        put(log, append("a", 3))
    log.close()
    log = open_log(tmp_path, book := Book())
    with pytest.raises(NotFound):
        put(log, append("a", 3))
    assert log.next_sn("b") == 0
    log.close()
    assert book.values("b") == []


def test_rows_that_cannot_be_logged_do_not_harm_their_neighbours(tmp_path: Path) -> None:
    log = open_log(tmp_path, book := Book())
    bad = pa.record_batch({"d": pa.array(["x"]).dictionary_encode()})
    waiters = put_together(log, [[append("a", 1)], [Append.single("a", bad)], [append("a", 2)]])
    assert isinstance(waiters[0].outcome(), Receipt)
    with pytest.raises(UserError):
        waiters[1].receipt()
    assert waiters[2].receipt().appends[0].sn.tolist() == [1]
    log.close()
    assert book.values("a") == [1, 2]


def test_a_listener_sees_rows_before_the_writer_is_answered(tmp_path: Path) -> None:
    log = open_log(tmp_path, Book())
    put(log, append("a", 0))
    seen: list[str] = []
    assert log.listen(lambda c: seen.append(f"commit {c.position}")) == 1
    done = threading.Event()
    log.submit([append("a", 1)], lambda _: (seen.append("answer"), done.set()))
    assert done.wait(20)
    assert seen == ["commit 2", "answer"]
    log.close()


def test_a_listener_that_fails_stops_nobody(tmp_path: Path) -> None:
    log = open_log(tmp_path, Book())
    book = Book()

    def broken(_: object) -> None:
        raise RuntimeError("listener")

    log.listen(broken)
    log.listen(book)
    put(log, append("a", 0))
    put(log, append("a", 1))
    assert book.values("a") == [0, 1]
    assert log.counters.callback_errors == 2
    log.unlisten(book)
    put(log, append("a", 2))
    assert book.values("a") == [0, 1]
    log.close()


def test_too_much_waiting_is_refused_at_once(tmp_path: Path) -> None:
    bounds = LogSettings(waiting_bytes_max=20_000, free_stop_bytes=0, free_stop_fraction=0.0)
    log = open_log(tmp_path, Book(), bounds)
    entered, go = threading.Event(), threading.Event()
    log.between(lambda: (entered.set(), go.wait(20)))
    assert entered.wait(20)
    waiters = []
    with pytest.raises(Overloaded):
        for i in range(1000):
            log.submit([append("a", i)], waiter := Waiter())
            waiters.append(waiter)
    go.set()
    assert waiters and all(isinstance(w.outcome(), Receipt) for w in waiters)
    with pytest.raises(TooLarge):
        log.submit([append("a", 0, 10_000)], Waiter())
    log.close()


def test_a_change_of_schema_keeps_the_order(tmp_path: Path) -> None:
    log = open_log(tmp_path, Book())
    other = pa.record_batch({"x": pa.array([1]), "y": pa.array(["n"])})
    groups = [[append("a", 0)], [Append.single("a", other)], [append("a", 2)]]
    for waiter in put_together(log, groups):
        waiter.receipt()
    log.close()
    again = open_log(tmp_path, book := Book())
    again.close()
    assert book.values("a") == [0, 1, 2]
    assert [s.rows.schema.names[1] for s in book.slices("a")] == ["s", "y", "s"]


def test_commits_of_the_past_are_read_by_position(tmp_path: Path) -> None:
    log = open_log(tmp_path, book := Book())
    for i in range(300):
        put(log, append("a", i, 3), Note("step", str(i).encode()))
    assert len(list(tmp_path.glob("*.seg"))) > 3
    past = list(log.commits(100))
    assert [c.position for c in past] == list(range(100, 301))
    assert past[0].notes == book.commits[99].notes
    assert past[-1].slices[0].rows.equals(book.commits[-1].slices[0].rows)
    log.close()


Column = st.sampled_from(
    [
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.string(), st.text(max_size=20)),
        (pa.float64(), st.floats(allow_nan=False)),
        (pa.bool_(), st.booleans()),
        (pa.binary(), st.binary(max_size=20)),
        (pa.list_(pa.int32()), st.lists(st.integers(-9, 9), max_size=4)),
        (pa.struct([("k", pa.int8())]), st.fixed_dictionaries({"k": st.integers(-9, 9)})),
        (pa.map_(pa.string(), pa.int64()), st.just([("a", 1)])),
    ]
)


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    """Rows of any types, nulls among them."""
    columns = draw(st.lists(Column, min_size=1, max_size=4))
    count = draw(st.integers(0, 12))
    arrays = [
        pa.array(draw(st.lists(st.none() | v, min_size=count, max_size=count)), t)
        for t, v in columns
    ]
    return pa.record_batch(arrays, names=[f"c{i}" for i in range(len(arrays))])


@st.composite
def appends(draw: st.DrawFn) -> Append:
    """An append of a stream whose batch may hold several."""
    batch = draw(batches())
    cuts = sorted(draw(st.lists(st.integers(0, batch.num_rows), max_size=3)))
    borders = np.array([0, *cuts, batch.num_rows])
    return Append(draw(st.sampled_from("abc")), batch, borders)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(appends(), min_size=1, max_size=4), min_size=1, max_size=5), st.booleans())
def test_any_rows_come_back_as_they_were(submissions: list[list[Append]], together: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = open_log(folder, live := Book())
        if together:
            for waiter in put_together(log, [list(s) for s in submissions]):
                waiter.receipt()
        else:
            for records in submissions:
                put(log, *records)
        log.close()
        open_log(folder, again := Book(), SMALL).close()
    for book in (live, again):
        for stream_id in "abc":
            sent = [a for s in submissions for a in s if a.stream_id == stream_id]
            expected = [
                a.rows.slice(a.borders[i], a.borders[i + 1] - a.borders[i]).to_pylist()
                for a in sent
                for i in range(a.appends)
            ]
            got = [
                s.rows.slice(s.borders[i], s.borders[i + 1] - s.borders[i]).to_pylist()
                for s in book.slices(stream_id)
                for i in range(s.appends)
            ]
            assert got == expected
            assert book.numbers(stream_id) == list(range(len(expected)))
