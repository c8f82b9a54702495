"""Storage of a workspace's engine: one log, one history, hot tails between them, one facade."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path

import numpy as np

from engine.batch import TP_SN, TP_TIME
from engine.clock import Clock
from engine.errors import EngineUnavailable, Overloaded, TailraceError
from engine.history import Files, History, SealJob, event_times
from engine.log.commitlog import CommitLog, LogStart
from engine.log.reader import Recovery, Start
from engine.log.records import (
    Commit,
    Done,
    Listener,
    Note,
    Outcome,
    Receipt,
    Record,
    cut_slice,
)
from engine.log.retention import Pin
from engine.log.segment import SegmentName
from engine.log.sequence import DROP, TRUNCATE, drop_note, read_truncation, truncate_note
from engine.maintenance import Maintenance
from engine.parquet import first_sn_at, first_sn_of
from engine.protocol import StreamStats
from engine.rates import RATES_KIND, RateBook
from engine.slices import SliceReader
from engine.storage_types import StorageParts, StorageSettings, Subscription, TableView
from engine.tail import HotTails

_log = logging.getLogger(__name__)

_IDS = "storage.ids"
# After a commit, one join of small hot slices (0.2 ms) per so many that it brought: the next commit
# waits for it. 32 slices need one join and a little, so this keeps up.
_SLICES_PER_JOIN = 8


class Storage:
    """Everything durable of one engine. All methods may be called from any thread."""

    def __init__(
        self, folder: Path, clock: Clock, settings: StorageSettings, parts: StorageParts
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._settings = settings
        self._parts = parts
        self._lock = threading.RLock()
        self._history = History(folder / "history", parts.fs, self._lock)
        self._tails = HotTails()
        self._rates = RateBook()
        self._keepers = {**parts.keepers, RATES_KIND: self._rates}
        self._keep_sql: dict[str, str] = {}
        self._listeners: tuple[Listener, ...] = ()
        self._position = 0
        self._hot_commits = 0
        self._gone: set[str] = set()
        self._open = False
        self.listener_errors = 0
        self._log_folder = folder / "log"
        bounds, fs, readers = settings.maintenance, parts.fs, parts.readers
        self._maintenance = Maintenance(self._history, self, clock, bounds, fs, readers)
        self._log: CommitLog

    @classmethod
    def open(
        cls,
        folder: Path,
        clock: Clock,
        settings: StorageSettings | None = None,
        recovered: Listener | None = None,
        parts: StorageParts | None = None,
    ) -> Storage:
        """Recover, start the writer and the background work; blocks, never raises for damage.

        The caller holds the folder's lock (`engine.log.folder`). `recovered` gets every commit
        that is not in history yet, in order, on this thread.
        """
        parts = parts or StorageParts()
        storage = cls(folder, clock, settings or StorageSettings(), parts)
        storage._recover(recovered)
        return storage

    def _recover(self, recovered: Listener | None) -> None:
        self._log_folder.mkdir(exist_ok=True)
        logged = SegmentName.listed(self._log_folder)
        state = self._history.load(logged[0].first_position if logged else 0)
        for kind, keeper in self._keepers.items():
            if kind in state:
                keeper.restore(state[kind])
        self._listeners = (recovered,) if recovered is not None else ()
        history = self._history
        known = Start(history.sealed_position, history.instant_ms, history.next_sns())
        self._log = CommitLog.open(
            self._log_folder,
            self._clock,
            self._settings.log,
            self._apply,
            LogStart(known, state.get(_IDS, b"")),
            self._parts.fs,
        )
        self._listeners = ()
        for stream_id, ranges in self._log.recovery.degraded.items():
            history.degrade(stream_id, ranges)
        for owner, pin in self._parts.pins.items():
            self._log.pin(owner, pin)
        self._position = self._log.position
        self._open = True
        self._maintenance.start()
        if self._should_seal():
            self._maintenance.want_seal()

    def close(self) -> None:
        """Write what waits, stop the background work, free the folder; blocks."""
        self._maintenance.close()
        self.note_reads()
        self._log.close()

    # -- writing

    def submit(self, records: Iterable[Record], done: Done) -> None:
        """Store records, and what follows from them, in one commit, whole or not at all; never
        blocks on the disk.

        `done` gets a Receipt or an error on the writer's thread, after the rows are in every view
        and every listener saw the commit. Raises Overloaded, StorageFull, TooLarge, or what
        `Derived.submit` raises, right away.
        """
        if self._tails.nbytes > self._settings.hot_bytes_max:
            raise Overloaded("Rows come faster than they can be sealed; send them again later.")
        self._parts.derived.submit(records, done, self._log.submit)

    def append(self, *records: Record) -> Future[Receipt]:
        """`submit` as a future, for threads that wait: it holds the receipt or the error."""
        future: Future[Receipt] = Future()

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, TailraceError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        self.submit(records, done)
        return future

    def known(self, stream_id: str, idempotency_id: str) -> int | None:
        """Number of the durable append with this id; None if there is none or it is forgotten."""
        return self._log.known(stream_id, idempotency_id)

    def drop_stream(self, stream_id: str) -> None:
        """Remove a stream's rows for ever and wait for it; `drop_note` does it in a commit."""
        self.append(drop_note(stream_id)).result()

    def truncate_stream(self, stream_id: str) -> None:
        """Remove all rows that a stream has now and wait for it; its numbers go on."""
        self.append(truncate_note(stream_id)).result()

    def set_ttl(self, stream_id: str, keep_sql: str) -> None:
        """Rows for which `keep_sql` is false may be removed in the background; '' = none.

        DuckDB SQL over the stored columns, `_tp_sn` and `_tp_append_time`; `{now_ms}` stands for
        the instant. It is not kept over a restart: the catalog says it again.
        """
        with self._lock:
            if keep_sql:
                self._keep_sql[stream_id] = keep_sql
            else:
                self._keep_sql.pop(stream_id, None)

    def keep_sql(self, stream_id: str) -> str:
        """What `set_ttl` said of a stream; '' = nothing."""
        with self._lock:
            return self._keep_sql.get(stream_id, "")

    # -- reading

    def listen(self, callback: Listener) -> Subscription:
        """Call `callback` with every commit after the subscription's position, in order, on the
        writer's thread; durable commits only. It must be quick and must not wait for the log."""
        with self._lock:
            self._listeners = (*self._listeners, callback)
            return Subscription(self._position, lambda: self._unlisten(callback))

    def _unlisten(self, callback: Listener) -> None:
        with self._lock:
            self._listeners = tuple(c for c in self._listeners if c is not callback)

    def view(self, stream_id: str, from_sn: int = 0) -> TableView:
        """Every durable row of a stream from a number on; empty for one that has none."""
        with self._lock:
            found = self._history.of(stream_id)
            first = max(from_sn, found.min_sn)
            entries = [f for f in found.files if f.last_sn >= first]
            paths, lease = self._history.lease(stream_id, entries)
            hot = tuple(self._tails.slices(stream_id, first))
            next_sn = int(hot[-1].sn[-1]) + 1 if hot else max(found.next_sn, found.min_sn)
            if entries:
                first = max(first, entries[0].first_sn)
            elif hot:
                first = int(hot[0].sn[0])
        rows = sum(f.rows for f in entries) + sum(s.rows.num_rows for s in hot)
        return TableView(stream_id, paths, hot, rows, min(first, next_sn), next_sn, lease)

    def read(
        self,
        stream_id: str,
        from_sn: int = 0,
        from_time_ms: int | None = None,
        batch_rows: int = 10_000,
    ) -> SliceReader:
        """The past of a stream in order, from a number or from the first append with a row of
        `_tp_time` at or after an instant; appends are never split. Iterating blocks on the disk.

        It ends when it has caught up. To go on live without gap or double: `listen` first and
        hold back, read to the end, then take from the live slices what is `cut_slice(part,
        reader.next_sn)`.
        """
        if from_time_ms is not None:
            from_sn = max(from_sn, self.sn_at(stream_id, from_time_ms))
        return SliceReader(lambda sn: self.view(stream_id, sn), from_sn, batch_rows)

    def sn_at(self, stream_id: str, time_ms: int) -> int:
        """Number of the first append with a row of `_tp_time` at or after an instant; the next
        number to be given when there is none. Blocks on the disk."""
        with self._lock:
            entries = list(self._history.of(stream_id).files)
            view = self.view(stream_id)
        with view.lease:
            for path, entry in zip(view.files, entries, strict=True):
                if entry.max_time_ms is not None and entry.max_time_ms >= time_ms:
                    found = first_sn_at(path, time_ms)
                    if found is not None:
                        return found
        for part in view.hot:
            numbers = np.repeat(part.sn, np.diff(part.borders))
            found = first_sn_of(part.rows.column(TP_TIME), numbers, time_ms)
            if found is not None:
                return found
        return view.next_sn

    def removed_sn(self, stream_id: str) -> int:
        """Above all appends of which rows were removed by TTL, DELETE or TRUNCATE."""
        with self._lock:
            found = self._history.of(stream_id)
            return max(found.min_sn, found.removed_sn)

    def next_sn(self, stream_id: str) -> int:
        """The number that the next append of a stream gets."""
        return self._log.next_sn(stream_id)

    def commits(self, from_position: int) -> Iterable[Commit]:
        """Commits of the past with their notes; the caller holds a pin. Blocks on the disk."""
        return self._log.commits(from_position)

    def stats(self, stream_id: str, history_days: int = 0) -> StreamStats:
        """Rows, bytes, event times and rates of a stream. May take some milliseconds."""
        now = self._clock.now_ms()
        with self._lock, self.view(stream_id) as view:
            entries = list(self._history.of(stream_id).files)
        recent, points = self._rates.rates(stream_id, now, history_days)
        earliest, latest = event_times(view.hot, entries)
        return StreamStats(
            row_count=view.row_count,
            streaming_data_bytes=self._log.bytes_of(stream_id),
            historical_data_bytes=sum(f.bytes for f in entries),
            earliest_event_ms=earliest,
            latest_event_ms=latest,
            read_bps=recent.read_bps,
            read_eps=recent.read_eps,
            written_bps=recent.written_bps,
            written_eps=recent.written_eps,
            history=points,
            degraded=self.degraded(stream_id),
            ttl_error=self._maintenance.ttl_errors.get(stream_id, ""),
        )

    def count_read(self, stream_id: str, rows: int, nbytes: int) -> None:
        """A query read rows of a stream; for its rates."""
        self._rates.read(stream_id, self._clock.now_ms(), rows, nbytes)

    def count_written(self, stream_id: str, rows: int, nbytes: int) -> None:
        """Rows went into an external object; for its rates."""
        self._rates.written(stream_id, self._clock.now_ms(), rows, nbytes)

    def degraded(self, stream_id: str) -> tuple[tuple[int, int], ...]:
        """Ranges of sequence numbers whose rows cannot be read any more, both ends included."""
        with self._lock:
            return tuple(self._history.of(stream_id).degraded)

    @property
    def recovery(self) -> Recovery:
        """What opening found."""
        return self._log.recovery

    @property
    def history_folder(self) -> Path:
        """Where the Parquet files lie, one folder per stream."""
        return self._history.folder

    def refusal(self) -> str:
        """Why writes are refused now (disk full, read-only), '' when they are accepted."""
        return self._log.reason

    def log_bytes(self) -> int:
        """Bytes of the log's segments."""
        return self._log.nbytes

    @property
    def position(self) -> int:
        """Position of the last commit that views show."""
        return self._position

    def counters(self) -> dict[str, float]:
        """Figures for metrics, by name."""
        log, found = self._log.counters, self._log.recovery
        return {
            **{f"log_{name}": value for name, value in asdict(log).items()},
            "log_callback_errors": log.callback_errors + self.listener_errors,
            "log_cut_bytes": found.cut_bytes,
            "log_quarantined": len(found.quarantined),
            "log_lost_commits": sum(b - a + 1 for a, b in found.lost_commits),
            "hot_bytes": self._tails.nbytes,
            "history_bytes": self._history.nbytes(),
            **self._maintenance.counters(),
        }

    def pin(self, owner: str, pin: Pin) -> None:
        """Keep the commits from a position on for an owner; replaces its earlier pin."""
        self._log.pin(owner, pin)

    def unpin(self, owner: str) -> None:
        """The owner needs nothing any more."""
        self._log.unpin(owner)

    def pinned(self, owner: str) -> bool:
        """False after the owner's pin lapsed or was taken back."""
        return self._log.pinned(owner)

    # -- what the background work asks; the names are those of `engine.maintenance.Sealable`

    def seal_now(self) -> None:
        """Move everything hot into history and wait for it."""
        self._maintenance.run_now(self._maintenance.seal)

    def compact_now(self) -> None:
        """Join small files until there is nothing to join, remove what nobody reads; waits."""

        def work() -> None:
            while self._maintenance.compact():
                pass
            self._history.collect()

        self._maintenance.run_now(work)

    def delete_rows(self, stream_id: str, gone_sql: str) -> None:
        """Remove the rows that a stream has now and for which SQL as of `set_ttl` holds; blocks."""
        before = self.next_sn(stream_id)
        keep = f'NOT coalesce(({gone_sql})::BOOLEAN, false) OR "{TP_SN}" >= {before}'
        self._maintenance.run_now(lambda: self._maintenance.delete(stream_id, keep))

    def expire_now(self) -> None:
        """Apply the TTL of all streams now and wait for it."""
        self._maintenance.run_now(self._maintenance.expire)

    def note_reads(self) -> None:
        """Put into the log what queries read since the last time, if it takes it."""
        data = self._rates.unsaved()
        if data is not None:
            with contextlib.suppress(TailraceError):
                self.submit([Note(RATES_KIND, data)], lambda _: None)

    def freeze(self) -> SealJob | None:
        """Set aside what is hot, between two commits."""
        if self._log.sync_failed or not self._hot_commits:
            return None
        taken: list[SealJob] = []
        done = threading.Event()

        def take() -> None:
            try:
                taken.append(self._take())
            finally:
                done.set()

        self._log.between(take)
        done.wait()
        if not taken:
            return None
        try:
            taken[0].state[_IDS] = self._log.write_ids()
        except OSError:
            self.thaw()
            raise
        return taken[0]

    def _take(self) -> SealJob:
        state = {kind: keeper.snapshot() for kind, keeper in self._keepers.items()}
        self._log.freeze_ids()
        with self._lock:
            self._gone.clear()
            self._hot_commits = 0
            slices = self._tails.freeze()
        log = self._log
        return SealJob(log.position, log.instant_ms, slices, log.next_sns(), state)

    def sealed(self, job: SealJob, files: Files) -> None:
        """Show a job's files, drop what was set aside, let the log go up to it."""
        with self._lock:
            self._history.adopt(job, files, self._gone)
            self._tails.finish()
        self._log.adopt_ids()
        self._log.release(job.position)

    def thaw(self) -> None:
        """Sealing failed: what was set aside is hot again."""
        with self._lock:
            self._hot_commits += 1
            self._tails.thaw()

    def is_hot(self, stream_id: str) -> bool:
        """Whether rows of a stream are not in history yet."""
        with self._lock:
            return bool(self._tails.slices(stream_id, 0))

    def keep_filters(self) -> dict[str, str]:
        """`keep_sql` of every stream that has a TTL."""
        with self._lock:
            return dict(self._keep_sql)

    def _apply(self, commit: Commit) -> None:
        """A durable commit: at the start on the opening thread, then on the writer's."""
        for note in commit.notes:
            keeper = self._keepers.get(note.kind)
            if keeper is not None:
                self._guarded(keeper.apply, note, commit)
        with self._lock:
            for part in commit.slices:
                # With a manifest made from the files, the log may hold what is in them.
                known = 0 if self._open else self._history.of(part.stream_id).next_sn
                rest = cut_slice(part, known)
                if rest is not None:
                    size = self._tails.add(rest)
                    rows = rest.rows.num_rows
                    self._rates.written(rest.stream_id, commit.instant_ms, rows, size)
            for note in commit.notes:
                self._apply_own(note)
            self._position = commit.position
            self._hot_commits += 1
            listeners = self._listeners
            tidy = self._tails.due
        for listener in listeners:
            self._guarded(listener, commit)
        if tidy and not self._open:
            self._tidy(1 + len(commit.slices))
        elif tidy:
            with contextlib.suppress(EngineUnavailable):  # the log closes
                joins = 1 + len(commit.slices) // _SLICES_PER_JOIN
                self._log.between(lambda: self._tidy(joins))  # who waits for this commit is first
        if self._open and self._should_seal():
            self._maintenance.want_seal()

    def _guarded(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except Exception:  # noqa: BLE001 - one listener's error is not the others'
            _log.exception("a listener of the storage failed")
            self.listener_errors += 1

    def _apply_own(self, note: Note) -> None:
        if note.kind == DROP:
            stream_id = note.data.decode()
            self._gone.add(stream_id)
            self._history.drop(stream_id)
            self._rates.drop(stream_id)
            self._keep_sql.pop(stream_id, None)
            self._tails.drop(stream_id)
        elif note.kind == TRUNCATE:
            truncation = read_truncation(note)
            self._history.truncate(truncation.stream_id, truncation.before_sn)
            self._tails.cut(truncation.stream_id, truncation.before_sn)

    def _tidy(self, joins_max: int) -> None:
        with self._lock:
            self._tails.tidy(joins_max)

    def _should_seal(self) -> bool:
        bounds, live = self._settings, self._tails.live_bytes
        return self._hot_commits >= bounds.seal_commits or live >= bounds.seal_bytes
