"""The storage facade: views, reading the past and going on live, ids, state, stats, bounds."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from storage_support import (
    BOUNDS,
    DAY,
    append,
    bounds,
    fill,
    open_storage,
    read_values,
    rows,
    values,
)

from engine.batch import StreamSlice
from engine.clock import ManualClock
from engine.errors import Overloaded
from engine.log.records import Append, Commit, Note, cut_slice
from engine.log.retention import Pin
from engine.storage import Storage, StorageParts


def test_a_view_shows_every_acknowledged_row_and_stays_as_it_is(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 10)
    storage.seal_now()
    fill(storage, "s", 10, 10)
    with storage.view("s") as view:
        fill(storage, "s", 20, 1)
        assert (view.row_count, view.first_sn, view.next_sn) == (60, 0, 20)
        assert len(view.files) == 1 and sum(s.rows.num_rows for s in view.hot) == 30
    with storage.view("nothing") as empty:
        assert (empty.files, empty.hot, empty.row_count, empty.next_sn) == ((), (), 0, 0)
    storage.close()


@pytest.mark.parametrize("sealed", [True, False])
def test_the_past_is_read_with_its_appends(tmp_path: Path, sealed: bool) -> None:
    clock = ManualClock()
    storage = open_storage(tmp_path, clock=clock)
    sizes = [1, 7, 0, 300, 2, 50, 1, 1]
    start = 0
    for size in sizes:
        storage.append(append("s", start, size)).result(20)
        clock.advance(10)
        start += size
    if sealed:
        storage.seal_now()
    for batch_rows in (1, 3, 64, 100_000):
        parts = list(storage.read("s", batch_rows=batch_rows))
        lengths = [int(n) for p in parts for n in np.diff(p.borders)]
        numbers = [int(n) for p in parts for n in p.sn]
        times = [int(t) for p in parts for t in p.append_time_ms]
        stored = [(i, s) for i, s in enumerate(sizes) if s or not sealed]
        assert list(zip(numbers, lengths, strict=True)) == stored
        assert times == [ManualClock().now_ms() + 10 * i for i, _ in stored]
        assert all(p.rows.schema.equals(rows(0, 1).schema) for p in parts)
    assert read_values(storage, "s", from_sn=3) == list(range(8, 362))
    assert read_values(storage, "s", from_sn=99) == []
    storage.close()


def test_reading_from_a_time_begins_at_the_first_append_that_has_it(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 100)
    storage.seal_now()
    fill(storage, "s", 100, 100)
    assert storage.sn_at("s", 0) == 0
    assert storage.sn_at("s", 100_000) == 33
    assert storage.sn_at("s", 299_001) == 100
    assert storage.sn_at("s", 450_500) == 150
    assert storage.sn_at("s", 10**9) == 200
    assert read_values(storage, "s", from_time_ms=590_000) == list(range(588, 600))
    storage.close()


def test_reading_the_past_and_going_on_live_has_no_gap_and_no_double(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, bounds(seal_bytes=20_000))
    fill(storage, "s", 0, 200)
    stop = threading.Event()

    def write() -> None:
        for i in range(200, 600):
            storage.append(append("s", i * 3, 3)).result(20)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    live: list[StreamSlice] = []

    def heard(commit: Commit) -> None:
        live.extend(s for s in commit.slices if s.stream_id == "s")

    subscription = storage.listen(heard)
    reader = storage.read("s", batch_rows=100)
    got = [x for part in reader for x in part.rows.column("x").to_pylist()]
    writer.join()
    subscription.close()
    for part in live:
        rest = cut_slice(part, reader.next_sn)
        got += rest.rows.column("x").to_pylist() if rest is not None else []
    assert got == list(range(1800))
    storage.close()


def test_a_subscription_gets_exactly_what_follows_its_position(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 5)
    heard: list[int] = []
    subscription = storage.listen(lambda commit: heard.append(commit.position))
    first = subscription.position
    last = storage.append(append("s", 15)).result(20).position
    assert heard == list(range(first + 1, last + 1)) == [last]
    subscription.close()
    storage.append(append("s", 16)).result(20)
    assert heard == [last]
    storage.close()


def test_many_small_commits_become_few_batches(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    for i in range(600):
        storage.append(append("s", i)).result(20)
    with storage.view("s") as view:
        assert len(view.hot) < 60
        assert [x for p in view.hot for x in p.rows.column("x").to_pylist()] == list(range(600))
        assert [n for p in view.hot for n in p.sn.tolist()] == list(range(600))
    storage.close()


def test_ids_outlive_restart_and_sealing(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    storage.append(append("s", 0, id="sealed")).result(20)
    storage.seal_now()
    storage.append(append("s", 1, id="hot")).result(20)
    storage.close()
    for _ in range(2):
        storage = open_storage(tmp_path)
        for number, name in enumerate(("sealed", "hot")):
            assert storage.known("s", name) is not None
            receipt = storage.append(append("s", 9, id=name)).result(20).appends[0]
            assert receipt.duplicates == {0} and receipt.sn.tolist() == [number]
        assert values(storage, "s") == [0, 1]
        storage.seal_now()
        storage.close()


class Sum:
    """A keeper: the sum of its notes."""

    def __init__(self) -> None:
        self.total = 0

    def restore(self, data: bytes) -> None:
        self.total = int(data)

    def apply(self, note: Note, commit: Commit) -> None:
        self.total += int(note.data)

    def snapshot(self) -> bytes:
        return str(self.total).encode()


def test_the_state_of_notes_is_folded_once_over_restarts_and_seals(tmp_path: Path) -> None:
    expected = 0
    for number in range(1, 5):
        keeper = Sum()
        storage = open_storage(tmp_path, parts=StorageParts(keepers={"sum": keeper}))
        assert keeper.total == expected
        for i in range(3):
            storage.append(Note("sum", str(number).encode()), Note("other", b"x")).result(20)
            expected += number
            if i == 1 and number % 2:
                storage.seal_now()
        assert keeper.total == expected
        storage.close()


def test_recovered_commits_come_in_order_and_only_those_not_in_history(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 3)
    storage.seal_now()
    sealed = storage.position
    for i in range(3):
        storage.append(append("s", i), Note("n", str(i).encode())).result(20)
    storage.close()
    heard: list[Commit] = []
    again = Storage.open(tmp_path, ManualClock(), BOUNDS, heard.append)
    assert [c.position for c in heard] == [sealed + 1, sealed + 2, sealed + 3]
    assert [n.data for c in heard for n in c.notes] == [b"0", b"1", b"2"]
    again.append(append("s", 9)).result(20)
    assert len(heard) == 3
    again.close()


def test_stats_measure_rows_bytes_and_event_times(tmp_path: Path) -> None:
    clock = ManualClock()
    storage = open_storage(tmp_path, clock=clock)
    empty = storage.stats("s")
    assert (empty.row_count, empty.earliest_event_ms, empty.latest_event_ms) == (0, None, None)
    fill(storage, "s", 0, 10)
    hot = storage.stats("s")
    assert (hot.row_count, hot.earliest_event_ms, hot.latest_event_ms) == (30, 0, 29_000)
    assert hot.streaming_data_bytes > 0 and hot.historical_data_bytes == 0
    storage.seal_now()
    fill(storage, "s", 10, 10)
    both = storage.stats("s")
    assert (both.row_count, both.earliest_event_ms, both.latest_event_ms) == (60, 0, 59_000)
    (file,) = (tmp_path / "history" / "s").glob("*.parquet")
    assert both.historical_data_bytes == file.stat().st_size
    storage.close()


def test_rates_are_kept_in_points_of_half_an_hour_over_restarts(tmp_path: Path) -> None:
    clock = ManualClock()
    start = clock.now_ms()
    half_hour = 1_800_000
    storage = open_storage(tmp_path, clock=clock)
    storage.append(append("s", 0, 1800)).result(20)
    storage.count_read("s", 900, 9000)
    now = storage.stats("s")
    assert (now.written_eps, now.read_eps, now.read_bps) == (1.0, 0.5, 5.0)
    clock.advance(half_hour)
    storage.append(append("s", 0, 3600)).result(20)
    storage.seal_now()
    storage.close()
    storage = open_storage(tmp_path, clock=clock)
    clock.advance(half_hour)
    points = storage.stats("s", 1).history
    assert [(p.start_ms, p.written_eps) for p in points] == [
        (start, 1.0),
        (start + half_hour, 2.0),
    ]
    assert points[0].read_eps == 0.5
    clock.advance(8 * DAY)
    assert storage.stats("s", 7).history == ()
    assert storage.stats("s").written_eps == 0.0
    storage.close()


def test_sealing_that_falls_behind_pushes_back(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, bounds(hot_bytes_max=30_000, seal_bytes=1 << 40))
    with pytest.raises(Overloaded):
        for i in range(10_000):
            storage.append(append("s", i * 100, 100)).result(20)
    storage.seal_now()
    storage.append(append("s", 0)).result(20)
    storage.close()


def test_pins_that_are_handed_in_hold_from_the_start(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    for i in range(10):
        storage.append(append("s", i * 1000, 1000), Note("step", str(i).encode())).result(20)
    storage.close()
    pins = {"view:1": Pin(3)}
    storage = open_storage(tmp_path, bounds(seal_bytes=1), parts=StorageParts(pins=pins))
    storage.seal_now()
    assert [c.notes[0].data for c in storage.commits(3)] == [b"%d" % i for i in range(2, 10)]
    assert storage.pinned("view:1")
    storage.unpin("view:1")
    storage.append(append("s", 0)).result(20)
    storage.seal_now()
    assert len(list((tmp_path / "log").glob("*.seg"))) == 1
    storage.close()


def test_lost_rows_are_named_until_the_stream_is_truncated(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 1)
    fill(storage, "t", 0, 3)
    fill(storage, "s", 1, 4)
    storage.close()
    (segment,) = (tmp_path / "log").glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[40] ^= 1
    segment.write_bytes(bytes(data))
    for _ in range(2):
        storage = open_storage(tmp_path)
        assert storage.degraded("s") == ((0, 0),) and storage.degraded("t") == ()
        assert values(storage, "s") == list(range(3, 15)) == read_values(storage, "s")
        assert values(storage, "t") == list(range(9))
        storage.seal_now()
        storage.close()
    storage = open_storage(tmp_path)
    storage.truncate_stream("s")
    assert storage.degraded("s") == ()
    storage.close()


def test_an_append_of_many_is_one_number_each(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    many = Append("s", rows(0, 10), np.array([0, 4, 4, 10]), ((1, "k"),))
    receipt = storage.append(many, append("s", 10)).result(20)
    assert [a.sn.tolist() for a in receipt.appends] == [[0, 1, 2], [3]]
    assert storage.next_sn("s") == 4
    storage.close()


def test_a_stream_dropped_before_the_last_sealing_leaves_nothing(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "gone", 0, 3)
    fill(storage, "kept", 0, 3)
    storage.drop_stream("gone")
    storage.seal_now()
    fill(storage, "kept", 3, 3)  # in the same segment: it is read again at the next start
    storage.close()
    storage = open_storage(tmp_path)
    assert storage.degraded("gone") == ()
    storage.append(append("kept", 18)).result(20)
    storage.seal_now()
    manifest = json.loads((tmp_path / "history" / "manifest.json").read_bytes())
    assert set(manifest["manifest"]["streams"]) == {"kept"}
    assert values(storage, "kept") == list(range(19))
    storage.close()


def test_the_folder_of_a_dropped_stream_goes_though_its_files_went_at_a_start(
    tmp_path: Path,
) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "gone", 0, 3)
    fill(storage, "kept", 0, 3)
    storage.seal_now()
    view = storage.view("gone")  # its reader keeps the files until the process ends
    storage.drop_stream("gone")
    fill(storage, "kept", 3, 3)
    storage.seal_now()
    storage.close()
    assert any((tmp_path / "history" / "gone").iterdir())
    view.lease.close()
    storage = open_storage(tmp_path)
    assert [p.name for p in (tmp_path / "history").iterdir() if p.is_dir()] == ["kept"]
    assert values(storage, "kept") == list(range(18))
    storage.close()
