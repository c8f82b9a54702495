"""The commit log of a workspace: opened with recovery, written by submissions, read by position."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import Clock
from engine.errors import TooLarge
from engine.log.codec import CommitCodec
from engine.log.files import FileSystem
from engine.log.idempotency import IdTable, id_key
from engine.log.reader import ReadParts, Recoverer, Recovery, Start, read_commits
from engine.log.records import Append, Commit, Done, Listener, Record
from engine.log.retention import Pin, Retention
from engine.log.schemas import SchemaStore
from engine.log.segment import SegmentName
from engine.log.sequence import DROP, Sequencer, Submission
from engine.log.settings import LogSettings
from engine.log.writer import LogWriter, WriterCounters, WriterParts

_log = logging.getLogger(__name__)
_RECORD_BYTES = 256  # what a waiting record costs beside its rows


@dataclass(frozen=True, slots=True)
class LogStart:
    """What history knows before the log is opened."""

    known: Start = field(default_factory=Start)
    ids: bytes = b""


class CommitLog:
    """One log. Positions count commits from 1, sequence numbers appends per stream from 0."""

    def __init__(self, folder: Path, clock: Clock, settings: LogSettings, fs: FileSystem) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._settings = settings
        self._fs = fs
        self._schemas = SchemaStore(folder / "schemas", fs)
        self._codec = CommitCodec(self._schemas, settings.compress_bytes_min)
        self._ids = IdTable(folder / "ids", fs, settings)
        self._sequencer = Sequencer(settings, self._ids)
        self._retention = Retention()
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._published = 0
        self.recovery = Recovery()
        self._writer: LogWriter

    @classmethod
    def open(
        cls,
        folder: Path,
        clock: Clock,
        settings: LogSettings,
        on_commit: Listener,
        start: LogStart | None = None,
        fs: FileSystem | None = None,
    ) -> CommitLog:
        """Recover a log and start its writer; blocks.

        `on_commit` gets every readable commit that is not in history, in order, on this thread,
        and afterwards each new one on the writer's thread. Damage is reported in `recovery` and
        never raised; a log whose recovered end cannot be synced opens read-only.
        """
        log = cls(folder, clock, settings, fs or FileSystem())
        log._recover(on_commit, start or LogStart())
        return log

    def _recover(self, on_commit: Listener, start: LogStart) -> None:
        self._ids.restore(start.ids)
        parts = ReadParts(self._codec, self._schemas, self._fs)

        def replay_id(stream_id: str, sn: int, key: bytes, instant_ms: int) -> None:
            self._ids.add(stream_id, key, sn, instant_ms)

        def replay(commit: Commit) -> None:
            for note in commit.notes:
                if note.kind == DROP:
                    self._sequencer.drop(note.data.decode())
            on_commit(commit)

        recoverer = Recoverer(parts, start.known, replay, replay_id)
        names = SegmentName.listed(self._folder)
        self.recovery = found = recoverer.run(names, self._settings.commit_appends_max)
        used = {key for segment in found.segments for key in segment.schemas}
        if not found.sync_failed:
            self._schemas.keep_only(used)
        for stream_id, next_sn in found.next_sn.items():
            self._sequencer.replay(stream_id, next_sn)
        self._codec.before = found.before
        self._listeners.append(on_commit)
        self._published = found.last_position
        writer_parts = WriterParts(
            self._folder, self._clock, self._settings, self._fs, self._codec, self._schemas
        )
        self._writer = LogWriter(
            writer_parts,
            self._sequencer,
            found.last_position,
            found.last_instant_ms,
            self._publish,
        )
        self._writer.start(list(found.segments), failed=found.sync_failed)

    def submit(self, records: Iterable[Record], done: Done) -> None:
        """Store records in one commit, whole or not at all; returns at once.

        `done` gets the Receipt or the error on the writer's thread, after every listener saw the
        commit. Raises Overloaded, StorageFull or TooLarge right away; `done` is not called then.
        """
        taken = tuple(records)
        nbytes = appends = 0
        for record in taken:
            if isinstance(record, Append):
                nbytes += record.nbytes + _RECORD_BYTES
                appends += record.appends
                if record.borders[-1] != record.rows.num_rows:
                    raise ValueError("the last border of an append is its number of rows")
            else:
                nbytes += len(record.data) + _RECORD_BYTES
        if nbytes > self._settings.waiting_bytes_max:
            raise TooLarge("One commit is larger than the log takes; send it in smaller parts.")
        self._writer.submit(Submission(taken, done, nbytes, appends))

    def listen(self, callback: Listener) -> int:
        """Call `callback` with each commit after the returned position, on the writer's thread."""
        with self._lock:
            self._listeners = [*self._listeners, callback]
            return self._published

    def unlisten(self, callback: Listener) -> None:
        """Stop calling; a call that is under way still ends."""
        with self._lock:
            self._listeners = [c for c in self._listeners if c is not callback]

    def _publish(self, commit: Commit) -> None:
        with self._lock:
            listeners = self._listeners
            self._published = commit.position
        for listener in listeners:
            try:
                listener(commit)
            except Exception:  # noqa: BLE001 - one listener's error is not the others'
                _log.exception("a listener of the log failed")
                self._writer.counters.callback_errors += 1

    def between(self, action: Callable[[], None]) -> None:
        """Run a quick action on the writer's thread between two commits."""
        self._writer.between(action)

    def known(self, stream_id: str, idempotency_id: str) -> int | None:
        """Number of the durable append with this id; None if there is none or it is forgotten."""
        key = id_key(stream_id, idempotency_id)
        return self._ids.find([key]).get(key)

    def freeze_ids(self) -> None:
        """The ids so far belong to the checkpoint that begins; call it inside `between`."""
        self._ids.freeze(frozenset(self._sequencer.next_sn))

    def write_ids(self) -> bytes:
        """Make them durable; returns what `LogStart.ids` takes. Blocks, raises OSError."""
        return self._ids.write(self._clock.now_ms())

    def adopt_ids(self) -> None:
        """What `write_ids` returned is part of a durable checkpoint."""
        self._ids.adopt()

    def next_sn(self, stream_id: str) -> int:
        """The number that the next append of a stream gets."""
        return self._sequencer.next_sn.get(stream_id, 0)

    def next_sns(self) -> dict[str, int]:
        """The same of all streams; call it inside `between`."""
        return dict(self._sequencer.next_sn)

    def commits(self, from_position: int) -> Iterator[Commit]:
        """Commits of the past from a position to the last durable one; blocks on the disk.

        The caller holds a pin at or below the position, else segments may be gone.
        """
        end = self._writer.position
        return read_commits(SegmentName.listed(self._folder), from_position, end, self._codec)

    def pin(self, owner: str, pin: Pin) -> None:
        """Keep the commits from a position on for an owner; replaces its earlier pin."""
        self._retention.pin(owner, pin)

    def unpin(self, owner: str) -> None:
        """The owner needs nothing any more."""
        self._retention.unpin(owner)

    def pinned(self, owner: str) -> bool:
        """False after the owner's pin lapsed or was taken back."""
        return self._retention.pinned(owner)

    def release(self, sealed_position: int) -> int:
        """Delete the segments that history has whole and nobody pins; returns how many."""
        closed, _ = self._writer.segments()
        going = self._retention.deletable(closed, sealed_position, self._clock.now_ms())
        for segment in going:
            self._fs.remove(segment.name.path)
            self._fs.hit("log.removed")
        if going:
            self._fs.sync_folder(self._folder)
            self._writer.forget(going)
        return len(going)

    def bytes_of(self, stream_id: str) -> int:
        """Bytes of a stream in the log."""
        closed, active = self._writer.segments()
        total = sum(s.streams[stream_id][2] for s in closed if stream_id in s.streams)
        if active is not None and stream_id in active.held.streams:
            total += active.held.streams[stream_id][2]
        return total

    @property
    def nbytes(self) -> int:
        """Bytes of all segments, without what is only preallocated."""
        closed, active = self._writer.segments()
        return sum(s.size for s in closed) + (active.end if active is not None else 0)

    @property
    def position(self) -> int:
        """Position of the last durable commit, 0 before the first."""
        return self._writer.position

    @property
    def instant_ms(self) -> int:
        """Instant of the last durable commit."""
        return self._writer.instant_ms

    @property
    def reason(self) -> str:
        """Why writes are refused now (disk full, read-only), '' when they are accepted."""
        return self._writer.reason

    @property
    def sync_failed(self) -> bool:
        """A sync failed: nothing more is written before the log is opened again."""
        return self._writer.failed

    @property
    def counters(self) -> WriterCounters:
        """What the writer did since the log was opened."""
        return self._writer.counters

    def close(self) -> None:
        """Write what waits and close the segment; submissions are refused from now on."""
        self._writer.close()
