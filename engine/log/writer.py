"""The one thread that writes a log: takes what waits, one frame, one fdatasync, then answers."""

from __future__ import annotations

import errno
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.clock import Clock
from engine.errors import EngineUnavailable, Overloaded, StorageFull, TailraceError, UserError
from engine.log import frame
from engine.log.codec import CommitCodec, Encoded
from engine.log.files import FileSystem
from engine.log.records import Commit, Done, Listener, Outcome, Receipt
from engine.log.schemas import SchemaStore
from engine.log.segment import ActiveSegment, ClosedSegment, SegmentName
from engine.log.sequence import Draft, Sequencer, Submission
from engine.log.settings import LogSettings

_log = logging.getLogger(__name__)

FULL = "The disk is full: writes are refused until there is room again; reading goes on."
READ_ONLY = (
    "The log cannot be synced to disk: it is read-only until the engine process is restarted."
)
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
CLOSED = "The log is closed: the engine is stopping."


@dataclass(frozen=True, slots=True)
class WriterParts:
    """What a writer works with."""

    folder: Path
    clock: Clock
    settings: LogSettings
    fs: FileSystem
    codec: CommitCodec
    schemas: SchemaStore


@dataclass(slots=True)
class WriterCounters:
    """What the writer did, for metrics."""

    commits: int = 0
    appends: int = 0
    rows: int = 0
    bytes_written: int = 0
    syncs: int = 0
    sync_seconds: float = 0.0
    refused: int = 0
    callback_errors: int = 0


