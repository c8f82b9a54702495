"""Watermarks of a windowed FROM item: one per substream, moved once per append."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.ordering import lex_order, stable_order
from engine.stateparts import Arrays, Fields, Parts, Saved

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BEGINNING = -(1 << 62)  # no event yet; far enough from both ends for a delay to be taken off


@dataclass(frozen=True, slots=True)
class Moves:
    """Watermarks that moved: in append `append` that of `substream` came to `mark`.

    In order of substream, then append; within a substream marks grow.
    """

    append: Int64s
    substream: Int64s
    mark: Int64s

    def append_that_closed(self, substreams: Int64s, ends: Int64s) -> Int64s:
        """For each (substream, window end) the first append after which the mark reached it."""
        if not len(self.append):
            return np.zeros(len(ends), np.int64)
        levels = np.unique(np.concatenate((self.mark, ends)))
        width = len(levels) + 1
        known = self.substream * width + np.searchsorted(levels, self.mark)
        asked = substreams * width + np.searchsorted(levels, ends)
        return self.append[np.searchsorted(known, asked, "left")]


NO_MOVES = Moves(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))


class Watermarks(Saved):
    """The maxima and marks of all substreams (substream 0 alone without PARTITION BY).

    `floor` rounds times down to where windows can end; the delay is taken off before.
    """

    def __init__(self, floor: Callable[[Int64s], Int64s], delay: int = 0) -> None:
        self._floor = floor
        self._delay = delay
        self._maximum = np.full(1, BEGINNING, np.int64)
        self._mark = np.full(1, BEGINNING, np.int64)
        self._pending = np.full(1, BEGINNING, np.int64)  # maxima of an append not yet complete
        self._waiting = False
        arrays = Arrays(self._arrays, self._load, BEGINNING)
        self._state = Parts({"arrays": arrays, "own": Fields(self, "_waiting")})

    def _arrays(self) -> list[Int64s]:
        return [self._maximum, self._mark, self._pending]

    def _load(self, arrays: list[Int64s]) -> None:
        self._maximum, self._mark, self._pending = arrays

    @property
    def marks(self) -> Int64s:
        """The mark of every substream."""
        return self._mark

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        return 3 * self._mark.nbytes

    def grow(self, substreams: int) -> None:
        """Make room for substreams below this number."""
        have = len(self._mark)
        if substreams > have:
            more = np.full(max(substreams, 2 * have) - have, BEGINNING, np.int64)
            self._maximum = np.concatenate((self._maximum, more))
            self._mark = np.concatenate((self._mark, more))
            self._pending = np.concatenate((self._pending, more))

    def observe(
        self, times: Int64s, borders: Int64s, *, continues: bool, newest: Int64s | None = None
    ) -> tuple[Bools, Moves]:
        """See a batch of one substream: which rows are late, and how the mark moved.

        Every row is tested against the mark that the appends before its own left.
        `continues`: the last append goes on in the next batch and moves the mark only then.
        `newest`: times by append that count as well, of rows that are gone.
        """
        marks = self._marks_after(times, borders, newest, continues=continues)
        before = np.concatenate((self._mark[:1], marks[:-1]))
        if len(before) == 1:
            late = times < before[0]
        else:
            late = times < np.repeat(before, np.diff(borders))
        moved = np.flatnonzero(marks > before)
        self._mark[0] = marks[-1]
        return late, Moves(moved, np.zeros(len(moved), np.int64), marks[moved])

    def _marks_after(
        self, times: Int64s, borders: Int64s, newest: Int64s | None, *, continues: bool
    ) -> Int64s:
        """The mark of the only substream after each append."""
        filled = np.flatnonzero(np.diff(borders) > 0)
        highest = np.full(len(borders) - 1, BEGINNING, np.int64)
        if len(filled):
            highest[filled] = np.maximum.reduceat(times, borders[filled])
        if newest is not None:
            highest = np.maximum(highest, newest)
        if self._waiting:
            highest[0] = max(highest[0], self._pending[0])
            self._pending[0] = BEGINNING
        self._waiting = continues
        if continues:
            self._pending[0] = highest[-1]
            highest[-1] = BEGINNING
        highest[0] = max(highest[0], self._maximum[0])
        highest = np.maximum.accumulate(highest)
        self._maximum[0] = highest[-1]
        return np.maximum(self._marks_of(highest), self._mark[0])

    def _marks_of(self, maxima: Int64s) -> Int64s:
        begun = maxima > BEGINNING
        marks = np.full(len(maxima), BEGINNING, np.int64)
        marks[begun] = self._floor(maxima[begun] - self._delay)
        return marks

    def observe_substreams(
        self, times: Int64s, substreams: Int64s, borders: Int64s, *, continues: bool
    ) -> tuple[Bools, Moves]:
        """The same with a substream per row; `grow` was called for all of them."""
        count = len(times)
        appends = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
        if self._waiting:
            # The earlier slices of the first append stand for their substreams' maxima.
            at = np.flatnonzero(self._pending > BEGINNING)
            times = np.concatenate((times, self._pending[at]))
            substreams = np.concatenate((substreams, at))
            appends = np.concatenate((appends, np.zeros(len(at), np.int64)))
            self._pending[at] = BEGINNING
        self._waiting = continues
        if not len(times):
            return np.zeros(0, np.bool_), NO_MOVES
        order = lex_order((appends, substreams))
        sub, append, time = substreams[order], appends[order], times[order]
        first = np.ones(len(times), np.bool_)  # of a run of one (substream, append)
        first[1:] = (sub[1:] != sub[:-1]) | (append[1:] != append[:-1])
        starts = np.flatnonzero(first)
        run_sub, run_append = sub[starts], append[starts]
        highest = np.maximum.reduceat(time, starts)
        if continues:
            unfinished = run_append == len(borders) - 2
            self._pending[run_sub[unfinished]] = highest[unfinished]
            highest[unfinished] = BEGINNING
        before, after = self._run_marks(run_sub, highest)
        late = np.zeros(len(times), np.bool_)
        late[order] = time < before[np.cumsum(first) - 1]
        moved = np.flatnonzero(after > before)
        return late[:count], Moves(run_append[moved], run_sub[moved], after[moved])

    def _run_marks(self, sub: Int64s, highest: Int64s) -> tuple[Int64s, Int64s]:
        """Marks before and after each run of rows of one substream and append."""
        head = np.ones(len(sub), np.bool_)
        head[1:] = sub[1:] != sub[:-1]
        highest = np.where(head, np.maximum(highest, self._maximum[sub]), highest)
        highest = _running_maximum(highest, head)
        after = np.maximum(self._marks_of(highest), self._mark[sub])
        before = np.where(head, self._mark[sub], np.roll(after, 1))
        tail = np.flatnonzero(np.append(head[1:], True))
        self._maximum[sub[tail]] = highest[tail]
        self._mark[sub[tail]] = after[tail]
        return before, after

    def track(self, times: Int64s, substreams: Int64s | None) -> None:
        """See rows of the past: maxima grow, no mark moves, nothing is late."""
        if not len(times):
            return
        if substreams is None:
            self._maximum[0] = max(self._maximum[0], int(times.max()))
        else:
            np.maximum.at(self._maximum, substreams, times)

    def apply(self) -> Moves:
        """Move every mark to where its maximum says (append 0)."""
        marks = np.maximum(self._marks_of(self._maximum), self._mark)
        moved = np.flatnonzero(marks > self._mark)
        self._mark = marks
        return Moves(np.zeros(len(moved), np.int64), moved, marks[moved])

    def advance(self, substreams: Int64s, marks: Int64s) -> Moves:
        """Move some marks at least so far, such as on a timeout (append 0)."""
        ahead = marks > self._mark[substreams]
        at = substreams[ahead]
        self._mark[at] = marks[ahead]
        order = stable_order(at)
        return Moves(np.zeros(len(at), np.int64), at[order], marks[ahead][order])


def _running_maximum(values: Int64s, head: Bools) -> Int64s:
    """Running maximum that begins anew at each head."""
    levels, rank = np.unique(values, return_inverse=True)
    segment = np.cumsum(head) - 1
    keyed = segment * len(levels) + rank
    return levels[np.maximum.accumulate(keyed) - segment * len(levels)]
