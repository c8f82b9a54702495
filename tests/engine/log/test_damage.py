"""Damaged logs: torn and zeroed tails are cut, anything else is reported, no row is ever wrong."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from log_support import Book, append, open_log, put

from engine.log.commitlog import CommitLog
from engine.log.files import FileSystem
from engine.log.records import Note
from engine.log.segment import SegmentName
from engine.log.settings import LogSettings

ONE_SEGMENT = LogSettings(segment_bytes=65_536, free_stop_bytes=0, free_stop_fraction=0.0)
COMMITS = 7


class Unsynced(FileSystem):
    """Thousands of starts need no disk."""

    def sync_data(self, fd: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


def crashed(folder: Path, settings: LogSettings, commits: int) -> tuple[list[int], Path]:
    """A log as a crash leaves it: no footer, preallocated. Returns where each frame ends."""
    live = folder / "live"
    log = open_log(live, Book(), settings)
    ends: list[int] = []
    for i in range(commits):
        put(log, append("a", i * 10, 1 + i % 3), append("b" if i % 2 else "c", i))
        _, active = log._writer.segments()
        assert active is not None
        ends.append(active.end)
    left = folder / "left"
    shutil.copytree(live, left)
    log.close()
    return ends, left


def reopened(folder: Path, settings: LogSettings = ONE_SEGMENT) -> tuple[Book, CommitLog]:
    """What recovery finds; the log is closed again."""
    log = open_log(folder, book := Book(), settings, Unsynced())
    log.close()
    return book, log


def check_rows(book: Book) -> list[int]:
    """Every row that came is right and in place; returns the positions that came."""
    for commit in book.commits:
        i = commit.position - 1
        first, second = commit.slices
        assert first.stream_id == "a" and second.stream_id == ("b" if i % 2 else "c")
        assert first.rows.column("x").to_pylist() == list(range(i * 10, i * 10 + 1 + i % 3))
        assert first.sn.tolist() == [i] and second.sn.tolist() == [i // 2]
        assert second.rows.column("x").to_pylist() == [i]
    return [c.position for c in book.commits]


def test_a_cut_at_every_byte_leaves_every_whole_commit(tmp_path: Path) -> None:
    ends, left = crashed(tmp_path, ONE_SEGMENT, COMMITS)
    (segment,) = left.glob("*.seg")
    data = segment.read_bytes()[: ends[-1]]
    segment.unlink()
    for cut in range(len(data), 0, -1):
        segment.write_bytes(data[:cut])
        book, log = reopened(left)
        whole = sum(end <= cut for end in ends)
        got = check_rows(book)
        # The padding behind a frame is no part of it.
        assert got in (list(range(1, whole + 1)), list(range(1, whole + 2)))
        assert not log.recovery.degraded and not log.recovery.quarantined
        for path in left.glob("*.seg"):
            path.unlink()


def test_a_torn_record_followed_by_zeros_is_cut_with_a_counter(tmp_path: Path) -> None:
    ends, left = crashed(tmp_path, ONE_SEGMENT, COMMITS)
    (segment,) = left.glob("*.seg")
    with segment.open("r+b") as file:
        file.seek(ends[-2] + 100)
        file.write(bytes(ends[-1] - ends[-2] - 100))
    book, log = reopened(left)
    assert check_rows(book) == list(range(1, COMMITS))
    assert log.recovery.cut_bytes > 0 and not log.recovery.degraded
    log = open_log(left, book := Book(), ONE_SEGMENT)
    assert log.recovery.cut_bytes == 0
    assert put(log, append("a", 1)).position == COMMITS
    log.close()


def test_a_zeroed_tail_is_the_end(tmp_path: Path) -> None:
    ends, left = crashed(tmp_path, ONE_SEGMENT, COMMITS)
    (segment,) = left.glob("*.seg")
    with segment.open("r+b") as file:
        file.seek(ends[4])
        file.write(bytes(ends[-1] - ends[4]))
    book, log = reopened(left)
    assert check_rows(book) == [1, 2, 3, 4, 5]
    assert log.recovery.cut_bytes == 0


@pytest.mark.parametrize("closed", [False, True])
def test_random_flips_never_give_wrong_rows(tmp_path: Path, closed: bool) -> None:
    ends, left = crashed(tmp_path, ONE_SEGMENT, COMMITS)
    if closed:
        reopened(left)
    (segment,) = left.glob("*.seg")
    data = segment.read_bytes()
    end = len(data) if closed else ends[-1]
    random_bits = random.Random(7)
    for _ in range(400):
        segment.unlink(missing_ok=True)
        for path in left.glob("*.seg"):
            path.unlink()
        harmed = bytearray(data)
        bit = random_bits.randrange(end * 8)
        harmed[bit // 8] ^= 1 << bit % 8
        segment.write_bytes(bytes(harmed))
        book, log = reopened(left)
        got = check_rows(book)
        missing = set(range(1, COMMITS + 1)) - set(got)
        assert len(missing) <= 1
        told = log.recovery
        if missing == {COMMITS} and not closed:
            assert told.cut_bytes > 0
        elif missing:
            i = missing.pop() - 1
            assert told.quarantined and told.lost_commits == [(i + 1, i + 1)]
            assert told.degraded == {"a": [(i, i)], "b" if i % 2 else "c": [(i // 2, i // 2)]}


def test_a_bad_record_in_the_middle_names_its_streams_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ends, left = crashed(tmp_path, ONE_SEGMENT, COMMITS)
    (segment,) = left.glob("*.seg")
    with segment.open("r+b") as file:
        file.seek(ends[3] + 60)
        file.write(b"\xff" * 30)
    book, log = reopened(left)
    assert check_rows(book) == [1, 2, 3, 4, *range(6, COMMITS + 1)]
    assert log.recovery.degraded == {"a": [(4, 4)], "c": [(2, 2)]}
    assert log.recovery.lost_commits == [(5, 5)]
    assert "damaged" in caplog.text
    # Found again at the next start, from the footer this time; numbers are never given twice.
    log = open_log(left, book := Book(), ONE_SEGMENT)
    assert log.recovery.degraded == {"a": [(4, 4)], "c": [(2, 2)]}
    assert put(log, append("a", 1)).appends[0].sn.tolist() == [COMMITS]
    log.close()


def test_several_bad_records_that_no_footer_names_degrade_whoever_may_be_in_them(
    tmp_path: Path,
) -> None:
    bounds = LogSettings(free_stop_bytes=0, free_stop_fraction=0.0, commit_appends_max=1000)
    log = open_log(tmp_path / "live", Book(), bounds)
    put(log, append("quiet", 0))
    ends: list[int] = []
    for i in range(5):
        put(log, append("a", i))
        _, active = log._writer.segments()
        assert active is not None
        ends.append(active.end)
    shutil.copytree(tmp_path / "live", tmp_path / "left")
    log.close()
    (segment,) = (tmp_path / "left").glob("*.seg")
    with segment.open("r+b") as file:
        file.seek(ends[0] + 8)
        file.write(b"\xff" * (ends[2] - ends[0] - 16))
    log = open_log(tmp_path / "left", book := Book(), bounds)
    assert book.values("a") == [0, 3, 4]
    assert log.recovery.degraded["a"] == [(1, 2)]
    ((first, last),) = log.recovery.degraded["quiet"]
    assert first == 1 and log.next_sn("quiet") == last + 1
    log.close()


def test_damage_in_an_older_segment_leaves_the_others(tmp_path: Path) -> None:
    small = LogSettings(segment_bytes=8192, free_stop_bytes=0, free_stop_fraction=0.0)
    log = open_log(tmp_path, whole := Book(), small)
    for i in range(60):
        put(log, append("a", i), append(f"only-{i // 20}", i))
    log.close()
    names = SegmentName.listed(tmp_path)
    assert len(names) > 3
    hurt = names[1].path
    data = bytearray(hurt.read_bytes())
    data[200:600] = bytes(400)
    hurt.write_bytes(bytes(data))
    again = open_log(tmp_path, book := Book(), small)
    again.close()
    lost = again.recovery.lost_commits
    missing = {p for a, b in lost for p in range(a, b + 1)}
    assert missing and {c.position for c in book.commits} | missing == set(range(1, 61))
    ranges = again.recovery.degraded["a"]
    numbers = {n for a, b in ranges for n in range(a, b + 1)}
    assert numbers == {p - 1 for p in missing}
    assert set(book.values("a")) == set(whole.values("a")) - numbers
    assert "only-2" not in again.recovery.degraded


def test_a_missing_segment_is_reported(tmp_path: Path) -> None:
    small = LogSettings(
        segment_bytes=8192, free_stop_bytes=0, free_stop_fraction=0.0, commit_appends_max=10
    )
    log = open_log(tmp_path, Book(), small)
    for i in range(60):
        put(log, append("a", i), Note("n", b""))
    log.close()
    names = SegmentName.listed(tmp_path)
    names[1].path.unlink()
    again = open_log(tmp_path, book := Book(), small)
    again.close()
    first, last = names[1].first_position, names[2].first_position - 1
    assert again.recovery.lost_commits == [(first, last)]
    assert again.recovery.degraded == {"a": [(first - 1, last - 1)]}
    assert [c.position for c in book.commits] == [*range(1, first), *range(last + 1, 61)]


def test_a_lost_schema_is_made_again_from_a_footer(tmp_path: Path) -> None:
    log = open_log(tmp_path, Book())
    put(log, append("a", 0), append("b", 1))
    log.close()
    for path in (tmp_path / "schemas").iterdir():
        path.unlink()
    again = open_log(tmp_path, book := Book())
    again.close()
    assert book.values("a") == [0] and book.values("b") == [1]
    assert list((tmp_path / "schemas").iterdir())


def test_a_damaged_schema_without_a_footer_degrades_its_streams_only(tmp_path: Path) -> None:
    _, left = crashed(tmp_path, ONE_SEGMENT, COMMITS)
    for path in (left / "schemas").iterdir():
        path.write_bytes(b"rubbish")
    book, log = reopened(left)
    assert book.values("a") == []
    assert log.recovery.degraded["a"] == [(0, 0), *[(i, i) for i in range(1, COMMITS)]]
    log = open_log(left, Book(), ONE_SEGMENT)
    assert put(log, append("a", 5)).appends[0].sn.tolist() == [COMMITS]
    log.close()
