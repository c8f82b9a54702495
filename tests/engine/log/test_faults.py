"""Disks that fail: nothing acknowledged is lost, nothing refused is stored, all of it is said."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from log_support import SMALL, Book, FaultyFiles, Waiter, append, open_log, put

from engine.clock import ManualClock
from engine.config import EngineSettings
from engine.errors import StorageFull
from engine.log.sequence import drop_note
from engine.log.settings import LogSettings
from engine.opening import storage_settings


def test_a_short_write_is_continued(tmp_path: Path) -> None:
    fs = FaultyFiles()
    log = open_log(tmp_path, Book(), fs=fs)
    put(log, append("a", 0))
    fs.short = 17
    put(log, append("a", 1))
    log.close()
    open_log(tmp_path, book := Book()).close()
    assert book.values("a") == [0, 1]


def test_a_full_disk_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    fs, clock = FaultyFiles(), ManualClock()
    log = open_log(tmp_path, live := Book(), fs=fs, clock=clock)
    put(log, append("a", 0))
    fs.write_error, fs.free = errno.ENOSPC, 0
    with pytest.raises(StorageFull) as refused:
        put(log, append("a", 1, id="k"))
    assert refused.value.code == 243 and "disk is full" in log.reason
    with pytest.raises(StorageFull):
        log.submit([append("a", 2)], Waiter())
    fs.write_error, fs.free = 0, 1 << 40
    clock.advance(2000)
    assert log.reason == ""
    receipt = put(log, append("a", 3, id="k"))
    assert receipt.appends[0].sn.tolist() == [1] and not receipt.appends[0].duplicates
    log.close()
    open_log(tmp_path, book := Book()).close()
    assert book.values("a") == live.values("a") == [0, 3]


def test_a_segment_that_finds_no_room_for_its_footer_is_closed_later(tmp_path: Path) -> None:
    class FooterFails(FaultyFiles):
        full = False

        def write(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            if self.full and bytes(data)[-8:] == b"TRFOOTER":
                raise OSError(errno.ENOSPC, "no room")
            return super().write(fd, data, offset)

    fs, clock = FooterFails(), ManualClock()
    log = open_log(tmp_path, live := Book(), fs=fs, clock=clock)
    fs.full = True
    stored = 0
    with pytest.raises(StorageFull) as refused:
        for stored in range(100):
            put(log, append("a", stored, 100))
    assert "disk is full" in refused.value.message and not log.sync_failed
    fs.full = False
    clock.advance(2000)
    put(log, append("a", 500, 100))
    log.close()
    open_log(tmp_path, book := Book()).close()
    assert book.values("a") == live.values("a")
    assert len(book.values("a")) == (stored + 1) * 100


def test_a_fault_after_the_sync_is_answered_and_stops_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path, Book())
    put(log, append("a", 0))

    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("engine.log.sequence.Sequencer.confirm", broken)
    with pytest.raises(StorageFull):
        put(log, append("a", 1))
    monkeypatch.undo()
    with pytest.raises(StorageFull):
        put(log, append("a", 2))
    log.close()
    open_log(tmp_path, book := Book()).close()
    assert book.values("a") == [0, 1] and book.numbers("a") == [0, 1]


def test_a_full_disk_still_takes_what_makes_room(tmp_path: Path) -> None:
    fs, clock = FaultyFiles(), ManualClock()
    bounds = LogSettings(segment_bytes=16_384, free_stop_bytes=1 << 30)
    log = open_log(tmp_path, book := Book(), bounds, fs=fs, clock=clock)
    put(log, append("a", 0))
    fs.free = 0
    clock.advance(2000)
    with pytest.raises(StorageFull):
        put(log, append("a", 1))
    put(log, drop_note("a"))
    assert len(book.commits) == 2
    log.close()


def test_writes_stop_early_and_resume_late(tmp_path: Path) -> None:
    fs, clock = FaultyFiles(), ManualClock()
    bounds = LogSettings(
        segment_bytes=16_384,
        free_stop_bytes=1 << 30,
        free_stop_fraction=0.05,
        free_resume_fraction=0.10,
    )
    log = open_log(tmp_path, Book(), bounds, fs=fs, clock=clock)
    total = 1 << 40
    for percent, accepted in ((20, True), (4, False), (7, False), (11, True), (6, True)):
        fs.free = total * percent // 100
        clock.advance(2000)
        assert (log.reason == "") is accepted, percent
    put(log, append("a", 0))
    log.close()


@pytest.mark.parametrize("stop", [0.05, 0.4, 0.9])
def test_writing_does_not_flap_at_any_mark(tmp_path: Path, stop: float) -> None:
    fs, clock = FaultyFiles(), ManualClock()
    settings = EngineSettings(disk_free_stop_fraction=stop, disk_free_stop_bytes=0)
    log = open_log(tmp_path, Book(), storage_settings(settings).log, fs=fs, clock=clock)
    seen: list[bool] = []
    for part in (stop + 0.01, stop - 0.01, stop + 0.01, stop - 0.01, 0.999, stop + 0.01):
        fs.free = int((1 << 40) * part)
        clock.advance(2000)
        seen.append(log.reason == "")
    assert seen == [True, False, False, False, True, True]
    log.close()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_failed_sync_makes_the_log_read_only_until_it_is_opened_again(
    tmp_path: Path, number: int
) -> None:
    fs = FaultyFiles()
    log = open_log(tmp_path, live := Book(), fs=fs)
    put(log, append("a", 0))
    fs.sync_error = number
    with pytest.raises(StorageFull) as refused:
        put(log, append("a", 1))
    assert refused.value.code == 243
    fs.sync_error = 0
    with pytest.raises(StorageFull):
        log.submit([append("a", 2)], Waiter())
    assert "read-only" in log.reason and live.values("a") == [0]
    assert log.sync_failed
    log.close()
    log = open_log(tmp_path, book := Book())
    assert book.values("a") == [0] and log.reason == ""
    assert put(log, append("a", 3)).appends[0].sn.tolist() == [1]
    log.close()
    open_log(tmp_path, book := Book()).close()
    assert book.values("a") == [0, 3]


def test_a_write_error_is_cut_back_and_the_log_read_only(tmp_path: Path) -> None:
    fs = FaultyFiles()
    log = open_log(tmp_path, Book(), fs=fs)
    put(log, append("a", 0))
    fs.write_error = errno.EIO
    with pytest.raises(StorageFull):
        put(log, append("a", 1, 50))
    assert "read-only" in log.reason
    log.close()
    open_log(tmp_path, book := Book()).close()
    assert book.values("a") == [0]


def test_half_a_record_that_cannot_be_cut_is_cut_at_the_next_start(tmp_path: Path) -> None:
    fs = FaultyFiles()
    log = open_log(tmp_path, Book(), fs=fs)
    put(log, append("a", 0))
    fs.write_error, fs.truncate_error = errno.ENOSPC, errno.EIO
    with pytest.raises(StorageFull):
        put(log, append("a", 1, 50))
    log.close()
    log = open_log(tmp_path, book := Book())
    assert book.values("a") == [0] and log.recovery.cut_bytes > 0
    log.close()


def test_a_disk_that_cannot_be_synced_at_the_start_opens_read_only(tmp_path: Path) -> None:
    log = open_log(tmp_path, Book())
    put(log, append("a", 0))
    log.close()
    (segment,) = tmp_path.glob("*.seg")
    data = segment.read_bytes()
    segment.write_bytes(data[:-40])  # without a footer: it has to be closed again
    fs = FaultyFiles()
    fs.sync_error = errno.EIO
    log = open_log(tmp_path, book := Book(), fs=fs)
    assert book.values("a") == [0]
    with pytest.raises(StorageFull):
        log.submit([append("a", 1)], Waiter())
    log.close()


class Forgetful(FaultyFiles):
    """Remembers what was synced; `crash` leaves only that, as a power cut does."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: dict[int, Path] = {}
        self.safe: dict[Path, bytes] = {}

    def create(self, path: Path) -> int:
        fd = super().create(path)
        self.paths[fd] = path
        return fd

    def open(self, path: Path) -> int:
        fd = super().open(path)
        self.paths[fd] = path
        return fd

    def sync_data(self, fd: int) -> None:
        super().sync_data(fd)
        self.safe[self.paths[fd]] = self.paths[fd].read_bytes()

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self.safe[target] = self.safe.pop(source)

    def crash(self) -> None:
        """The power goes."""
        for path, data in self.safe.items():
            if path.exists():
                path.write_bytes(data)


def test_a_power_cut_after_an_answer_loses_nothing(tmp_path: Path) -> None:
    fs = Forgetful()
    log = open_log(tmp_path, Book(), SMALL, fs=fs)
    for i in range(100):
        put(log, append("a", i, 2))
        if i % 25 == 24:
            left = dict(fs.safe)
            folder = tmp_path / f"cut{i}"
            folder.mkdir()
            (folder / "schemas").mkdir()
            for path, data in left.items():
                if path.suffix in (".seg", ".schema"):
                    (folder / path.relative_to(tmp_path)).write_bytes(data)
            open_log(folder, book := Book(), SMALL).close()
            assert book.numbers("a") == list(range(i + 1))
    log.close()
    fs.crash()
    open_log(tmp_path, book := Book(), SMALL).close()
    assert book.numbers("a") == list(range(100))
