"""The background work on history: sealing the hot tail, joining small files, expiry, removal."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa
from sqlglot.errors import SqlglotError

from engine.batch import StreamSlice
from engine.clock import Clock
from engine.duck import Error as DuckError
from engine.errors import TailraceError
from engine.expiry import BATCH_SECONDS_MAX, KeepFilter, expiry_failure
from engine.history import Files, History, SealJob
from engine.log.files import FileSystem
from engine.manifest import FileEntry, file_name
from engine.needs import NOBODY_SN, Readers
from engine.parquet import (
    Written,
    has_event_times,
    read_columns,
    read_schema,
    stored_schema,
    with_positions,
    write_file,
)

_log = logging.getLogger(__name__)

_POLL_SECONDS = 5.0
_RETRY_SECONDS = 10.0
# Ingest and queries come first, but sealing still gets a third of a core when all are busy:
# otherwise the hot tail would grow to its bound.
_NICE = 4
_BATCH_ROWS = 65_536

_OVERDUE: Final = (
    "the TTL of stream %s removes rows up to append %d, though a query that runs has no checkpoint "
    "behind append %d for too long: if it is killed now, its recovery says 'offset expired'"
)


class Stopping(Exception):
    """The storage closes: background work ends where it is."""


@dataclass(frozen=True, slots=True)
class MaintenanceSettings:
    """Bounds of the background work."""

    # So many neighbours of one size class become one file; a row is rewritten log(n) times.
    compact_files: int = 8
    # A file beyond it is left as it is.
    compact_bytes_max: int = 256 << 20
    # How often the TTL of all streams is looked at.
    expire_every_ms: int = 300_000
    # A file is rewritten when at least this share of its rows has expired.
    expire_share_min: float = 0.3
    # A TTL that takes longer for a batch of rows is interrupted, and its rows are kept.
    expire_batch_seconds_max: float = BATCH_SECONDS_MAX
    # Rows that the recovery of a running query would read stay so long beyond their time; then
    # the query is stuck, and the disk comes first.
    expire_wait_ms_max: int = 3_600_000
    # How often it is looked whether rows that wait may go; a checkpoint takes milliseconds.
    expire_again_ms: int = 5_000
    # How often it is noted what queries read: what a kill takes of the rates.
    note_reads_every_ms: int = 60_000


class Sealable(Protocol):
    """What hands out the hot tail; `engine.storage.Storage`."""

    def freeze(self) -> SealJob | None:
        """Set aside what is hot now; None when there is nothing. Blocks until the log is between
        two commits."""
        ...

    def sealed(self, job: SealJob, files: Files) -> None:
        """The files of a job are durable: show them and drop what was set aside."""
        ...

    def thaw(self) -> None:
        """Sealing failed: what was set aside is hot again."""
        ...

    def is_hot(self, stream_id: str) -> bool:
        """Whether rows of a stream are not in history yet."""
        ...

    def keep_filters(self) -> dict[str, str]:
        """`keep_sql` of every stream that has a TTL."""
        ...

    def note_reads(self) -> None:
        """Keep what was read of the streams for their rates."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """Files of a stream with rows whose TTL is over and that a recovery would read: each with the
    last append of such a row."""

    since_ms: int
    files: dict[FileEntry, int]


class Maintenance:
    """One thread. Everything that writes the manifest happens on it."""

    def __init__(
        self,
        history: History,
        source: Sealable,
        clock: Clock,
        settings: MaintenanceSettings,
        fs: FileSystem,
        readers: Readers,
    ) -> None:
        self._history = history
        self._source = source
        self._clock = clock
        self._settings = settings
        self._fs = fs
        self._readers = readers
        self._wake = threading.Condition()
        self._stopping = False
        self._seal_wanted = False
        self._requests: list[tuple[Callable[[], None], threading.Event]] = []
        self._expired_at = self._noted_at = self._held_at = clock.now_ms()
        self._held: dict[str, _Held] = {}  # by stream; of those that have a TTL
        self._unfit: set[FileEntry] = set()
        self.seals = 0
        self.compactions = 0
        self.errors = 0
        self.overdue = 0
        # Why the TTL of a stream could not be applied when it was last looked at, one sentence.
        self.ttl_errors: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def want_seal(self) -> None:
        """The hot tail has grown past its bound."""
        with self._wake:
            self._seal_wanted = True
            self._wake.notify()

    def run_now(self, action: Callable[[], None]) -> None:
        """Run on the thread and wait until it is done; raises what the action raised."""
        failure: list[BaseException] = []

        def guarded() -> None:
            try:
                action()
            except (OSError, TailraceError, Stopping, pa.ArrowException, DuckError) as error:
                failure.append(error)

        done = threading.Event()
        with self._wake:
            if self._stopping:
                raise Stopping
            self._requests.append((guarded, done))
            self._wake.notify()
        done.wait()
        if failure:
            raise failure[0]

    def close(self) -> None:
        """End the thread; a file being written is left out."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        delay = _POLL_SECONDS
        while True:
            with self._wake:
                if not (self._stopping or self._requests or self._seal_wanted):
                    self._wake.wait(delay)
                if self._stopping:
                    break
                requests, self._requests = self._requests, []
                seal, self._seal_wanted = self._seal_wanted, False
            delay = _POLL_SECONDS
            try:
                for action, done in requests:
                    try:
                        action()
                    finally:
                        done.set()
                self._round(seal=seal)
            except Stopping:
                break
            except Exception:  # noqa: BLE001 - supervised: tried again after a while
                _log.exception("background work on the history failed and is tried again")
                self.errors += 1
                self._seal_wanted = self._seal_wanted or seal
                delay = self._hold_back()
        for _, done in self._requests:
            done.set()

    def _hold_back(self) -> float:
        """Wait before the next try, unless the storage closes."""
        with self._wake:
            self._wake.wait_for(lambda: self._stopping, _RETRY_SECONDS)
        return 0.0

    def _round(self, *, seal: bool) -> None:
        if seal:
            self.seal()
        while self.compact():
            pass
        if self._clock.now_ms() - self._expired_at >= self._settings.expire_every_ms:
            self.expire()
        elif self._held and self._clock.now_ms() - self._held_at >= self._settings.expire_again_ms:
            self.expire(held_only=True)
        if self._clock.now_ms() - self._noted_at >= self._settings.note_reads_every_ms:
            self._noted_at = self._clock.now_ms()
            self._source.note_reads()
        self._history.collect()

    def _pause(self) -> None:
        if self._stopping:
            raise Stopping

    def seal(self) -> None:
        """Move everything hot into history; blocks."""
        job = self._source.freeze()
        if job is None:
            return
        files: Files = {}
        written = False
        try:
            for stream_id, slices in job.slices.items():
                self._pause()
                files[stream_id] = self._seal_stream(stream_id, slices)
            written = True
            self._fs.hit("seal.files")
            self._history.seal(job, files)
        except BaseException:
            # Once a manifest may name them, files go only after the next one that does not.
            self._history.discard(files, named=written)
            self._source.thaw()
            raise
        self._fs.hit("seal.current")
        self._source.sealed(job, files)
        self.seals += 1

    def _seal_stream(self, stream_id: str, slices: list[StreamSlice]) -> list[FileEntry]:
        """One file per run of slices with one schema."""
        runs: list[list[StreamSlice]] = []
        for part in slices:
            if not runs or not runs[-1][0].rows.schema.equals(part.rows.schema):
                runs.append([])
            runs[-1].append(part)
        entries: list[FileEntry] = []
        for run in runs:
            schema = stored_schema(run[0].rows.schema)
            if not has_event_times(schema):
                _log.error("stream %s has no usable _tp_time: sealed without times", stream_id)
            first_sn, last_sn = int(run[0].sn[0]), int(run[-1].sn[-1])
            name = file_name(first_sn, last_sn, 0)
            written = self._write(stream_id, name, schema, map(with_positions, run))
            entries.append(_entry(name, first_sn, last_sn, written))
        return entries

    def _write(
        self, stream_id: str, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
    ) -> Written:
        folder = self._history.folder / stream_id
        if not folder.exists():
            folder.mkdir()
            self._fs.sync_folder(folder.parent)
        written = write_file(folder / name, schema, batches, self._fs, self._pause)
        self._fs.sync_folder(folder)
        return written

    def compact(self) -> bool:
        """Join one run of small neighbours; False when there is none. Blocks."""
        for stream_id in self._history.stream_ids():
            run = self._find_run(list(self._history.of(stream_id).files))
            if run:
                self._join(stream_id, run)
                return True
        return False

    def _find_run(self, files: list[FileEntry]) -> list[FileEntry]:
        """The first neighbours, enough of them, that are no larger than their size class."""
        count = self._settings.compact_files
        bound = 1 << 20
        while bound <= self._settings.compact_bytes_max:
            run: list[FileEntry] = []
            for file in files:
                run = [*run, file] if file.bytes <= bound and file not in self._unfit else []
                if len(run) == count:
                    return run
            bound *= count
        return []

    def _join(self, stream_id: str, run: list[FileEntry]) -> None:
        paths = [self._history.path(stream_id, f) for f in run]
        first_sn, last_sn = run[0].first_sn, run[-1].last_sn
        name = file_name(first_sn, last_sn, self._history.next_generation())
        try:
            schemas = [read_schema(p) for p in paths]
            if any(not s.equals(schemas[0]) for s in schemas):
                self._unfit.update(run)
                return
            batches = (
                batch for p in paths for batch in read_columns(p, schemas[0].names, _BATCH_ROWS)
            )
            written = self._write(stream_id, name, schemas[0], batches)
        except pa.ArrowException as error:
            _log.error("history files cannot be joined: %s", error)
            self._unfit.update(run)
            self.errors += 1
            return
        self._fs.hit("compact.file")
        self._history.replace(stream_id, run, _entry(name, first_sn, last_sn, written))
        self.compactions += 1

    def expire(self, *, held_only: bool = False) -> None:
        """Remove rows whose TTL is over, file by file; blocks. `held_only`: those alone that were
        over before and waited for readers."""
        self._held_at = now_ms = self._clock.now_ms()
        filters = self._source.keep_filters()
        self._held = {each: held for each, held in self._held.items() if each in filters}
        if held_only:
            filters = {each: filters[each] for each in self._held}
        else:
            self._expired_at = now_ms
            if any(self._source.is_hot(stream_id) for stream_id in filters):
                self.seal()  # a quiet stream's rows would stay hot, and so for ever
        limit = self._settings.expire_batch_seconds_max
        failed: dict[str, str] = {}
        for stream_id, keep_sql in filters.items():
            files = self._released(stream_id, now_ms) if held_only else self._files(stream_id)
            if not files:
                if not held_only:
                    self._held.pop(stream_id, None)
                continue
            try:
                with contextlib.closing(KeepFilter(keep_sql, now_ms, limit)) as keep:
                    self._expire_stream(stream_id, files, keep, now_ms)
            except (DuckError, pa.ArrowException, SqlglotError) as error:
                _log.error("the TTL of stream %s is not applied: %s", stream_id, error)
                failed[stream_id] = expiry_failure(error, limit)
                self.errors += 1
        for stream_id in self._held:
            self._readers.want(stream_id)
        before = self.ttl_errors if held_only else {}
        self.ttl_errors = {k: v for k, v in before.items() if k not in filters} | failed

    def _files(self, stream_id: str) -> list[FileEntry]:
        return list(self._history.of(stream_id).files)

    def _overdue(self, held: _Held, now_ms: int) -> bool:
        return now_ms - held.since_ms >= self._settings.expire_wait_ms_max

    def _released(self, stream_id: str, now_ms: int) -> list[FileEntry]:
        """The files that waited for readers and may go now; the others are not read again."""
        held = self._held[stream_id]
        below = NOBODY_SN if self._overdue(held, now_ms) else self._readers.needed_sn(stream_id)
        there = {file: held.files[file] for file in self._files(stream_id) if file in held.files}
        self._held[stream_id] = _Held(held.since_ms, there)  # some may have been joined, or gone
        return [file for file, gone_sn in there.items() if gone_sn < below]

    def _expire_stream(
        self, stream_id: str, files: list[FileEntry], keep: KeepFilter, now_ms: int
    ) -> None:
        """Remove what is over in some files, but for rows that the recovery of a running query
        would read: those wait for its next checkpoint, for a while."""
        held = self._held.pop(stream_id, _Held(now_ms, {}))
        overdue = self._overdue(held, now_ms)
        below = self._readers.needed_sn(stream_id)
        others = set(self._files(stream_id)).difference(files)
        waiting = {file: sn for file, sn in held.files.items() if file in others}
        for file in files:
            self._pause()
            gone = self._gone(stream_id, file, keep, self._settings.expire_share_min)
            if gone is None:
                continue
            if gone[1] >= below and not overdue:
                waiting[file] = gone[1]
                continue
            if gone[1] >= below:
                self.overdue += 1
                _log.warning(_OVERDUE, stream_id, gone[1], below)
            self._remove(stream_id, file, keep, gone)
        if waiting:
            self._held[stream_id] = _Held(held.since_ms, waiting)

    def delete(self, stream_id: str, keep_sql: str) -> None:
        """Remove the stored rows of a stream for which `keep_sql` is false, all of them; blocks.
        What fails half-way leaves some of them there."""
        self.seal()
        limit = self._settings.expire_batch_seconds_max
        with contextlib.closing(KeepFilter(keep_sql, self._clock.now_ms(), limit)) as keep:
            for file in list(self._history.of(stream_id).files):
                self._pause()
                gone = self._gone(stream_id, file, keep, share_min=0.0)
                if gone is not None:
                    self._remove(stream_id, file, keep, gone)

    def _gone(
        self, stream_id: str, file: FileEntry, keep: KeepFilter, share_min: float
    ) -> tuple[int, int] | None:
        """How many rows of a file are kept, and the last append of which one is not; None when too
        few are gone for the file to be written anew."""
        path = self._history.path(stream_id, file)
        kept = keep.count(path)
        if kept == 0:
            return 0, file.last_sn
        if file.rows - kept < max(1, file.rows * share_min):
            return None
        return kept, keep.last_gone(path)

    def _remove(
        self, stream_id: str, file: FileEntry, keep: KeepFilter, gone: tuple[int, int]
    ) -> None:
        """Leave out of a file what is not kept; `gone` is what `_gone` said."""
        kept, last_sn = gone
        if kept == 0:
            self._history.replace(stream_id, [file], None, last_sn + 1)
            return
        path = self._history.path(stream_id, file)
        name = file_name(file.first_sn, file.last_sn, self._history.next_generation())
        written = self._write(stream_id, name, read_schema(path), keep.kept(path))
        self._fs.hit("expire.file")
        entry = _entry(name, file.first_sn, file.last_sn, written)
        self._history.replace(stream_id, [file], entry, last_sn + 1)

    def counters(self) -> dict[str, float]:
        """Figures for metrics, by name."""
        return {
            "history_seals": self.seals,
            "history_compactions": self.compactions,
            "history_errors": self.errors,
            "history_expiry_waits": len(self._held),
            "history_expiry_overdue": self.overdue,
        }


def _entry(name: str, first_sn: int, last_sn: int, written: Written) -> FileEntry:
    return FileEntry(
        name,
        first_sn,
        last_sn,
        written.rows,
        written.bytes,
        written.min_time_ms,
        written.max_time_ms,
    )
