"""Checkpoints on disk: the newest whole one is found again, whatever the crash or the damage."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checkpoint import StateDelta
from engine.checkpoints import (
    CHANGE_FILES_MAX,
    MANIFESTS_KEPT,
    BaseWanted,
    Checkpoint,
    CheckpointStore,
    SourcePosition,
    as_written,
)
from engine.clock import ManualClock
from engine.hashing import hashing
from engine.log.files import FileSystem

BASE_ROWS = 1000


def store(folder: Path, fs: FileSystem | None = None) -> CheckpointStore:
    return CheckpointStore(folder, fs or FileSystem(), ManualClock(), program="1.2", duckdb="2.0.0")


def delta(step: int, *, full: bool, rows: int | None = None) -> StateDelta:
    count = rows if rows is not None else BASE_ROWS if full else 1
    table = pa.record_batch({"n": pa.array([step] * count, pa.int64())})
    return StateDelta({"rows": table}, {"step": step, "text": "ä"}, full)


def checkpoint(step: int, *, full: bool, rows: int | None = None) -> Checkpoint:
    """Operator 0 has no state, operator 1 a delta."""
    collected = [None, delta(step, full=full, rows=rows)]
    sources = (SourcePosition(step * 10, 3, past_done=True), SourcePosition(7))
    return Checkpoint(step, 1000 + step, sources, as_written(collected), full, {"timers": [step]})


def steps_of(found: Checkpoint | None) -> list[int]:
    assert found is not None
    return [each.values["step"] for each in found.operators[1]]


def test_a_base_and_its_changes_come_back_in_order(tmp_path: Path) -> None:
    made = store(tmp_path)
    assert made.newest("q") is None
    made.write("q", checkpoint(1, full=True))
    made.write("q", checkpoint(2, full=False))
    made.write("q", checkpoint(3, full=False))
    found = store(tmp_path).newest("q")
    assert found is not None
    assert (found.step, found.instant_ms, found.full) == (3, 1003, True)
    assert found.sources == (SourcePosition(30, 3, past_done=True), SourcePosition(7))
    assert (found.program, found.duckdb, found.notes) == ("1.2", "2.0.0", {"timers": [3]})
    assert list(found.operators[0]) == []
    assert steps_of(found) == [1, 2, 3]
    assert [each.full for each in found.operators[1]] == [True, False, False]
    assert found.operators[1][0].tables["rows"].num_rows == BASE_ROWS
    assert found.operators[1][0].values["text"] == "ä"


def test_changes_go_on_after_a_restart(tmp_path: Path) -> None:
    store(tmp_path).write("q", checkpoint(1, full=True))
    again = store(tmp_path)
    assert again.wants_base("q")
    assert steps_of(again.newest("q")) == [1]
    assert not again.wants_base("q")
    again.write("q", checkpoint(2, full=False))
    assert steps_of(store(tmp_path).newest("q")) == [1, 2]


def test_a_change_without_its_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseWanted):
        store(tmp_path).write("q", checkpoint(1, full=False))
    store(tmp_path).write("q", checkpoint(1, full=True))
    with pytest.raises(BaseWanted):
        store(tmp_path).write("q", checkpoint(2, full=False))


def test_a_new_base_is_wanted_when_changes_exceed_half_of_it(tmp_path: Path) -> None:
    made = store(tmp_path)
    made.write("q", checkpoint(1, full=True))
    made.write("q", checkpoint(2, full=False, rows=BASE_ROWS // 4))
    assert not made.wants_base("q")
    made.write("q", checkpoint(3, full=False, rows=BASE_ROWS // 4))
    assert made.wants_base("q")
    made.write("q", checkpoint(4, full=True))
    assert not made.wants_base("q")
    assert steps_of(made.newest("q")) == [4]


def test_a_new_base_is_wanted_after_many_small_changes(tmp_path: Path) -> None:
    made = store(tmp_path)
    made.write("q", checkpoint(0, full=True, rows=100_000))
    for step in range(CHANGE_FILES_MAX):
        assert not made.wants_base("q")
        made.write("q", checkpoint(step + 1, full=False))
    assert made.wants_base("q")


def test_three_manifests_are_kept_and_the_files_that_they_name(tmp_path: Path) -> None:
    made = store(tmp_path)
    for step in range(8):
        made.write("q", checkpoint(step, full=True))
    assert len(list(tmp_path.rglob("manifest-*"))) == MANIFESTS_KEPT
    assert len(list(tmp_path.rglob("state-*"))) == MANIFESTS_KEPT
    for step in range(8, 12):
        made.write("q", checkpoint(step, full=False))
    names = sorted(path.name for path in tmp_path.rglob("state-*"))
    assert names == [f"state-{number:012d}.bin" for number in range(7, 12)]


def test_forget_and_queries(tmp_path: Path) -> None:
    made = store(tmp_path)
    for query in ("b/../x", "a", ".."):
        made.write(query, checkpoint(1, full=True))
    assert made.queries() == ["..", "a", "b/../x"]
    made.forget("b/../x")
    made.forget("b/../x")
    assert store(tmp_path).queries() == ["..", "a"]
    assert made.newest("b/../x") is None
    assert made.wants_base("b/../x")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_of_any_byte_falls_back_to_the_checkpoint_before(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("s")
    made = store(folder)
    made.write("q", checkpoint(1, full=True, rows=4))
    made.write("q", checkpoint(2, full=True, rows=4))
    victim = data.draw(st.sampled_from(["manifest-000000000001.json", "state-000000000001.bin"]))
    path = folder / "q-q" / victim
    held = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(held) - 1))
    if data.draw(st.booleans()):
        held[at] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(held)
    else:
        path.write_bytes(held[:at])
    again = store(folder)
    assert steps_of(again.newest("q")) == [1]
    # What follows cannot build on the damaged one, and takes no number that was given.
    assert again.wants_base("q")
    again.write("q", checkpoint(3, full=True))
    assert steps_of(store(folder).newest("q")) == [3]


def test_nothing_readable_is_as_nothing(tmp_path: Path) -> None:
    store(tmp_path).write("q", checkpoint(1, full=True))
    for path in tmp_path.rglob("state-*"):
        path.unlink()
    again = store(tmp_path)
    assert again.newest("q") is None
    again.write("q", checkpoint(2, full=True))
    assert steps_of(store(tmp_path).newest("q")) == [2]


class Crash(Exception):
    pass


class CrashingFiles(FileSystem):
    """Every operation is counted; at one of them the process dies."""

    def __init__(self, at: int) -> None:
        self.left = at

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Crash

    def create(self, path: Path) -> int:
        self._count()
        return super().create(path)

    def write(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        self._count()
        return super().write(fd, data[: len(data) // 2] if len(data) > 1 else data, offset)

    def sync_data(self, fd: int) -> None:
        self._count()
        super().sync_data(fd)

    def rename(self, source: Path, target: Path) -> None:
        self._count()
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        self._count()
        super().remove(path)

    def hit(self, point: str) -> None:
        self._count()


def test_a_crash_at_any_call_leaves_the_old_checkpoint_or_the_new(tmp_path: Path) -> None:
    outcomes: set[int] = set()
    for at in range(200):
        folder = tmp_path / str(at)
        made = store(folder)
        for step in range(1, 5):
            made.write("q", checkpoint(step, full=step == 1))
        broken = store(folder, CrashingFiles(at))
        broken.newest("q")
        try:
            broken.write("q", checkpoint(5, full=False))
        except Crash:
            found = store(folder).newest("q")
            assert found is not None
            outcomes.add(found.step)
            assert steps_of(found) == list(range(1, found.step + 1))
            after = store(folder)
            after.newest("q")
            after.write("q", checkpoint(6, full=after.wants_base("q")))
            assert steps_of(store(folder).newest("q"))[-1] == 6
            assert len(list(folder.rglob("manifest-*.json"))) == MANIFESTS_KEPT
            continue
        break
    assert outcomes == {4, 5}


class FullDisk(FileSystem):
    def __init__(self) -> None:
        self.full = False

    def write(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(fd, data, offset)


def test_after_a_full_disk_the_next_checkpoint_is_a_base(tmp_path: Path) -> None:
    fs = FullDisk()
    made = store(tmp_path, fs)
    made.write("q", checkpoint(1, full=True))
    fs.full = True
    with pytest.raises(OSError, match="No space"):
        made.write("q", checkpoint(2, full=False))
    assert len(list(tmp_path.rglob("state-*.bin"))) == 1  # half a file would keep the disk full
    fs.full = False
    # A change that was collected before the failure was known belongs to a state that is lost.
    with pytest.raises(BaseWanted):
        made.write("q", checkpoint(3, full=False))
    assert made.wants_base("q")
    assert steps_of(made.newest("q")) == [1]
    made.write("q", checkpoint(4, full=True))
    assert steps_of(made.newest("q")) == [4]


def test_a_state_whose_keys_hash_otherwise_is_not_read(tmp_path: Path) -> None:
    def opened(found: str) -> CheckpointStore:
        return CheckpointStore(tmp_path, FileSystem(), ManualClock(), hashing=lambda: found)

    opened("old").write("q", checkpoint(1, full=True))
    assert steps_of(opened("old").newest("q")) == [1]
    newer = opened("new")
    assert newer.newest("q") is None
    newer.write("q", checkpoint(2, full=True))
    assert steps_of(opened("new").newest("q")) == [2]
    # The program before the upgrade still finds its own.
    assert steps_of(opened("old").newest("q")) == [1]


def test_hashing_is_the_same_in_every_session() -> None:
    assert hashing() == hashing() != ""
