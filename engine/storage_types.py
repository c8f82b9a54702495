"""What a storage is opened with and what it hands out: bounds, keepers, views, subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engine.batch import StreamSlice
from engine.derived import Derived
from engine.history import Lease
from engine.log.files import FileSystem
from engine.log.records import Commit, Note
from engine.log.retention import Pin
from engine.log.settings import LogSettings
from engine.maintenance import MaintenanceSettings
from engine.needs import Readers

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Bounds of the storage, each with its reason."""

    log: LogSettings = field(default_factory=LogSettings)
    maintenance: MaintenanceSettings = field(default_factory=MaintenanceSettings)
    # What is sealed at once: bounds memory and the log that a start has to read.
    seal_bytes: int = 64 * MIB
    # Commits are read one by one at a start, however small they are.
    seal_commits: int = 32_768
    # Sealing that falls behind ingest stops it here, before memory runs out.
    hot_bytes_max: int = 768 * MIB


class Keeper(Protocol):
    """Owner of the notes of one kind: its state is a fold over them, in log order."""

    def restore(self, data: bytes) -> None:
        """Begin with a snapshot; called at most once, before any `apply`."""
        ...

    def apply(self, note: Note, commit: Commit) -> None:
        """A durable note: at the start those after the snapshot, then live on the writer's thread.
        Must be quick."""
        ...

    def snapshot(self) -> bytes:
        """The state after everything applied so far; on the writer's thread, must be quick."""
        ...


@dataclass(frozen=True, slots=True)
class StorageParts:
    """What an owner of a storage hands in beside its bounds.

    `keepers` by kind of note. `pins`: commits that owners need, known before any segment can go.
    `readers`: whose recoveries the TTL waits for. `derived`: what follows from appends.
    """

    keepers: Mapping[str, Keeper] = field(default_factory=dict[str, Keeper])
    pins: Mapping[str, Pin] = field(default_factory=dict[str, Pin])
    fs: FileSystem = field(default_factory=FileSystem)
    readers: Readers = field(default_factory=Readers)
    derived: Derived = field(default_factory=Derived)


@dataclass(frozen=True, slots=True)
class TableView:
    """All durable rows of a stream at one instant.

    `files` hold the older rows as Parquet with `_tp_sn` and `_tp_append_time`, `hot` the newer
    ones; none is in both. The files stay until `lease` is closed.
    """

    stream_id: str
    files: tuple[Path, ...]
    hot: tuple[StreamSlice, ...]
    row_count: int
    first_sn: int
    next_sn: int
    lease: Lease

    def __enter__(self) -> TableView:
        return self

    def __exit__(self, *_: object) -> None:
        self.lease.close()


class Subscription:
    """Live commits after `position`; `close` ends it."""

    def __init__(self, position: int, close: Callable[[], None]) -> None:
        self.position = position
        self.close = close
