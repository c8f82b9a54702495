"""Steps become durable in order, each with its rows, whatever the log refuses in between."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pytest

from engine.calls import Answer
from engine.errors import Overloaded, StorageFull, TailraceError, UserError
from engine.log.records import Append, Commit, Done, Note, Receipt, Record
from engine.stepbook import NOTE_KIND, Entry, Job, StepBook, note_of
from engine.steps import StartRecord, StepRecord
from engine.stepwriter import QUIET_MAX, StepWriter

START = StartRecord("q", 0, 1, ())


class Log:
    """Takes submissions; `answer` says how each ends, None = it stays under way."""

    def __init__(self) -> None:
        self.book = StepBook()
        self.appends: list[int] = []
        self.submitted = 0
        self.under_way: tuple[list[Record], Done] | None = None
        self.refusals: list[TailraceError] = []
        self.raising: list[TailraceError] = []

    def submit(self, records: Iterable[Record], done: Done) -> None:
        self.submitted += 1
        if self.raising:
            raise self.raising.pop(0)
        assert self.under_way is None, "one at a time"
        self.under_way = list(records), done

    def commit(self) -> None:
        """End what is under way."""
        assert self.under_way is not None
        (records, done), self.under_way = self.under_way, None
        if self.refusals:
            done(self.refusals.pop(0))
            return
        commit = Commit(1, 0, (), ())
        for record in records:
            if isinstance(record, Append):
                self.appends += record.rows.column(0).to_pylist()
            else:
                assert record.kind == NOTE_KIND
                self.book.apply(record, commit)
        done(Receipt(1, 0, ()))

    def run(self) -> None:
        """End everything."""
        while self.under_way is not None:
            self.commit()


def step(number: int, given: int = 0) -> StepRecord:
    return StepRecord(number, number, "tick", given=given)


def rows(value: int) -> tuple[Append, ...]:
    return (Append.single("t", pa.record_batch({"v": [value]})),)


@pytest.fixture
def log() -> Log:
    return Log()


def writer(log: Log, failures: list[TailraceError] | None = None) -> StepWriter:
    made = StepWriter("q", log.submit, (failures if failures is not None else []).append)
    made.begin(Job("q", "view", START))
    return made


def test_what_comes_while_a_submission_is_under_way_goes_into_the_next(log: Log) -> None:
    made = writer(log)
    for number in range(4):
        made.add(step(number, 1), rows(number))
    assert log.submitted == 1
    log.run()
    assert log.appends == [0, 1, 2, 3] and log.submitted == 2
    kept = log.book.get("q")
    assert kept is not None
    assert [s.number for s in kept.steps] == [0, 1, 2, 3]
    assert (kept.next_number, kept.given, made.written) == (4, 4, 3)


def test_steps_without_rows_wait_for_one_with_rows(log: Log) -> None:
    made = writer(log)
    made.add(step(0))
    made.add(step(1))
    assert log.submitted == 0
    made.add(step(2, 1), rows(7))
    log.run()
    kept = log.book.get("q")
    assert kept is not None and len(kept.steps) == 3 and log.submitted == 1


def test_quiet_steps_do_not_wait_for_ever(log: Log) -> None:
    made = writer(log)
    for number in range(QUIET_MAX):
        made.add(step(number))
    assert log.submitted == 1


def test_answers_of_outside_calls_count_as_what_waits(log: Log) -> None:
    made = writer(log)
    made.flush()
    answer = Answer(bytes(6 << 20))
    for number in range(3):
        assert not made.full
        made.add(StepRecord(number, number, "tick", answers=(answer,)))
    assert made.full
    log.commit()  # the job begins
    log.commit()  # two of the answers
    assert not made.full and made.written == 1
    log.run()
    assert made.written == 2


@pytest.mark.parametrize("refusal", [Overloaded("busy"), StorageFull("full")])
def test_what_is_refused_for_a_while_is_written_later_in_its_order(
    log: Log, refusal: TailraceError
) -> None:
    made = writer(log)
    log.refusals = [refusal]
    made.add(step(0, 1), rows(0))
    made.add(step(1, 1), rows(1))
    log.run()
    assert log.appends == []
    log.raising = [refusal]
    made.flush()
    assert not made.settle(0)
    log.run()
    made.flush()
    log.run()
    assert log.appends == [0, 1] and made.written == 1


def test_what_can_never_be_written_is_told_once(log: Log) -> None:
    failures: list[TailraceError] = []
    made = writer(log, failures)
    log.refusals = [UserError("the stream is gone")]
    made.add(step(0, 1), rows(0))
    log.run()
    made.add(step(1, 1), rows(1))
    assert [f.message for f in failures] == ["the stream is gone"]
    assert log.under_way is None and log.appends == []


def test_the_book_survives_its_snapshot_and_forgets(log: Log) -> None:
    made = writer(log)
    made.add(step(0, 2), rows(1))
    log.run()
    made.deliver(2)
    log.run()
    again = StepBook()
    again.restore(log.book.snapshot())
    kept = again.get("q")
    assert kept is not None and (kept.delivered, kept.given) == (2, 2)
    commit = Commit(2, 0, (), ())
    again.apply(note_of(Entry("q", steps=(step(0, 9), step(1, 1)))), commit)  # 0 is known
    assert again.count("q") == 2
    again.trim("q", 1)
    assert again.count("q") == 1
    again.apply(note_of(Entry("q", gone=True)), commit)
    assert again.get("q") is None
    assert isinstance(note_of(Entry("q")), Note)
