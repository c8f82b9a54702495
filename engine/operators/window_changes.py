"""EMIT CHANGELOG of windows: the row of a group sent last is taken back before the new one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s
from engine.operators.cells import Cells
from engine.operators.sent import SentWindows
from engine.operators.window_output import ReadyRows, WindowRows
from engine.ordering import lex_order


@dataclass(frozen=True, slots=True)
class _Steps:
    """Rows by slot and append: the first and last of each slot, and whether a row stands before
    and after each."""

    first: Bools
    last: Bools
    before: Bools
    after: Bools


def _steps(slots: Int64s, after: Bools, sent: SentWindows) -> _Steps:
    first = np.ones(len(slots), np.bool_)
    first[1:] = slots[1:] != slots[:-1]
    last = np.ones(len(slots), np.bool_)
    last[:-1] = first[1:]
    before = sent.there(slots)
    before[1:] = np.where(first[1:], before[1:], after[:-1])
    return _Steps(first, last, before, after)


def window_changes(rows: WindowRows, slots: Int64s, cells: Cells, alive: int) -> ReadyRows:
    """What is taken back and added of these groups, given by slot as they are after each append.

    `alive`: which partial counts the rows that are left; -1 = a group is never gone. What was
    added last of each group stands from then on. Pairs are in order of the rows, -1 first.
    """
    sent = cells.sent
    assert sent is not None
    order = lex_order((rows.appends, slots))
    slots = slots[order]
    lanes = [lane.take(order) for lane in rows.lanes]
    keys, appends, arrival = rows.keys[order], rows.appends[order], rows.arrival[order]
    starts, ends = rows.starts[order], rows.ends[order]
    after = np.ones(len(slots), np.bool_) if alive < 0 else lanes[alive].values > 0
    steps = _steps(slots, after, sent)
    stored = np.flatnonzero(steps.first & steps.before)
    passing = np.flatnonzero(~steps.first & steps.before)
    added = np.flatnonzero(after)
    at = np.concatenate((stored, passing, added))
    shown = np.concatenate((passing - 1, added))
    weights = np.repeat(np.array([-1, 1]), (len(stored) + len(passing), len(added)))
    place = lex_order((weights, arrival[at], starts[at], ends[at], appends[at]))
    values = cells.accumulators.arrays([lane.take(shown) for lane in lanes])
    arrays = [
        *cells.keys.arrays(keys[at][place]),
        *(
            pa.concat_arrays([old, new]).take(pa.array(place))
            for old, new in zip(sent.arrays(slots[stored]), values, strict=True)
        ),
    ]
    old_starts, old_ends = sent.bounds(slots[stored])
    made = ReadyRows(
        arrays,
        appends[at][place],
        np.concatenate((old_ends, ends[shown]))[place],
        np.concatenate((old_starts, starts[shown]))[place],
        arrival[at][place],
        weights[place],
    )
    kept = np.flatnonzero(steps.last & after)
    sent.put(slots[kept], [lane.take(kept) for lane in lanes])
    sent.put_bounds(slots[kept], starts[kept], ends[kept])
    sent.forget(slots[steps.last & ~after])
    cells.table.touch(slots)
    return made
