"""History: sealing keeps every row once at any moment, files are plain Parquet and go in time."""

from __future__ import annotations

import errno
import threading
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from storage_support import (
    DAY,
    Crashing,
    append,
    bounds,
    fill,
    open_storage,
    read_values,
    rows,
    values,
    values_of,
)

from engine.clock import ManualClock
from engine.log.files import FileSystem, Space
from engine.log.records import Append
from engine.parquet import write_file
from engine.storage import Storage, StorageParts


def files(storage: Storage, stream_id: str) -> list[Path]:
    return sorted((storage.history_folder / stream_id).glob("*.parquet"))


def test_sealed_rows_are_plain_parquet_in_arrival_order(tmp_path: Path) -> None:
    clock = ManualClock()
    storage = open_storage(tmp_path, clock=clock)
    fill(storage, "s", 0, 50)
    clock.advance(1000)
    fill(storage, "s", 50, 50)
    storage.seal_now()
    (file,) = files(storage, "s")
    assert file.name == "000000000000-000000000099.parquet"
    got = duckdb.sql(f"SELECT x, s, _tp_time, _tp_sn, _tp_append_time FROM '{file}'").fetchall()
    assert [r[0] for r in got] == list(range(300))
    assert [r[3] for r in got] == [i // 3 for i in range(300)]
    start = ManualClock().now_ms()
    assert {r[4] for r in got} == {start, start + 1000}
    statistics = pq.read_metadata(file).row_group(0)
    names = [statistics.column(i).path_in_schema for i in range(statistics.num_columns)]
    assert all(
        statistics.column(names.index(n)).statistics.has_min_max for n in ("_tp_time", "_tp_sn")
    )
    storage.close()


def test_a_filter_finds_numbers_beside_not_a_number(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    values = pa.array([float("nan"), 1.5, 3.0, float("nan")] * 500)
    table = pa.record_batch({"f": values, "_tp_sn": pa.array(range(2_000))})
    write_file(path, table.schema, [table], FileSystem(), lambda: None)
    for condition, expected in (("f < 2", 500), ("f > 2", 1_500), ("isnan(f)", 1_000)):
        sql = f"SELECT count(*) FROM '{path}' WHERE {condition}"
        assert duckdb.sql(sql).fetchall() == [(expected,)], condition


def test_a_stream_without_usable_event_times_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = open_storage(tmp_path)
    texts = rows(0, 3).drop_columns("_tp_time").append_column("_tp_time", pa.array(["abc"] * 3))
    for number in range(2):
        storage.append(Append.single("bad", texts)).result(20)
        fill(storage, "good", number, 1)
        assert storage.stats("bad").row_count == 3 * (number + 1)
        assert read_values(storage, "bad", from_time_ms=0) == []
        storage.seal_now()
    assert storage.counters()["history_seals"] == 2
    assert values(storage, "bad") == [0, 1, 2] * 2
    assert values(storage, "good") == list(range(6))
    stats = storage.stats("bad")
    assert (stats.row_count, stats.earliest_event_ms) == (6, None)
    assert read_values(storage, "bad", from_time_ms=0) == []
    assert [r.message for r in caplog.records if "stream bad" in r.message]
    storage.close()
    for path in (tmp_path / "history").glob("manifest*"):
        path.write_bytes(b"cut")
    again = open_storage(tmp_path)
    assert values(again, "bad") == [0, 1, 2] * 2
    again.close()


@pytest.mark.parametrize("streams", [1, 300])
def test_plain_duckdb_reads_what_the_manifest_names(tmp_path: Path, streams: int) -> None:
    storage = open_storage(tmp_path, bounds(compact_files=2))
    for i in range(streams):
        storage.append(append(f"0f-{i}", 0, 3))
    for i in range(2):
        fill(storage, "0f-0", 1 + i, 1)
        storage.seal_now()
    storage.compact_now()
    page = Path(__file__).parents[2] / "docs" / "storage.md"
    statements = page.read_text().split("```sql duckdb\n")[1].split("```")[0]
    statements = statements.replace("<stream id>", "0f-0").replace(
        "'history/", f"'{tmp_path}/history/"
    )
    first, second = [s for s in statements.split(";") if s.strip()]
    connection = duckdb.connect()
    connection.execute(first)
    assert connection.execute(second).fetchall() == [(9,)]
    connection.close()
    storage.close()


def test_the_tail_is_sealed_by_itself_when_it_has_grown(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, bounds(seal_bytes=50_000))
    for i in range(60):
        fill(storage, "s", i * 10, 10)
    storage.compact_now()  # waits for the background thread
    assert storage.counters()["history_seals"] >= 1
    assert storage.counters()["hot_bytes"] < 100_000
    assert values(storage, "s") == list(range(1800))
    storage.close()
    again = open_storage(tmp_path)
    assert values(again, "s") == list(range(1800))
    again.close()


def test_the_log_goes_once_it_is_sealed(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    for i in range(30):
        fill(storage, "s", i * 100, 100)
    before = storage.log_bytes()
    # How many depends on how the group commit coalesced the appends.
    assert len(list((tmp_path / "log").glob("*.seg"))) > 1
    storage.seal_now()
    assert storage.log_bytes() < before / 2
    assert len(list((tmp_path / "log").glob("*.seg"))) == 1
    storage.close()
    again = open_storage(tmp_path)
    assert values(again, "s") == list(range(9000))
    again.close()


def test_sealing_under_concurrent_appends_keeps_every_row_once(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, bounds(seal_bytes=100_000, compact_files=4))
    stop = threading.Event()
    wrong: list[str] = []

    def write(thread: int) -> None:
        for i in range(150):
            storage.append(
                append(f"own-{thread}", i * 20, 20), append("shared", thread * 10_000 + i)
            ).result(20)

    def watch() -> None:
        while not stop.is_set():
            got = values_of(storage.view("own-0"))
            if got != list(range(len(got))):
                wrong.append(f"view {len(got)}")
            got = read_values(storage, "own-0")
            if got != list(range(len(got))):
                wrong.append(f"read {len(got)}")

    writers = [threading.Thread(target=write, args=(i,)) for i in range(3)]
    watcher = threading.Thread(target=watch)
    for thread in (*writers, watcher):
        thread.start()
    for _ in range(3):
        storage.seal_now()
    for thread in writers:
        thread.join()
    stop.set()
    watcher.join()
    assert not wrong
    storage.seal_now()
    storage.close()
    again = open_storage(tmp_path)
    for i in range(3):
        assert values(again, f"own-{i}") == list(range(3000))
    shared = Counter(values(again, "shared"))
    assert len(shared) == 450 and set(shared.values()) == {1}
    again.close()


def test_a_crash_at_any_point_loses_and_doubles_nothing(tmp_path: Path) -> None:
    folder, copies = tmp_path / "live", tmp_path / "copies"
    copies.mkdir()
    fs = Crashing(folder, copies)
    storage = open_storage(folder, bounds(compact_files=9), parts=StorageParts(fs=fs))
    for number in range(3):
        fill(storage, "a", number * 40, 40)
        fill(storage, "b", number * 5, 5)
        storage.append(append(f"only-{number}", number, id=f"k{number}")).result(20)
        fs.armed = True
        storage.seal_now()
        fs.armed = False
        for point, left in fs.points:
            check_crash(left, point, number)
        fs.points.clear()
    storage.close()
    storage = open_storage(folder, bounds(compact_files=3), parts=StorageParts(fs=fs))
    fs.armed = True
    storage.compact_now()
    fs.armed = False
    assert {"compact.file", "history.removed"} <= {p for p, _ in fs.points}
    for point, left in fs.points:
        check_crash(left, point, 2)
    storage.close()


def check_crash(left: Path, point: str, number: int) -> None:
    storage = open_storage(left)
    assert values(storage, "a") == list(range((number + 1) * 120)), point
    assert read_values(storage, "b") == list(range((number + 1) * 15)), point
    for i in range(number + 1):
        assert values(storage, f"only-{i}") == [i], point
        assert storage.known(f"only-{i}", f"k{i}") is not None, point
    assert not storage.degraded("a") and storage.counters()["log_lost_commits"] == 0
    # It goes on from here: numbers, sealing, another start.
    receipt = storage.append(append("a", 9999)).result(20)
    assert receipt.appends[0].sn.tolist() == [(number + 1) * 40]
    storage.seal_now()
    storage.close()
    storage = open_storage(left)
    assert values(storage, "a") == [*range((number + 1) * 120), 9999], point
    listed = {p for d in ("a", "b") for p in (left / "history" / d).iterdir()}
    assert listed == {*storage.view("a").files, *storage.view("b").files}, point
    storage.close()


def test_small_files_become_larger_ones(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, bounds(compact_files=4))
    for i in range(16):
        fill(storage, "s", i * 10, 10)
        storage.seal_now()
    storage.compact_now()
    names = [p.name for p in files(storage, "s")]
    assert len(names) < 8 and names[0].startswith("000000000000-000000000")
    assert values(storage, "s") == read_values(storage, "s") == list(range(480))
    assert storage.stats("s").row_count == 480
    storage.close()
    again = open_storage(tmp_path)
    assert values(again, "s") == list(range(480))
    again.close()


def test_leased_files_stay_until_their_reader_ends(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, bounds(compact_files=2))
    fill(storage, "s", 0, 10)
    storage.seal_now()
    # One file is not joined with others by the work that goes on by itself.
    view = storage.view("s")
    fill(storage, "s", 10, 10)
    storage.seal_now()
    fill(storage, "s", 20, 1)
    storage.compact_now()
    assert values(storage, "s") == list(range(63))
    assert view.files and all(p.exists() for p in view.files)
    assert values_of(view) == list(range(30))
    storage.compact_now()
    assert not any(p.exists() for p in view.files)
    storage.close()


def test_a_dropped_stream_goes_after_its_readers(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 10)
    fill(storage, "t", 0, 10)
    storage.seal_now()
    fill(storage, "s", 10, 10)
    view = storage.view("s")
    storage.drop_stream("s")
    assert values(storage, "s") == []
    storage.compact_now()
    assert values_of(view) == list(range(60))
    storage.compact_now()
    assert not (storage.history_folder / "s").exists()
    storage.close()
    again = open_storage(tmp_path)
    assert values(again, "s") == [] and values(again, "t") == list(range(30))
    again.close()


def test_truncate_removes_what_was_there_and_numbers_go_on(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 10)
    storage.seal_now()
    fill(storage, "s", 10, 10)
    storage.truncate_stream("s")
    assert values(storage, "s") == [] and storage.next_sn("s") == 20
    fill(storage, "s", 20, 2)
    assert values(storage, "s") == list(range(60, 66))
    storage.close()
    for _ in range(2):
        again = open_storage(tmp_path)
        assert values(again, "s") == list(range(60, 66))
        assert again.view("s").first_sn == 20
        again.seal_now()
        again.close()


def test_without_a_ttl_nothing_is_removed(tmp_path: Path) -> None:
    clock = ManualClock()
    storage = open_storage(tmp_path, clock=clock)
    fill(storage, "s", 0, 10)
    storage.seal_now()
    clock.advance(3650 * DAY)
    storage.expire_now()
    assert values(storage, "s") == list(range(30))
    storage.close()


def test_expired_rows_go_though_their_stream_is_too_quiet_to_be_sealed(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 10)
    fill(storage, "kept", 0, 1)
    storage.set_ttl("s", "_tp_time >= make_timestamp_ms(15000)")
    storage.expire_now()
    assert values(storage, "s") == list(range(15, 30))
    assert values(storage, "kept") == [0, 1, 2]
    storage.close()


def test_a_ttl_that_cannot_be_applied_does_not_keep_the_others(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "bad", 0, 1)
    fill(storage, "good", 0, 1)
    storage.set_ttl("bad", "this is ( no SQL")
    storage.set_ttl("good", "false")
    storage.expire_now()
    assert values(storage, "bad") == [0, 1, 2] and values(storage, "good") == []
    assert storage.counters()["history_errors"] == 1
    storage.close()


def test_expired_rows_go_file_by_file(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, bounds(compact_files=99))
    for i in range(3):
        fill(storage, "s", i * 10, 10)
        storage.seal_now()
    before = files(storage, "s")
    # The first file expired whole, the second in half, the third not at all.
    storage.set_ttl("s", '_tp_time >= make_timestamp_ms(45000) OR "s" IS NULL')
    storage.expire_now()
    storage.compact_now()
    after = files(storage, "s")
    assert values(storage, "s") == read_values(storage, "s") == list(range(45, 90))
    assert before[2] in after and before[0] not in after and before[1] not in after
    assert storage.stats("s").row_count == 45
    assert storage.stats("s").earliest_event_ms == 45_000
    storage.set_ttl("s", "epoch_ms(_tp_time) > {now_ms}")
    storage.expire_now()
    storage.compact_now()
    assert values(storage, "s") == [] and files(storage, "s") == []
    assert storage.append(append("s", 1)).result(20).appends[0].sn.tolist() == [30]
    storage.close()
    again = open_storage(tmp_path)
    assert values(again, "s") == [1]
    again.close()


def test_a_damaged_manifest_is_replaced_by_its_copy(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 10)
    storage.append(append("s", 30, id="k")).result(20)
    storage.seal_now()
    storage.close()
    manifest = tmp_path / "history" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"rows":31', b'"rows":99'))
    again = open_storage(tmp_path)
    assert values(again, "s") == list(range(31))
    assert again.view("s").row_count == 31 and again.known("s", "k") is not None
    again.close()


def test_without_any_manifest_the_files_tell_what_they_hold(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    for i in range(3):
        fill(storage, "s", i * 10, 10)
        storage.seal_now()
    fill(storage, "s", 30, 5)
    storage.close()
    for name in ("manifest.json", "manifest.copy.json"):
        (tmp_path / "history" / name).write_bytes(b"{}")
    again = open_storage(tmp_path)
    assert values(again, "s") == list(range(105))
    assert again.append(append("s", 105)).result(20).appends[0].sn.tolist() == [35]
    again.seal_now()
    again.close()
    again = open_storage(tmp_path)
    assert values(again, "s") == list(range(106))
    again.close()


def test_a_lost_file_degrades_its_stream_and_no_other(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 10)
    fill(storage, "t", 0, 10)
    storage.seal_now()
    fill(storage, "s", 10, 10)
    (file,) = files(storage, "s")
    storage.close()
    file.unlink()
    again = open_storage(tmp_path)
    assert again.degraded("s") == ((0, 9),) and again.degraded("t") == ()
    assert values(again, "s") == list(range(30, 60)) and values(again, "t") == list(range(30))
    again.seal_now()
    again.close()
    again = open_storage(tmp_path)
    assert again.degraded("s") == ((0, 9),)
    again.close()


class FullFiles(FileSystem):
    """Has no room for Parquet files while `full`."""

    full = False

    def space(self, folder: Path) -> Space:
        return Space(1 << 40, 1 << 40)

    def hit(self, point: str) -> None:
        if self.full and point == "parquet.group":
            raise OSError(errno.ENOSPC, "no room")


def test_sealing_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    fs = FullFiles()
    storage = open_storage(tmp_path, parts=StorageParts(fs=fs))
    fill(storage, "s", 0, 10)
    fs.full = True
    with pytest.raises(OSError, match="no room"):
        storage.seal_now()
    fill(storage, "s", 10, 10)
    assert values(storage, "s") == list(range(60)) and files(storage, "s") == []
    assert not list((tmp_path / "history").glob("*/*.tmp"))
    fs.full = False
    storage.seal_now()
    assert len(files(storage, "s")) == 1
    assert values(storage, "s") == list(range(60))
    storage.close()


class ManifestFails(FileSystem):
    """Fails between the manifest and its copy: nobody knows whether it is current."""

    failing = False

    def hit(self, point: str) -> None:
        if self.failing and point == "manifest.between":
            raise OSError(errno.EIO, "broken")


def test_a_manifest_of_unknown_fate_costs_no_row(tmp_path: Path) -> None:
    fs = ManifestFails()
    storage = open_storage(tmp_path / "live", parts=StorageParts(fs=fs))
    fill(storage, "s", 0, 10)
    fs.failing = True
    with pytest.raises(OSError, match="broken"):
        storage.seal_now()
    copy = Crashing(tmp_path / "live", tmp_path)
    copy.armed = True
    copy.hit("now")
    fs.failing = False
    storage.compact_now()
    assert values(storage, "s") == list(range(30))
    fill(storage, "s", 10, 1)
    storage.seal_now()
    assert values(storage, "s") == list(range(33))
    storage.close()
    for folder, count in ((tmp_path / "000", 30), (tmp_path / "live", 33)):
        again = open_storage(folder)
        assert values(again, "s") == list(range(count))
        again.close()


def test_files_of_one_schema_each(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    fill(storage, "s", 0, 2)
    wider = rows(6, 3).append_column("y", rows(6, 3).column("x"))
    storage.append(Append.single("s", wider)).result(20)
    storage.seal_now()
    assert len(files(storage, "s")) == 2
    assert values(storage, "s") == read_values(storage, "s") == list(range(9))
    storage.close()
