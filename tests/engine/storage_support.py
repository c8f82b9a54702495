"""Helpers of the storage's tests: rows, a storage over a folder, crashes at named points."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from engine.clock import ManualClock
from engine.log.files import FileSystem
from engine.log.records import Append
from engine.log.settings import LogSettings
from engine.maintenance import MaintenanceSettings
from engine.storage import Storage, StorageParts, StorageSettings, TableView

LOG = LogSettings(segment_bytes=65_536, free_stop_bytes=0, free_stop_fraction=0.0)
BOUNDS = StorageSettings(log=LOG)
# Hours away: tests say when something is done.
DAY = 86_400_000


def bounds(**changes: int) -> StorageSettings:
    """Settings with other bounds of the maintenance or the storage."""
    own = {k: v for k, v in changes.items() if k in StorageSettings.__dataclass_fields__}
    other = {k: v for k, v in changes.items() if k not in own}
    return replace(BOUNDS, maintenance=MaintenanceSettings(**other), **own)  # type: ignore[arg-type]


def rows(start: int, count: int) -> pa.RecordBatch:
    """Rows whose `x` counts from `start`, one second of event time apart."""
    numbers = np.arange(start, start + count)
    return pa.record_batch(
        {
            "x": pa.array(numbers),
            "s": pa.array([f"row {n}" for n in numbers], pa.string()),
            "_tp_time": pa.array(numbers * 1000, pa.timestamp("ms")),
        }
    )


def append(stream_id: str, start: int, count: int = 1, id: str = "") -> Append:
    """One append."""
    return Append.single(stream_id, rows(start, count), id)


def open_storage(
    folder: Path,
    settings: StorageSettings = BOUNDS,
    clock: ManualClock | None = None,
    parts: StorageParts | None = None,
) -> Storage:
    """A storage in virtual time."""
    return Storage.open(folder, clock or ManualClock(), settings, None, parts)


def fill(storage: Storage, stream_id: str, first: int, appends: int, count: int = 3) -> None:
    """Appends of `count` rows; append i holds the values from (first + i) * count on."""
    waiting = [
        storage.append(append(stream_id, (first + i) * count, count)) for i in range(appends)
    ]
    for future in waiting:
        future.result(20)


def values_of(view: TableView) -> list[int]:
    """`x` of every row of a view in order, the files read by plain DuckDB."""
    found: list[int] = []
    with view:
        for path in view.files:
            query = f"SELECT x FROM '{path}' ORDER BY file_row_number"
            found += [
                x
                for (x,) in duckdb.sql(
                    query.replace("FROM ", "FROM read_parquet(").replace(
                        " ORDER", ", file_row_number = true) ORDER"
                    )
                ).fetchall()
            ]
        for part in view.hot:
            found += part.rows.column("x").to_pylist()
    return found


def values(storage: Storage, stream_id: str) -> list[int]:
    """`x` of every row of a stream, in order."""
    return values_of(storage.view(stream_id))


def read_values(storage: Storage, stream_id: str, **start: int) -> list[int]:
    """The same through the slice reader."""
    reader = storage.read(stream_id, **start)  # type: ignore[arg-type]
    return [x for part in reader for x in part.rows.column("x").to_pylist()]


class Crashing(FileSystem):
    """At each point of `armed` work the folder is copied as it is: what a crash there leaves."""

    def __init__(self, folder: Path, copies: Path) -> None:
        self._folder = folder
        self._copies = copies
        self.armed = False
        self._count = 0
        self.points: list[tuple[str, Path]] = []
        self._lock = threading.Lock()

    def hit(self, point: str) -> None:
        if not self.armed:
            return
        with self._lock:
            target = self._copies / f"{self._count:03d}"
            self._count += 1
            shutil.copytree(self._folder, target)
            self.points.append((point, target))
