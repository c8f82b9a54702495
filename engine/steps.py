"""Records of steps: what a step of a query read, when, and what it gave out."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.calls import Answer

# begin: before the first row. rows: appends of a stream. made: rows of a generator or a bounded
# source. past: the past of a source is read. end: a source has no more rows. tick: timers.
# skip: appends that are not there any more are passed by, as somebody decided.
StepKind = Literal["begin", "rows", "made", "past", "end", "tick", "skip"]


class SourceStart(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where one scan of a query begins.

    `first_sn`: the first append it reads. `accepted_sn`: the next append of the stream when the
    query was accepted; what lies before is the past, which is read as back-fill. `removed_sn`:
    `Storage.removed_sn` at that time. `stream_id`: which stream that was, '' = it was not noted.
    """

    first_sn: int
    accepted_sn: int
    removed_sn: int = 0
    stream_id: str = ""


class StartRecord(msgspec.Struct, frozen=True, array_like=True):
    """What is read once when a query starts. `rewinds`: window results wait for the past."""

    query_id: str
    instant_ms: int
    seed: int
    sources: tuple[SourceStart, ...]
    rewinds: bool = False


class StepRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One step: a function of the state before it and of what is named here.

    `source` is the number of the graph's leaf. Of "rows": appends `from_sn` <= sn < `to_sn` (an
    append that `continues` in a later step is not passed by `to_sn`), `rows` of them as they were
    read. Of "made": so many `rows` were made. `given`: rows that the query gave out. `answers`: of
    its outside calls, in their order. `left_out`: numbers of the rows at which the query failed
    and that it did not take.
    """

    number: int
    instant_ms: int
    kind: StepKind
    source: int = -1
    from_sn: int = 0
    to_sn: int = 0
    rows: int = 0
    backfill: bool = False
    continues: bool = False
    given: int = 0
    answers: tuple[Answer, ...] = ()
    left_out: tuple[int, ...] = ()


def with_left_out(record: StepRecord, rows: tuple[int, ...]) -> StepRecord:
    """A step that did not take some of its rows."""
    return msgspec.structs.replace(record, left_out=rows)


class Journal:
    """The step that is under way, and the number of the next."""

    __slots__ = ("_given", "_what", "number", "total")

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.total = 0  # rows that all steps gave out
        self._given = 0
        self._what = StepRecord(0, 0, "begin")

    def now(self, what: StepRecord) -> None:
        """A step begins; its number, instant and `given` are filled in when it is done."""
        self._what = what

    def gave(self, rows: int) -> None:
        """The query gave out rows."""
        self._given += rows

    def done(self, instant_ms: int, answers: tuple[Answer, ...] = ()) -> StepRecord:
        """The step is over."""
        record = msgspec.structs.replace(
            self._what,
            number=self.number,
            instant_ms=instant_ms,
            given=self._given,
            answers=answers,
        )
        self.total += self._given
        self._given = 0
        self.number += 1
        return record
