"""Takes checkpoints of kept queries: collected on the flow thread, written on another."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.captures import Late
from engine.checkpoints import MANIFESTS_KEPT, BaseWanted, Checkpoint, CheckpointStore
from engine.clock import Clock
from engine.errors import Code, QueryFailed, TailraceError
from engine.flow import Flow
from engine.needs import NOBODY_SN
from engine.replay import GIVEN, Resume, resumed
from engine.sql.settings import number_setting
from engine.start_answers import AnswerFiles
from engine.stepbook import Kept, StepBook
from engine.stepwriter import StepWriter

INTERVAL_MS_DEFAULT: Final = 5_000
INTERVAL_MS_MIN: Final = 100
# How often it is looked for checkpoints that are due.
_LOOK_SECONDS: Final = 0.1
# How long a checkpoint waits for its steps to be in the log.
_SETTLE_SECONDS: Final = 30.0
# Looks at all queries that are to read what is about to be removed, about five seconds.
_CATCH_UP_LOOKS: Final = 50
# Checkpoints that wait for the reader to have their rows; beyond it they are let go.
_HELD_MAX: Final = 8
# Steps of one query that no checkpoint holds, about 30 MB; a checkpoint comes every few thousand.
STEPS_MAX: Final = 200_000
# Answers of outside calls among them; they are held in memory until three checkpoints are later.
ANSWER_BYTES_MAX: Final = 256 << 20
_log = logging.getLogger("tailrace.engine")


def interval_ms(settings: Mapping[str, str]) -> int:
    """The setting checkpoint_interval, in seconds, as milliseconds; SqlError 36 for a bad one."""
    seconds = number_setting(dict(settings), "checkpoint_interval", INTERVAL_MS_DEFAULT // 1000)
    return max(seconds * 1000, INTERVAL_MS_MIN)


def _every() -> int:
    """All rows are where they belong as soon as the steps are in the log."""
    return 1 << 62


@dataclass(slots=True)
class _Watched:
    """A kept query that runs."""

    writer: StepWriter
    interval_ms: int
    delivered: Callable[[], int]
    due: float
    step: int = -1  # of the last checkpoint that was collected
    full: bool = True  # what was collected before is lost, or nothing was
    past_done: int = 0  # checkpoints that were written since the past is read
    late: Late | None = None  # what is being collected: its step waits for an outside call
    # `Checkpoint.needs` of the last that was collected, and of the last that was written; None =
    # there was none since the query was started.
    collected: Mapping[str, int] | None = None
    needs: Mapping[str, int] | None = None
    asked: bool = False  # its needs are to be known: a checkpoint of the same step will do
    held: deque[Checkpoint] = field(default_factory=deque[Checkpoint])
    lock: threading.Lock = field(default_factory=threading.Lock)


class Checkpointer:
    """`watch`, `stop` and `forget` may be called from any thread; the last two block."""

    def __init__(
        self,
        store: CheckpointStore,
        answers: AnswerFiles,
        flow: Flow,
        book: StepBook,
        clock: Clock,
    ) -> None:
        self.store = store
        self.answers = answers
        answers.sweep([job.id for kind in ("view", "subscription") for job in book.jobs(kind)])
        self._flow = flow
        self.book = book
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._kept: dict[str, deque[int]] = {}  # steps of the manifests that are kept, by query
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._loop, name="checkpoints", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; blocks while a checkpoint is being written."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def resume(self, kept: Kept | None) -> Resume | None:
        """How a query goes on from what is kept of it; None of a new one. Blocks on the disk."""
        return None if kept is None else resumed(kept, self.store.newest(kept.job.id))

    def watch(
        self,
        query_id: str,
        writer: StepWriter,
        interval_ms: int,
        *,
        restored: int = -1,
        delivered: Callable[[], int] = _every,
    ) -> None:
        """Take checkpoints of a query that runs. `restored`: the step of the checkpoint that it
        goes on from. `delivered`: rows that its reader has; a checkpoint waits for its rows."""
        interval_ms = max(interval_ms, INTERVAL_MS_MIN)
        due = self._clock.monotonic() + interval_ms / 1000
        watched = _Watched(writer, interval_ms, delivered, due, restored, restored < 0)
        with self._lock:
            self._watched[query_id] = watched
            if restored >= 0:
                self._kept.setdefault(query_id, deque((restored,), MANIFESTS_KEPT))

    def stop(self, query_id: str) -> None:
        """Stop a query at its last step, with a checkpoint of it. Never raises."""
        with self._lock:
            watched = self._watched.pop(query_id, None)
        if watched is None:
            self._flow.halt(query_id)
            return
        with watched.lock:
            self._fetch(watched, give_up=True)
            full = watched.full or self.store.wants_base(query_id)
            found = self._flow.halt(query_id, full=full)
            if found is not None and found.step > watched.step:
                watched.held.append(found)
            self._write(query_id, watched)

    def forget(self, query_id: str) -> None:
        """Delete all checkpoints of a query. Blocks on the disk; a failure is logged."""
        with self._lock:
            self._watched.pop(query_id, None)
            self._kept.pop(query_id, None)
        self.answers.forget(query_id)
        try:
            self.store.forget(query_id)
        except OSError as error:
            _log.error("the checkpoints of %s cannot be deleted: %s", query_id, error.strerror)

    def _loop(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Take the checkpoints that are due and can be had; a query whose outside call is under
        way keeps none of the others waiting."""
        now = self._clock.monotonic()
        with self._lock:
            due = [(i, w) for i, w in self._watched.items() if w.due <= now or w.held or w.late]
        for query_id, watched in due:
            try:
                self.take(query_id, watched, collect=watched.due <= now)
            except Exception:  # noqa: BLE001 - the others' checkpoints go on
                _log.exception("no checkpoint of query %s could be taken", query_id)
                watched.full = True
                watched.due = now + watched.interval_ms / 1000

    def watched(self) -> set[str]:
        """The queries of which checkpoints are taken."""
        with self._lock:
            return set(self._watched)

    def _readers(self, stream_id: str) -> dict[str, _Watched]:
        """The kept queries that read a stream."""
        reading = sorted(self._flow.columns_read(stream_id))
        with self._lock:
            return {each: self._watched[each] for each in reading if each in self._watched}

    def needed_sn(self, stream_id: str) -> int:
        """The first append of a stream that a recovery of a query that runs would read, from the
        newest checkpoint of each; beyond all appends when there is none."""
        needs = [watched.needs for watched in self._readers(stream_id).values()]
        found = (0 if each is None else each.get(stream_id, NOBODY_SN) for each in needs)
        return min(found, default=NOBODY_SN)

    def want(self, stream_id: str) -> None:
        """Take checkpoints of those who read a stream at the next look."""
        for watched in self._readers(stream_id).values():
            watched.asked, watched.due = True, self._clock.monotonic()

    def before_removal(self, stream_id: str) -> None:
        """Rows of a stream are about to be removed: checkpoint those who read it, which no later
        recovery then reads again. Blocks until they have read what is there, or for a while."""
        readers = self._readers(stream_id)
        for _ in range(_CATCH_UP_LOOKS):
            if not any(map(self._flow.behind, readers)) or self._closed.wait(_LOOK_SECONDS):
                break
        self._take_all(readers)
        for _ in range(int(self._flow.patience / _LOOK_SECONDS)):
            if not any(each.late for each in readers.values()) or self._closed.wait(_LOOK_SECONDS):
                break
            self._take_all(readers, collect=False)

    def _take_all(self, readers: Mapping[str, _Watched], *, collect: bool = True) -> None:
        for query_id, watched in readers.items():
            try:
                self.take(query_id, watched, collect=collect)
            except (OSError, TailraceError) as error:
                _log.error("no checkpoint of query %s before rows go: %s", query_id, error)

    def take_now(self, query_id: str) -> None:
        """Take a checkpoint of a query, for tests and planned pauses."""
        with self._lock:
            watched = self._watched.get(query_id)
        if watched is not None:
            self.take(query_id, watched, collect=True)

    def take(self, query_id: str, watched: _Watched, *, collect: bool) -> None:
        """Begin to collect a checkpoint if one is due, and write those that are collected and whose
        rows are where they belong."""
        with watched.lock:
            self._fetch(watched)
            if collect:
                watched.due = self._clock.monotonic() + watched.interval_ms / 1000
                self._collect(query_id, watched)
                self._check(query_id, watched)
            self._fetch(watched)
            self._write(query_id, watched)

    def _check(self, query_id: str, watched: _Watched) -> None:
        """A query without checkpoints must not fill the memory with its steps."""
        if self.book.count(query_id) > STEPS_MAX:
            message = (
                f"more than {STEPS_MAX} steps were done since the last checkpoint that could be "
                "kept: the server's log says why."
            )
            watched.writer.refuse(QueryFailed(message, Code.MEMORY_LIMIT))
        elif self.book.answer_bytes(query_id) > ANSWER_BYTES_MAX:
            message = (
                f"more than {ANSWER_BYTES_MAX >> 20} MiB of answers of outside functions came "
                "since the last checkpoints: use a shorter checkpoint_interval."
            )
            watched.writer.refuse(QueryFailed(message, Code.MEMORY_LIMIT))

    def _collect(self, query_id: str, watched: _Watched) -> None:
        if watched.late is not None:  # it has not come to rest since the last time
            return
        if len(watched.held) >= _HELD_MAX:
            watched.held.clear()
            watched.full = True
        full = watched.full or (not watched.held and self.store.wants_base(query_id))
        known = watched.collected
        since = watched.step - (watched.asked and known is None and watched.step >= 0)
        watched.asked = False
        with contextlib.suppress(TailraceError):  # the flow is closed
            watched.late = self._flow.capture(query_id, since, full=full, needs=known)

    def _fetch(self, watched: _Watched, *, give_up: bool = False) -> None:
        """Take what was collected; with `give_up` it is not collected any more later."""
        late = watched.late
        if late is None or not (late.done or give_up):
            return
        watched.late = None
        if late.wait(0.0) and late.found is not None:
            watched.held.append(late.found)
            watched.step, watched.collected = late.found.step, late.found.needs
            watched.full = False

    def _write(self, query_id: str, watched: _Watched) -> None:
        delivered = watched.delivered()
        while watched.held and int(watched.held[0].notes.get(GIVEN, 0)) <= delivered:
            found = watched.held.popleft()
            if watched.writer.written < found.step:
                watched.writer.settle(_SETTLE_SECONDS)
            try:
                if watched.writer.written < found.step:
                    raise BaseWanted
                self.store.write(query_id, found)
            except (OSError, BaseWanted) as error:
                _log.error("a checkpoint of query %s was not written: %r", query_id, error)
                watched.held.clear()
                watched.full = True
                return
            watched.needs = found.needs
            past_done = all(source.past_done for source in found.sources)
            watched.past_done += past_done
            if watched.past_done == MANIFESTS_KEPT:
                self.answers.past_done(query_id)
            self._trim(query_id, found.step)

    def _trim(self, query_id: str, step: int) -> None:
        with self._lock:
            kept = self._kept.setdefault(query_id, deque(maxlen=MANIFESTS_KEPT))
            kept.append(step)
            oldest = kept[0] if len(kept) == MANIFESTS_KEPT else -1
        if oldest >= 0:
            self.book.trim(query_id, oldest + 1)