class LogWriter:
    """Group commit. `submit` may be called from any thread and never blocks on the disk."""

    def __init__(
        self,
        parts: WriterParts,
        sequencer: Sequencer,
        position: int,
        instant_ms: int,
        on_commit: Listener,
    ) -> None:
        self._parts = parts
        self._sequencer = sequencer
        self._position = position
        self._instant_ms = instant_ms
        self._on_commit = on_commit
        self._active: ActiveSegment | None = None
        self._closed: list[ClosedSegment] = []
        self._wake = threading.Condition()
        self._waiting: deque[Submission | Callable[[], None]] = deque()
        self._waiting_bytes = 0
        self._stopping = False
        self._failed = False
        self._full = False
        self._space_checked = -1e9
        self.counters = WriterCounters()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def start(self, closed: list[ClosedSegment], *, failed: bool) -> None:
        """Begin to write after the closed segments; `failed` starts it read-only."""
        self._closed = closed
        self._failed = failed
        self._thread.start()

    def submit(self, submission: Submission) -> None:
        """Queue records. Raises Overloaded or StorageFull; `done` is not called then."""
        settings = self._parts.settings
        refusal = self._refusal()
        if refusal is not None and self._may_pass(submission):
            refusal = None
        with self._wake:
            if self._stopping:
                raise EngineUnavailable(CLOSED)
            if (
                refusal is None
                and self._waiting
                and (
                    self._waiting_bytes + submission.nbytes > settings.waiting_bytes_max
                    or len(self._waiting) >= settings.waiting_count_max
                )
            ):
                refusal = Overloaded("Too many rows wait to be written; send them again later.")
            if refusal is not None:
                self.counters.refused += 1
                raise refusal
            self._waiting.append(submission)
            self._waiting_bytes += submission.nbytes
            self._wake.notify()

    def between(self, action: Callable[[], None]) -> None:
        """Run `action` on the writer's thread between two commits; it must be quick."""
        with self._wake:
            if self._stopping:
                raise EngineUnavailable(CLOSED)
            self._waiting.append(action)
            self._wake.notify()

    def close(self) -> None:
        """Write what waits, close the segment, end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def position(self) -> int:
        """Position of the last durable commit."""
        return self._position

    @property
    def instant_ms(self) -> int:
        """Instant of the last durable commit."""
        return self._instant_ms

    @property
    def failed(self) -> bool:
        """A sync failed: read-only until the log is opened again."""
        return self._failed

    @property
    def reason(self) -> str:
        """Why writes are refused, '' when they are not."""
        refusal = self._refusal()
        return "" if refusal is None else refusal.message

    def segments(self) -> tuple[list[ClosedSegment], ActiveSegment | None]:
        """Closed segments in order and the one written to; the latter only for looking."""
        with self._wake:
            return list(self._closed), self._active

    def forget(self, gone: list[ClosedSegment]) -> None:
        """Segments were deleted."""
        names = {s.name for s in gone}
        with self._wake:
            self._closed = [s for s in self._closed if s.name not in names]

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._stopping:
                    self._wake.wait()
                if not self._waiting:
                    break
                group, action = self._take()
            try:
                if group:
                    self._commit(group)
                if action is not None:
                    action()
            except Exception:  # noqa: BLE001 - the only writer must outlive any action
                _log.exception("the log's writer met an error")
                self.counters.callback_errors += 1
        try:
            self._close_active()
        except OSError:
            _log.error("the last segment is left as it is; the next start closes it")

    def _take(self) -> tuple[list[Submission], Callable[[], None] | None]:
        """What fits into one commit, up to the next action; called with the lock held."""
        settings = self._parts.settings
        group: list[Submission] = []
        nbytes = appends = 0
        while self._waiting:
            item = self._waiting[0]
            if not isinstance(item, Submission):
                self._waiting.popleft()
                return group, item
            nbytes += item.nbytes
            appends += item.appends
            if group and (
                nbytes > settings.commit_bytes_max or appends > settings.commit_appends_max
            ):
                break
            group.append(item)
            self._waiting.popleft()
            self._waiting_bytes -= item.nbytes
        return group, None

    def _commit(self, group: list[Submission]) -> None:
        """One group, whole or not at all; every `done` of it is called."""
        error = self._refusal()
        if error is not None:
            self._refuse([s for s in group if not self._may_pass(s)], error)
            group = [s for s in group if self._may_pass(s)]
            if not group:
                return
        instant_ms = max(self._parts.clock.now_ms(), self._instant_ms)
        try:
            draft = self._sequencer.draft(group, instant_ms)
            commit = Commit(self._position + 1, instant_ms, draft.slices, tuple(draft.notes))
            if not draft.empty:
                self._write(commit, draft)
        except OSError as failure:
            self._refuse(group, self._failure(failure))
            return
        except Exception as failure:  # noqa: BLE001 - records that cannot be encoded
            self._apart(group, failure)
            return
        if not draft.empty:
            try:
                self._confirm(draft, commit)
            except Exception:  # noqa: BLE001 - whatever it is, the log must stop  # noqa: BLE001 - the only writer must outlive any action
                # It is durable but nothing here knows of it: going on would give its position and
                # its numbers again. The next start reads it.
                _log.exception("a commit that is durable cannot be taken over")
                self._failed = True
                self._refuse(group, StorageFull(READ_ONLY))
                return
        self._answer(draft)

    def _confirm(self, draft: Draft, commit: Commit) -> None:
        self._sequencer.confirm(draft)
        self._position = commit.position
        self._instant_ms = commit.instant_ms
        self._count(draft)
        self._on_commit(commit)

    def _apart(self, group: list[Submission], failure: Exception) -> None:
        """One submission of a group is not fit to be written: the others shall not suffer."""
        if len(group) > 1:
            for submission in group:
                self._commit([submission])
            return
        _log.error("a submission cannot be written", exc_info=failure)
        self._refuse(group, UserError("The rows cannot be written to the log as they are."))

    def _write(self, commit: Commit, draft: Draft) -> None:
        parts = self._parts
        encoded = parts.codec.encode(commit, draft.ids)
        active = self._segment(commit.position, len(encoded.body))
        data = frame.encode(frame.COMMIT, commit.position, encoded.body, active.name.salt)
        parts.fs.hit("log.write")
        self._put(active, data)
        parts.fs.hit("log.written")
        self._sync(active)
        parts.fs.hit("log.synced")
        parts.codec.before = encoded.touched
        self._advance(active, len(data), commit, encoded)

    def _put(self, active: ActiveSegment, data: bytes) -> None:
        try:
            active.write(data)
        except OSError:
            try:
                active.cut_back()
            except OSError:
                self._failed = True  # half a record stays where the next one would begin
            raise

    def _advance(self, active: ActiveSegment, size: int, commit: Commit, encoded: Encoded) -> None:
        with self._wake:
            active.advance(size, commit.position, commit.instant_ms, encoded)
        self.counters.bytes_written += size

    def _sync(self, active: ActiveSegment) -> None:
        began = self._parts.clock.monotonic()
        try:
            active.sync()
        except OSError as failure:
            # After a failed sync the kernel may have dropped the pages and say success next time:
            # never again in this process. What was not acknowledged is removed as well as it goes.
            self._failed = True
            _log.error("the log cannot be synced (%s): it is read-only now", failure.strerror)
            try:
                active.cut_back()
                active.sync()
            except OSError:
                _log.error("what follows the last acknowledged record could not be removed")
            raise
        self.counters.syncs += 1
        self.counters.sync_seconds += self._parts.clock.monotonic() - began

    def _segment(self, position: int, size: int) -> ActiveSegment:
        """The segment for a commit; a full one is closed and followed by a new one."""
        parts = self._parts
        active = self._active
        room = parts.settings.segment_bytes
        if active is not None and (
            active.held.last_position < active.name.first_position or active.end + size <= room
        ):
            return active
        if active is not None:
            self._close_active()
        salt = parts.clock.seed() & 0xFFFFFFFF
        name = SegmentName.of(parts.folder, position, salt)
        created = ActiveSegment.create(name, max(room, size + 4096), parts.fs)
        with self._wake:
            self._active = created
        return created

    def _close_active(self) -> None:
        active = self._active
        if active is None:
            return
        if self._failed:
            active.abandon()
            return
        parts = self._parts
        if active.held.last_position < active.name.first_position:
            active.abandon()
            parts.fs.remove(active.name.path)
            with self._wake:
                self._active = None
            return
        try:
            closed = active.close(parts.schemas)
        except OSError as failure:
            _log.error("a segment cannot be closed: %s", failure.strerror)
            self._failed = not self._reopened(active, failure)
            raise
        with self._wake:
            self._closed.append(closed)
            self._active = None

    def _reopened(self, active: ActiveSegment, failure: OSError) -> bool:
        """Whether a segment that found no room for its footer is as it was before."""
        if failure.errno not in _NO_ROOM:
            return False
        try:
            active.cut_back()
            active.sync()
        except OSError:
            return False
        return True

    def _failure(self, failure: OSError) -> TailraceError:
        if self._failed:
            return StorageFull(READ_ONLY)
        if failure.errno in _NO_ROOM:
            self._full = True
            return StorageFull(FULL)
        _log.error("the log cannot be written: %s", failure.strerror)
        self._failed = True
        return StorageFull(READ_ONLY)

    def _refusal(self) -> TailraceError | None:
        """Why nothing may be written now; looks at the free space now and then."""
        if self._failed:
            return StorageFull(READ_ONLY)
        now = self._parts.clock.monotonic()
        settings = self._parts.settings
        if abs(now - self._space_checked) >= settings.free_check_seconds:
            self._space_checked = now
            self._check_space()
        return StorageFull(FULL) if self._full else None

    def _may_pass(self, submission: Submission) -> bool:
        """Notes alone may use the room that is left on a full disk: DROP is what makes more."""
        return submission.appends == 0 and not self._failed

    def _check_space(self) -> None:
        settings = self._parts.settings
        try:
            space = self._parts.fs.space(self._parts.folder)
        except OSError:
            return
        stop = max(int(space.total * settings.free_stop_fraction), settings.free_stop_bytes)
        # Well above the stop mark, so that writing does not flap at it.
        resume = max(int(space.total * settings.free_resume_fraction), 2 * settings.free_stop_bytes)
        if self._full and space.free >= resume:
            self._full = False
            _log.warning("there is room on the disk again: writes are accepted")
        elif not self._full and space.free < stop:
            self._full = True
            _log.error("the disk is nearly full: writes are refused")

    def _count(self, draft: Draft) -> None:
        self.counters.commits += 1
        for piece in draft.slices:
            self.counters.appends += piece.appends
            self.counters.rows += piece.rows.num_rows

    def _answer(self, draft: Draft) -> None:
        for done, receipts in draft.accepted:
            self._call(done, Receipt(self._position, draft.instant_ms, receipts))
        for done, error in draft.refused:
            self._call(done, error)

    def _refuse(self, group: list[Submission], error: TailraceError) -> None:
        self.counters.refused += len(group)
        for submission in group:
            self._call(submission.done, error)

    def _call(self, done: Done, outcome: Outcome) -> None:
        try:
            done(outcome)
        except Exception:  # noqa: BLE001 - one waiter's error is not the others'
            _log.exception("an answer of the log could not be delivered")
            self.counters.callback_errors += 1
