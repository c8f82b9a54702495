"""Writes the steps of one kept query to the log, each with what it appended, in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from engine.errors import EngineUnavailable, Overloaded, StorageFull, TailraceError
from engine.log.records import Append, Done, Outcome, Record
from engine.stepbook import Entry, Job, note_of
from engine.steps import StepRecord

# Steps that gave nothing out wait for one that does, but no more of them than this.
QUIET_MAX: Final = 256
# Rows and answers of outside calls that wait for the log; beyond it the query pauses.
WAITING_BYTES_MAX: Final = 16 << 20
WAITING_STEPS_MAX: Final = 4_096
# Rows of one submission.
GROUP_BYTES_MAX: Final = 8 << 20

Submit = Callable[[Iterable[Record], Done], None]


@dataclass(slots=True)
class _Item:
    step: StepRecord | None = None
    begun: Job | None = None
    delivered: int = -1
    appends: tuple[Append, ...] = ()
    nbytes: int = 0


def _nothing() -> None:
    """Nobody waits."""


class StepWriter:
    """One submission is under way at a time, so that steps become durable in their order.

    `add`, `flush` and the rest may be called from any thread and never block on the disk, but
    `settle`. `failed` is called once, with the error of a submission that will never succeed.
    """

    def __init__(
        self, job_id: str, submit: Submit, failed: Callable[[TailraceError], None]
    ) -> None:
        self._id = job_id
        self._submit_records = submit
        self._failed = failed
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._waiting: deque[_Item] = deque()
        self._bytes = 0
        self._under_way: list[_Item] = []
        self._error: TailraceError | None = None
        self._stuck = False
        self._waits: list[tuple[int, Callable[[object], None]]] = []
        self.wake: Callable[[], None] = _nothing
        self.written = -1  # the last step that is durable

    @property
    def full(self) -> bool:
        """Whether more waits than should."""
        return self._bytes > WAITING_BYTES_MAX or len(self._waiting) > WAITING_STEPS_MAX

    @property
    def busy(self) -> bool:
        """Whether something waits or is under way."""
        return bool(self._waiting or self._under_way)

    def begin(self, job: Job) -> None:
        """The job begins, anew if it was there."""
        self._put(_Item(begun=job))

    def add(self, step: StepRecord, appends: tuple[Append, ...] = ()) -> None:
        """A step is done; what it appended goes into the same commit."""
        nbytes = sum(a.nbytes for a in appends) + sum(len(a.body) for a in step.answers)
        self._put(_Item(step, appends=appends, nbytes=nbytes))
        if appends or step.given or len(self._waiting) >= QUIET_MAX:
            self.flush()

    def deliver(self, rows: int) -> None:
        """The reader has so many rows of all that were given out."""
        self._put(_Item(delivered=rows))
        self.flush()

    def _put(self, item: _Item) -> None:
        with self._lock:
            self._waiting.append(item)
            self._bytes += item.nbytes

    def when_written(self, number: int, done: Callable[[object], None]) -> None:
        """Call it when a step is durable, or when it will never be; from any thread."""
        with self._lock:
            if self._error is None and self.written < number:
                self._waits.append((number, done))
                return
        done(None)

    def flush(self) -> None:
        """Write what waits as soon as the submission under way is durable."""
        with self._lock:
            if self._under_way or self._error is not None or not self._waiting:
                return
            nbytes = 0
            while self._waiting and (not self._under_way or nbytes < GROUP_BYTES_MAX):
                item = self._waiting.popleft()
                nbytes += item.nbytes
                self._under_way.append(item)
            records = self._records(self._under_way)
            self._stuck = False
        try:
            self._submit_records(records, self._done)
        except TailraceError as error:
            self._done(error)

    def _records(self, items: list[_Item]) -> list[Record]:
        records: list[Record] = []
        steps: list[StepRecord] = []
        for item in items:
            if item.begun is not None:
                records.append(note_of(Entry(self._id, begun=item.begun)))
            if item.step is not None:
                steps.append(item.step)
            records.extend(item.appends)
        delivered = max(item.delivered for item in items)
        if steps or delivered >= 0:
            records.append(note_of(Entry(self._id, steps=tuple(steps), delivered=delivered)))
        return records

    def _done(self, outcome: Outcome) -> None:
        again = False
        with self._lock:
            items, self._under_way = self._under_way, []
            if isinstance(outcome, Overloaded | StorageFull | EngineUnavailable):
                self._waiting.extendleft(reversed(items))
                self._stuck = True
            elif isinstance(outcome, TailraceError):
                self._error = outcome
            else:
                self._bytes -= sum(item.nbytes for item in items)
                numbers = [item.step.number for item in items if item.step is not None]
                self.written = max([self.written, *numbers])
                again = bool(self._waiting)
            self._idle.notify_all()
            due = [w for w in self._waits if self._error is not None or w[0] <= self.written]
            self._waits = [w for w in self._waits if w not in due]
        for _, done in due:
            done(None)
        if isinstance(outcome, TailraceError):
            if self._error is not None:
                self._failed(self._error)
            return
        self.wake()
        if again:
            self.flush()

    def refuse(self, error: TailraceError) -> None:
        """Nothing more is written; the query is told why."""
        with self._lock:
            first, self._error = self._error is None, self._error or error
            self._idle.notify_all()
            due, self._waits = self._waits, []
        for _, done in due:
            done(None)
        if first:
            self._failed(error)

    def settle(self, seconds: float) -> bool:
        """Write what waits and wait until it is durable; False when that took too long."""
        self.flush()
        with self._lock:
            return self._idle.wait_for(
                lambda: (
                    self._error is not None or self._stuck or not (self._waiting or self._under_way)
                ),
                seconds,
            ) and not (self._waiting or self._under_way)
