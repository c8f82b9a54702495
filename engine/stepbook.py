"""The book of kept queries: how each began, its recorded steps, what its reader has; a keeper.

Every entry is a note of kind "steps" in the commit log, in one commit with what the step appended.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

import msgspec

from engine.log.records import Commit, Note
from engine.protocol import Caller
from engine.start_answers import KeptAnswers
from engine.steps import StartRecord, StepRecord

NOTE_KIND = "steps"


class Job(msgspec.Struct, frozen=True):
    """A query whose steps are kept: a materialized view or a SUBSCRIBE.

    `sql`: of a subscription the SELECT; a view's is in its definition. `once`: what it read once
    at its start, bounded sources and sets in the order of `runner.bounded_queries`, snapshots in
    that of `snapshots.snapshots_of`. `epoch`: of a view, which of its queries this is. `texts`: of
    a subscription `Planner.texts` at its start.
    """

    id: str
    kind: Literal["view", "subscription"]
    start: StartRecord
    sql: str = ""
    caller: Caller = Caller()
    created_ms: int = 0
    once: KeptAnswers = KeptAnswers()
    epoch: int = 0
    texts: dict[str, int] = {}


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of the book. `begun`: the job begins, anew if it was there; `steps` of `id` were
    done; the reader of `id` has `delivered` rows; `gone`: `id` is forgotten."""

    id: str
    begun: Job | None = None
    steps: tuple[StepRecord, ...] = ()
    delivered: int = -1
    gone: bool = False


class Kept(msgspec.Struct):
    """What is known of a job. `steps` in order, those before the oldest checkpoint left out.

    `given`: rows given out by all steps so far, `left_out`: rows that these did not take,
    `delivered`: rows that its reader has.
    """

    job: Job
    steps: list[StepRecord] = []
    next_number: int = 0
    given: int = 0
    delivered: int = 0
    left_out: int = 0


class _State(msgspec.Struct):
    jobs: dict[str, Kept] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def note_of(entry: Entry) -> Note:
    """The log's note for a change."""
    return Note(NOTE_KIND, _encode(entry))


class StepBook:
    """A `storage.Keeper`; reads are safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = _State()

    def restore(self, data: bytes) -> None:
        """Begin with a snapshot."""
        with self._lock:
            self._state = msgspec.msgpack.decode(data, type=_State)

    def apply(self, note: Note, commit: Commit) -> None:
        """A durable change; on the log's writer thread."""
        entry = _decode(note.data)
        with self._lock:
            self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        jobs = self._state.jobs
        if entry.gone:
            jobs.pop(entry.id, None)
            return
        if entry.begun is not None:
            jobs[entry.id] = Kept(entry.begun)
        kept = jobs.get(entry.id)
        if kept is None:
            return
        for step in entry.steps:
            if step.number >= kept.next_number:
                kept.steps.append(step)
                kept.next_number = step.number + 1
                kept.given += step.given
                kept.left_out += len(step.left_out)
        kept.delivered = max(kept.delivered, entry.delivered)

    def snapshot(self) -> bytes:
        """The state after everything applied so far."""
        with self._lock:
            return _encode(self._state)

    def get(self, job_id: str) -> Kept | None:
        """A copy of what is known of a job; None if there is none."""
        with self._lock:
            kept = self._state.jobs.get(job_id)
            return None if kept is None else msgspec.structs.replace(kept, steps=list(kept.steps))

    def jobs(self, kind: str) -> Sequence[Job]:
        """All jobs of a kind, in the order in which they began."""
        with self._lock:
            return [k.job for k in self._state.jobs.values() if k.job.kind == kind]

    def left_out(self, job_id: str) -> int:
        """How many rows the steps of a job did not take."""
        with self._lock:
            kept = self._state.jobs.get(job_id)
            return 0 if kept is None else kept.left_out

    def count(self, job_id: str) -> int:
        """How many steps are held of a job."""
        with self._lock:
            kept = self._state.jobs.get(job_id)
            return 0 if kept is None else len(kept.steps)

    def answer_bytes(self, job_id: str) -> int:
        """Bytes of answers of outside calls that are held of a job."""
        with self._lock:
            kept = self._state.jobs.get(job_id)
            steps = [] if kept is None else kept.steps
            return sum(len(answer.body) for step in steps for answer in step.answers)

    def trim(self, job_id: str, number: int) -> None:
        """Steps below a number are in every checkpoint that is kept."""
        with self._lock:
            kept = self._state.jobs.get(job_id)
            if kept is not None and kept.steps and kept.steps[0].number < number:
                kept.steps = [s for s in kept.steps if s.number >= number]
