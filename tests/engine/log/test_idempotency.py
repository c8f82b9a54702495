"""Idempotency ids: found at any age within the bounds, over checkpoints, failures and damage."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_support import FaultyFiles

from engine.log.files import FileSystem
from engine.log.idempotency import IdTable, id_key
from engine.log.settings import LogSettings
from tests.examples import examples

HOUR = 3_600_000
DAY = 24 * HOUR
ALL = frozenset(("a", "b", "c", "busy", "quiet"))


def table(folder: Path, kept_min: int = 3, fs: FileSystem | None = None) -> IdTable:
    return IdTable(folder, fs or FileSystem(), LogSettings(ids_kept_ms=DAY, ids_kept_min=kept_min))


def add(ids: IdTable, stream_id: str, first: int, count: int, instant_ms: int) -> None:
    for sn in range(first, first + count):
        ids.add(stream_id, id_key(stream_id, str(sn)), sn, instant_ms)


def checkpoint(ids: IdTable, now_ms: int, alive: frozenset[str] = ALL) -> bytes:
    ids.freeze(alive)
    data = ids.write(now_ms)
    ids.adopt()
    return data


def numbers(ids: IdTable, stream_id: str, count: int) -> list[int | None]:
    found = ids.find(keys := [id_key(stream_id, str(i)) for i in range(count)])
    return [found.get(k) for k in keys]


def test_ids_are_found_through_checkpoints_and_restarts(tmp_path: Path) -> None:
    ids = table(tmp_path)
    data = b""
    for number in range(20):
        add(ids, "a", number * 10, 10, number)
        add(ids, "b", number, 1, number)
        data = checkpoint(ids, number)
    assert numbers(ids, "a", 201) == [*range(200), None]
    assert len(list(tmp_path.iterdir())) < 8
    again = table(tmp_path)
    again.restore(data)
    assert numbers(again, "a", 201) == [*range(200), None]
    assert numbers(again, "b", 20) == list(range(20))
    assert numbers(again, "c", 5) == [None] * 5


def test_old_ids_go_but_the_last_of_each_stream_stay(tmp_path: Path) -> None:
    ids = table(tmp_path)
    add(ids, "busy", 0, 100, 0)
    add(ids, "quiet", 0, 2, 0)
    checkpoint(ids, 0)
    add(ids, "busy", 100, 100, 2 * DAY)
    checkpoint(ids, 2 * DAY)
    assert numbers(ids, "busy", 200) == [None] * 100 + list(range(100, 200))
    assert numbers(ids, "quiet", 2) == [0, 1]
    add(ids, "busy", 200, 500, 4 * DAY)
    checkpoint(ids, 4 * DAY)
    assert numbers(ids, "busy", 700) == [None] * 200 + list(range(200, 700))
    assert numbers(ids, "quiet", 2) == [0, 1]


def test_a_file_that_nobody_needs_goes_without_being_read(tmp_path: Path) -> None:
    ids = table(tmp_path)
    add(ids, "a", 0, 1000, 0)
    checkpoint(ids, 0)
    (old,) = tmp_path.iterdir()
    add(ids, "a", 1000, 10, 2 * DAY)
    checkpoint(ids, 2 * DAY)
    assert not old.exists() and numbers(ids, "a", 1010)[1000:] == list(range(1000, 1010))


def test_ids_of_a_dropped_stream_go(tmp_path: Path) -> None:
    ids = table(tmp_path)
    add(ids, "a", 0, 10, 0)
    checkpoint(ids, 0)
    add(ids, "b", 0, 10, 0)
    checkpoint(ids, 0, frozenset(("b",)))
    assert numbers(ids, "a", 10) == [None] * 10 and numbers(ids, "b", 10) == list(range(10))


def test_a_large_file_of_a_dropped_stream_goes_when_it_is_old(tmp_path: Path) -> None:
    ids = table(tmp_path)
    add(ids, "a", 0, 1000, 0)
    checkpoint(ids, 0)
    (old,) = tmp_path.iterdir()
    for day in range(1, 4):
        add(ids, "b", day * 10, 10, day * DAY)
        checkpoint(ids, day * DAY, frozenset(("b",)))
    assert not old.exists() and numbers(ids, "b", 40)[10:] == list(range(10, 40))


def test_a_checkpoint_that_fails_forgets_nothing(tmp_path: Path) -> None:
    fs = FaultyFiles()
    ids = table(tmp_path, fs=fs)
    add(ids, "a", 0, 10, 0)
    ids.freeze(ALL)
    fs.sync_error = errno.EIO
    with pytest.raises(OSError, match="EIO"):
        ids.write(0)
    add(ids, "a", 10, 10, 0)
    assert numbers(ids, "a", 20) == list(range(20))
    fs.sync_error = 0
    data = checkpoint(ids, 0)
    again = table(tmp_path)
    again.restore(data)
    assert numbers(again, "a", 20) == list(range(20))


def test_a_file_written_for_a_checkpoint_that_never_came_is_removed(tmp_path: Path) -> None:
    ids = table(tmp_path)
    add(ids, "a", 0, 100, 0)
    data = checkpoint(ids, 0)
    add(ids, "a", 100, 10, 0)
    ids.freeze(ALL)
    ids.write(0)
    assert len(list(tmp_path.iterdir())) == 2
    again = table(tmp_path)
    again.restore(data)
    assert len(list(tmp_path.iterdir())) == 1
    add(again, "a", 100, 10, 0)  # what the log gives again
    checkpoint(again, 0)
    assert numbers(again, "a", 110) == list(range(110))


def test_a_damaged_file_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ids = table(tmp_path)
    add(ids, "a", 0, 100, 0)
    data = checkpoint(ids, 0)
    (file,) = tmp_path.iterdir()
    harmed = bytearray(file.read_bytes())
    harmed[200] ^= 1
    file.write_bytes(bytes(harmed))
    again = table(tmp_path)
    again.restore(data)
    assert numbers(again, "a", 3) == [None] * 3
    assert "cannot be read" in caplog.text


Steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 12), st.integers(0, 30), st.booleans()),
    max_size=25,
)


@settings(max_examples=examples(50), deadline=None, suppress_health_check=list(HealthCheck))
@given(Steps)
def test_whatever_must_be_kept_is_found(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("ids")
    ids = table(folder, kept_min=5)
    now = 0
    sent: dict[str, list[tuple[int, int]]] = {"a": [], "b": [], "c": []}
    for stream_id, count, hours, restart in steps:
        now += hours * HOUR
        first = len(sent[stream_id])
        add(ids, stream_id, first, count, now)
        sent[stream_id] += [(sn, now) for sn in range(first, first + count)]
        data = checkpoint(ids, now)
        if restart:
            ids = table(folder, kept_min=5)
            ids.restore(data)
    for stream_id, entries in sent.items():
        found = numbers(ids, stream_id, len(entries) + 1)
        assert found[-1] is None
        for sn, instant in entries:
            if instant >= now - DAY or sn >= len(entries) - 5:
                assert found[sn] == sn
            assert found[sn] in (sn, None)
