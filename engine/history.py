"""History: which Parquet files each stream has, leased to readers, named by one manifest."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from engine.batch import StreamSlice
from engine.log.files import FileSystem
from engine.manifest import (
    FILE_SUFFIX,
    STATE_PREFIX,
    FileEntry,
    Manifest,
    StreamEntry,
    has_manifest,
    parse_file_name,
    read_manifest,
    read_state,
    rebuild_manifest,
    write_manifest,
    write_state,
)
from engine.parquet import measure_file, time_range

_log = logging.getLogger(__name__)


Files = dict[str, list[FileEntry]]


@dataclass(slots=True)
class StreamFiles:
    """A stream's part of history in memory."""

    next_sn: int = 0
    min_sn: int = 0
    files: list[FileEntry] = field(default_factory=list[FileEntry])
    degraded: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    removed_sn: int = 0


@dataclass(frozen=True, slots=True)
class SealJob:
    """What is to be sealed: everything hot up to `position`, and the state as of it."""

    position: int
    instant_ms: int
    slices: dict[str, list[StreamSlice]]
    next_sn: dict[str, int]
    state: dict[str, bytes]


class Lease:
    """Keeps files of history on disk until `close`. Thread-safe; may be closed twice."""

    def __init__(
        self, release: Callable[[tuple[Path, ...]], None], paths: tuple[Path, ...]
    ) -> None:
        self._release: Callable[[tuple[Path, ...]], None] | None = release
        self._paths = paths

    def close(self) -> None:
        """The files may go."""
        release, self._release = self._release, None
        if release is not None:
            release(self._paths)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class History:
    """Files of all streams. `lock` guards everything in memory and is shared with the hot tails;
    what writes the manifest is called by one thread only."""

    def __init__(self, folder: Path, fs: FileSystem, lock: threading.RLock) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._fs = fs
        self._lock = lock
        self._streams: dict[str, StreamFiles] = {}
        self._generation = 0
        self._leases: Counter[Path] = Counter()
        self._obsolete: set[Path] = set()
        self._unpersisted = False
        self.sealed_position = 0
        self.instant_ms = 0
        self._state_file = ""

    def load(self, first_logged: int) -> dict[str, bytes]:
        """Read the manifest; returns the state that was kept with it. Never raises for damage.

        `first_logged`: position of the oldest commit in the log, 0 = none.
        """
        manifest = read_manifest(self.folder)
        rebuilt = manifest is None and has_manifest(self.folder)
        if manifest is None:
            manifest = self._rebuild(first_logged) if rebuilt else Manifest()
        state = read_state(self.folder, manifest.state_file) if manifest.state_file else {}
        self._generation = manifest.generation
        self.sealed_position = manifest.sealed_position
        self.instant_ms = manifest.instant_ms
        self._state_file = manifest.state_file
        for stream_id, entry in manifest.streams.items():
            self._streams[stream_id] = self._checked(stream_id, entry)
        if not rebuilt:
            self._remove_orphans(manifest)
        return state or {}

    def _rebuild(self, first_logged: int) -> Manifest:
        measured: dict[str, list[FileEntry]] = {}
        for path in sorted(self.folder.glob(f"*/*{FILE_SUFFIX}")):
            numbers = parse_file_name(path.name)
            if numbers is not None:
                written = measure_file(path)
                entry = FileEntry(
                    path.name,
                    *numbers,
                    written.rows,
                    written.bytes,
                    written.min_time_ms,
                    written.max_time_ms,
                )
                measured.setdefault(path.parent.name, []).append(entry)
        states = sorted(p.name for p in self.folder.glob(f"{STATE_PREFIX}*.bin"))
        manifest = rebuild_manifest(measured)
        return Manifest(
            sealed_position=max(0, first_logged - 1),
            streams=manifest.streams,
            state_file=states[-1] if states else "",
        )

    def _checked(self, stream_id: str, entry: StreamEntry) -> StreamFiles:
        """Files that are not there as they were written leave a degraded range."""
        found = StreamFiles(entry.next_sn, entry.min_sn, degraded=list(entry.degraded))
        found.removed_sn = entry.removed_sn
        for file in entry.files:
            path = self.folder / stream_id / file.name
            if path.exists() and path.stat().st_size == file.bytes:
                found.files.append(file)
            else:
                _log.error("history file %s is missing or cut", file.name)
                found.degraded.append((file.first_sn, file.last_sn))
        return found

    def _remove_orphans(self, manifest: Manifest) -> None:
        """Files of a step that a crash cut short, and folders that hold none."""
        named = {
            self.folder / stream_id / file.name
            for stream_id, entry in manifest.streams.items()
            for file in entry.files
        }
        for path in [*self.folder.glob(f"*/*{FILE_SUFFIX}"), *self.folder.glob("*/*.tmp")]:
            if path not in named:
                self._fs.remove(path)
        for path in self.folder.iterdir():
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        for path in self.folder.glob(f"{STATE_PREFIX}*"):
            if not manifest.state_file or not path.name.startswith(manifest.state_file):
                self._fs.remove(path)

    def next_sns(self) -> dict[str, int]:
        """Per stream the number after the last sealed one."""
        return {stream_id: found.next_sn for stream_id, found in self._streams.items()}

    def of(self, stream_id: str) -> StreamFiles:
        """A stream's part, empty when it has none; under the lock."""
        return self._streams.get(stream_id) or StreamFiles()

    def nbytes(self) -> int:
        """Bytes of all files."""
        with self._lock:
            return sum(file.bytes for found in self._streams.values() for file in found.files)

    def stream_ids(self) -> list[str]:
        """Streams with a part in history."""
        with self._lock:
            return list(self._streams)

    def path(self, stream_id: str, entry: FileEntry) -> Path:
        """Where a file lies."""
        return self.folder / stream_id / entry.name

    def lease(self, stream_id: str, files: list[FileEntry]) -> tuple[tuple[Path, ...], Lease]:
        """Paths of files that stay until the lease ends; under the lock."""
        paths = tuple(self.path(stream_id, f) for f in files)
        self._leases.update(paths)
        return paths, Lease(self._release, paths)

    def _release(self, paths: tuple[Path, ...]) -> None:
        with self._lock:
            self._leases.subtract(paths)
            for path in paths:
                if self._leases[path] <= 0:
                    del self._leases[path]

    def truncate(self, stream_id: str, before_sn: int) -> None:
        """Rows below a number are gone; under the lock."""
        found = self._streams.setdefault(stream_id, StreamFiles())
        found.min_sn = max(found.min_sn, before_sn)
        gone = [f for f in found.files if f.last_sn < found.min_sn]
        found.files = [f for f in found.files if f.last_sn >= found.min_sn]
        found.degraded = [r for r in found.degraded if r[1] >= found.min_sn]
        self._retire(stream_id, gone)

    def drop(self, stream_id: str) -> None:
        """A stream is gone; under the lock."""
        found = self._streams.pop(stream_id, None)
        if found is not None:
            self._retire(stream_id, found.files)

    def degrade(self, stream_id: str, ranges: list[tuple[int, int]]) -> None:
        """Numbers that cannot be read; they stay named until the stream is truncated."""
        with self._lock:
            found = self._streams.setdefault(stream_id, StreamFiles())
            found.degraded.extend(r for r in ranges if r not in found.degraded)
            self._unpersisted = True

    def _retire(self, stream_id: str, gone: list[FileEntry]) -> None:
        if not gone:
            return
        self._obsolete.update(self.path(stream_id, f) for f in gone)
        self._unpersisted = True

    def seal(self, job: SealJob, files: Files) -> None:
        """Make the new files and the state of a job current, all at once; blocks, OSError."""
        state_file = write_state(self.folder, job.position, job.state, self._fs)
        with self._lock:
            streams = self._entries()
            for stream_id, next_sn in job.next_sn.items():
                entry = streams.get(stream_id, StreamEntry(0))
                named = (*entry.files, *files.get(stream_id, ()))
                streams[stream_id] = msgspec.structs.replace(entry, next_sn=next_sn, files=named)
            manifest = self._manifest(streams, job.position, job.instant_ms, state_file)
        write_manifest(self.folder, manifest, self._fs)
        with self._lock:
            self._generation = manifest.generation
            self.sealed_position = job.position
            self.instant_ms = job.instant_ms
            old, self._state_file = self._state_file, state_file
        if old and old != state_file:
            self._fs.remove(self.folder / old)
            self._fs.remove(self.folder / f"{old}.copy")

    def adopt(self, job: SealJob, files: Files, gone: set[str]) -> None:
        """Show the files of a job to readers; `gone`: streams dropped meanwhile. Under the lock."""
        for stream_id, next_sn in job.next_sn.items():
            new = files.get(stream_id, [])
            if stream_id in gone:
                self._retire(stream_id, new)
                continue
            found = self._streams.setdefault(stream_id, StreamFiles())
            found.next_sn = next_sn
            found.files.extend(f for f in new if f.last_sn >= found.min_sn)
            self._obsolete.difference_update(self.path(stream_id, f) for f in new)
            self._retire(stream_id, [f for f in new if f.last_sn < found.min_sn])

    def discard(self, files: Files, *, named: bool) -> None:
        """Files of a job that failed; `named`: a manifest on disk may name them already."""
        with self._lock:
            for stream_id, entries in files.items():
                self._retire(stream_id, entries)
            self._unpersisted = self._unpersisted or named

    def next_generation(self) -> int:
        """A number for the name of a rewritten file, never given twice."""
        with self._lock:
            self._generation += 1
            return self._generation

    def replace(
        self,
        stream_id: str,
        old: list[FileEntry],
        new: FileEntry | None,
        removed_sn: int = 0,
    ) -> bool:
        """Put one rewritten file in the place of neighbours; durable on return (blocks, OSError).

        `removed_sn`: it lacks rows of appends below it. False, with the new file retired, when
        the old ones went meanwhile.
        """
        with self._lock:
            found = self._streams.get(stream_id)
            there = found is not None and all(f in found.files for f in old)
            if found is None or not there:
                self._retire(stream_id, [new] if new is not None else [])
                return False
            at = found.files.index(old[0])
            found.files = [f for f in found.files if f not in old]
            if new is not None:
                found.files.insert(at, new)
            found.removed_sn = max(found.removed_sn, removed_sn)
            self._retire(stream_id, old)
        self.persist()
        return True

    def persist(self) -> None:
        """Write the manifest if files went or ranges were lost since it was written."""
        with self._lock:
            if not self._unpersisted:
                return
            self._unpersisted = False
            manifest = self._manifest(
                self._entries(), self.sealed_position, self.instant_ms, self._state_file
            )
            self._generation = manifest.generation
        try:
            write_manifest(self.folder, manifest, self._fs)
        except OSError:
            self._unpersisted = True
            raise

    def collect(self) -> int:
        """Remove files that no manifest names and nobody reads; returns how many. Blocks."""
        with self._lock:
            free = [p for p in self._obsolete if p not in self._leases]
        self.persist()
        for path in free:
            self._fs.remove(path)
            self._fs.hit("history.removed")
        for folder in {p.parent for p in free}:
            if not any(folder.iterdir()):
                folder.rmdir()
        with self._lock:
            self._obsolete.difference_update(free)
        return len(free)

    def _entries(self) -> dict[str, StreamEntry]:
        return {
            stream_id: StreamEntry(
                s.next_sn, s.min_sn, tuple(s.files), tuple(s.degraded), s.removed_sn
            )
            for stream_id, s in self._streams.items()
        }

    def _manifest(
        self, streams: dict[str, StreamEntry], position: int, instant_ms: int, state_file: str
    ) -> Manifest:
        return Manifest(
            generation=self._generation + 1,
            sealed_position=position,
            instant_ms=instant_ms,
            state_file=state_file,
            streams=streams,
        )


def event_times(
    hot: Iterable[StreamSlice], files: Iterable[FileEntry]
) -> tuple[int | None, int | None]:
    """The earliest and the latest `_tp_time` of rows in memory and in files, ms since the epoch."""
    ranges = [time_range(part.rows) for part in hot]
    ranges += [
        (f.min_time_ms, f.max_time_ms)
        for f in files
        if f.min_time_ms is not None and f.max_time_ms is not None
    ]
    times = [found for found in ranges if found is not None]
    return min((t[0] for t in times), default=None), max((t[1] for t in times), default=None)
