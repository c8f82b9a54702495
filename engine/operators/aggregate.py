"""Global aggregate: groups over everything that came, sent under an emit policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s
from engine.batch import ROW_APPEND, Batch
from engine.emit import Ticks, Versions, policy_of
from engine.operators.ages import Ages
from engine.operators.gather import Whole
from engine.operators.group_pages import GroupPages
from engine.operators.groups import Changed, Groups, Layout, merge_per_append
from engine.operators.operator import Budget, Context
from engine.operators.partials import PartialRows, PartialStatement
from engine.operators.sent import Sent
from engine.operators.statement import append_numbers, borders_of
from engine.ordering import distinct, lex_order, stable_order
from engine.spill import Mode, Spill
from engine.sql.logical import Aggregate as Node
from engine.state import StateSize
from engine.stateparts import Fields, Parts, Saved


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows of an emission, in order of the arrival of their groups."""

    arrays: list[pa.Array]
    arrival: Int64s
    weights: Int64s


class Aggregate(Saved):
    """GROUP BY without a window; without keys there is one group from the first row on.

    Over a changelog a group whose rows were all taken back is gone, but not without keys and not
    in a substream. With PARTITION BY an emission of all groups has those of the substreams to
    which rows came.
    """

    done = False

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        self.name = "Aggregate"
        self._policy = policy_of(node.emit, windowed=False)
        self._repeat = node.emit.repeat
        self._per_append = self._policy.at == "append"
        by = (ROW_APPEND,) if self._per_append else ()
        extra = {ROW_APPEND: pa.int32()} if self._per_append else None
        self._partials = PartialStatement(context, source, node, by, extra)
        self._groups = Groups(node, self._partials.key_types)
        self._layout = Layout(node)
        self.schema = self._layout.schema
        self._weighted = bool(node.alive)
        self._lasting = not node.keys or bool(node.partition)
        self._parted = bool(node.partition)
        self._noting = self._policy.send == "changed" or self._weighted or self._parted
        self._ticks = Ticks(context.start.instant_ms, node.emit.interval_ms)
        self._versions = Versions()
        self._changed = Changed()
        self._ages = Ages(node.emit.state_ttl_ms)
        self._whole = Whole()
        accumulators = self._groups.accumulators
        spills = accumulators.spills and not self._ages.ttl_ms
        mode: Mode = "whole" if self._weighted else "replace"
        if accumulators.folds and not self._per_append:
            mode = "fold"
        self._pages = GroupPages(self._groups, self._changed, mode)
        self._spill = Spill(context.spill if spills else None, self._pages, mode)
        self._budget = Budget(context)
        self._past = context.start.rewinds
        self._new = False
        self._rows = 0
        self._state = Parts(
            {
                "partials": self._partials,
                "groups": self._groups,
                "ticks": self._ticks,
                "versions": self._versions,
                "changed": self._changed,
                "ages": self._ages,
                "whole": self._whole,
                "pages": self._pages,
                "spill": self._spill,
                "own": Fields(self, "_past", "_new", "_rows"),
            }
        )

    # -- input ------------------------------------------------------------------------------

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Merge the batch into the groups; ON UPDATE sends what each append changed."""
        whole = self._whole.take(batch) if self._per_append else batch
        if whole is None or not whole.num_rows:
            return []
        self._expire(whole.instant_ms)
        if not self._per_append:
            self._take(whole)
            return []
        if self._groups.sent is None or self._past:
            return self._update(whole)
        made: list[Batch] = []
        for each in _appends(whole):
            self._take(each)
            made += self._send(self._changed.take(), whole.instant_ms)
        return made

    def _assign(self, batch: Batch) -> tuple[PartialRows, Int64s, int] | None:
        """The batch's partials, the slot of each, and the arrival number of its first row."""
        extra = (append_numbers(batch.borders),) if self._per_append else ()
        rows = self._partials.run(batch.rows, batch.instant_ms, extra)
        base, self._rows = self._rows, self._rows + batch.num_rows
        if not rows.count:
            return None
        self._spill.touch(rows.hashes)
        slots = self._groups.assign(rows, base)
        self._ages.touch(slots, batch.instant_ms, self._groups.keys.table.capacity)
        if not self._new:
            self._new = True
            self._ticks.wanted_from(batch.instant_ms)
        self._budget.check(self.held())
        return rows, slots, base

    def _expire(self, instant_ms: int) -> None:
        """Forget groups without rows for the setting's time; none that has still to be sent."""
        pending = self._new and not self._per_append
        if self._ages.ttl_ms and not pending and not self._past:
            self._groups.free(self._ages.expired(instant_ms))

    def _take(self, batch: Batch) -> None:
        """Merge without sending; the rows of one append, or of any number if nobody asks."""
        found = self._assign(batch)
        if found is None:
            return
        rows, slots, _ = found
        if self._noting:
            self._changed.add(slots, self._groups.keys.table.live)
        accumulators = self._groups.accumulators
        accumulators.merge(slots, accumulators.lanes(rows.partials))

    def _update(self, batch: Batch) -> list[Batch]:
        found = self._assign(batch)
        if found is None:
            return []
        rows, slots, base = found
        groups = self._groups
        accumulators = groups.accumulators
        appends = rows.by[ROW_APPEND]
        lanes = merge_per_append(accumulators, slots, appends, accumulators.lanes(rows.partials))
        if self._past:
            self._changed.add(slots, groups.keys.table.live)
            return []
        arrival = groups.arrival[slots]
        kept = np.arange(len(slots))
        if self._weighted and not self._lasting:
            left = groups.left_of(lanes)
            self._return(slots, appends, left, arrival, base + rows.first)
            kept = np.flatnonzero(left)
        order = kept[lex_order((arrival[kept], appends[kept]))]
        sent, numbers = np.unique(appends[order], return_inverse=True)
        first = self._versions.take(len(sent))
        arrays = groups.keys.arrays(slots[order])
        arrays += accumulators.arrays([lane.take(order) for lane in lanes])
        made = self._layout.rows(arrays, first + numbers)
        self._bury(slots)
        if not len(order):
            return []
        return [Batch(made, batch.instant_ms, borders_of(numbers, len(sent)))]

    def _return(
        self, slots: Int64s, appends: Int64s, left: Bools, arrival: Int64s, came: Int64s
    ) -> None:
        """A group that was gone and comes again inside a batch has come then."""
        gone = set(slots[~left].tolist())
        rows = [row for row in stable_order(appends) if int(slots[row]) in gone]
        away: set[int] = set()
        for row in rows:
            slot = int(slots[row])
            if not left[row]:
                away.add(slot)
                continue
            if slot in away:
                away.discard(slot)
                self._groups.arrival[slot] = came[row]
            arrival[row] = self._groups.arrival[slot]

    # -- output -----------------------------------------------------------------------------

    def _bury(self, slots: Int64s) -> None:
        """Forget those of these groups of which nothing is left."""
        if not self._weighted:
            return
        empty = distinct(self._groups.empty(slots))
        if not self._lasting:
            self._ages.forget(empty)
        if self._lasting:
            self._groups.accumulators.clear(empty)
            self._groups.keys.table.touch(empty)
        else:
            self._groups.free(empty)

    def _send(self, slots: Int64s, instant_ms: int) -> list[Batch]:
        """One emission of these groups, in order of arrival."""
        return self._emission([self._piece(slots)], instant_ms)

    def _emission(self, pieces: Sequence[_Piece], instant_ms: int) -> list[Batch]:
        """One emission of groups that are ordered within each piece."""
        self._new = False
        pieces = [piece for piece in pieces if len(piece.arrival)]
        if not pieces:
            return []
        arrays, last = pieces[0].arrays, pieces[0].weights
        if len(pieces) > 1:
            order = stable_order(np.concatenate([p.arrival for p in pieces]))
            columns = zip(*(p.arrays for p in pieces), strict=True)
            arrays = [pa.concat_arrays(each).take(pa.array(order)) for each in columns]
            last = np.concatenate([p.weights for p in pieces])[order]
        if self._groups.sent is None:
            last = np.full(len(last), self._versions.take(1), np.int64)
        rows = self._layout.rows(arrays, last)
        return [Batch(rows, instant_ms, np.array([0, rows.num_rows]))]

    def _piece(self, slots: Int64s) -> _Piece:
        if self._groups.sent is not None:
            return self._changes(slots, self._groups.sent)
        if not self._lasting:
            slots = slots[self._groups.alive(slots)]
        ordered = slots[stable_order(self._groups.arrival[slots])]
        accumulators = self._groups.accumulators
        arrays = self._groups.keys.arrays(ordered)
        arrays += accumulators.arrays(accumulators.capture(ordered))
        return _Piece(arrays, self._groups.arrival[ordered], np.ones(len(ordered), np.int64))

    def _changes(self, slots: Int64s, sent: Sent) -> _Piece:
        """Of each group the row that was sent last with -1, then the new one with +1."""
        groups = self._groups
        ordered = slots[stable_order(groups.arrival[slots])]
        old = np.flatnonzero(sent.there(ordered))
        alive = np.ones(len(ordered), np.bool_) if self._lasting else groups.alive(ordered)
        new = np.flatnonzero(alive)
        lanes = groups.accumulators.capture(ordered[new])
        before = [*groups.keys.arrays(ordered[old]), *sent.arrays(ordered[old])]
        after = [*groups.keys.arrays(ordered[new]), *groups.accumulators.arrays(lanes)]
        place = stable_order(np.concatenate((2 * old, 2 * new + 1)))
        arrays = [
            pa.concat_arrays([a, b]).take(pa.array(place))
            for a, b in zip(before, after, strict=True)
        ]
        weights = np.repeat(np.array([-1, 1]), (len(old), len(new)))[place]
        arrival = groups.arrival[ordered][np.concatenate((old, new))[place]]
        sent.put(ordered[new], lanes)
        sent.forget(ordered[~alive])
        self._groups.keys.table.touch(ordered)
        self._bury(ordered)
        return _Piece(arrays, arrival, weights)

    def _send_due(self, instant_ms: int) -> list[Batch]:
        """The groups of the next emission, those on disk piece by piece."""
        substreams = self._changed_parts()
        visit = self._spill.visit(changing=self._noting)
        pieces = [self._piece(self._due(slots, substreams)) for slots in visit]
        self._pages.parts_changed = []
        return self._emission(pieces, instant_ms)

    def _changed_parts(self) -> Int64s:
        """The substreams with changed groups, if anybody asks."""
        if not self._parted or self._repeat or self._policy.send == "changed":
            return np.zeros(0, np.int64)
        here = distinct(self._groups.part[self._changed.peek()])
        return np.union1d(here, self._pages.parts_changed).astype(np.int64)

    def _due(self, slots: Int64s, substreams: Int64s) -> Int64s:
        """Those of these groups, to which all notes belong, that the next emission has; those that
        are gone are forgotten."""
        if not self._noting:
            return slots
        changed = self._changed.take()
        if self._groups.sent is not None:
            return changed
        self._bury(changed)
        slots = slots[self._groups.keys.table.holds(slots)]
        if self._policy.send == "changed":
            return slots[np.isin(slots, changed)] if self._weighted else changed
        if self._parted and not self._repeat:
            return slots[np.isin(self._groups.part[slots], substreams)]
        return slots

    def backfilled(self, port: int, instant_ms: int) -> list[Batch]:
        """ON UPDATE: what the past changed is one emission. Others wait for their tick."""
        self._past = False
        if self._per_append and self._new:
            return self._send_due(instant_ms)
        if self._new:
            self._ticks.wanted_from(instant_ms)
        return []

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """The last result, if rows came since the last emission."""
        return self._send_due(instant_ms) if self._new or self._per_append else []

    def tick(self, instant_ms: int) -> list[Batch]:
        """PERIODIC: only if new rows came, unless REPEAT."""
        if self._past or self._per_append or not (self._new or self._repeat):
            return []
        if not self._ticks.passed(instant_ms):
            return []
        # As of the tick, however late it is run: an aggregation above takes it into the same one.
        return self._send_due(self._ticks.last_ms)

    # -- timers and upkeep ------------------------------------------------------------------

    def due_ms(self) -> int | None:
        """The next tick, while there is something to send."""
        if self._past or self._per_append or not (self._new or self._repeat):
            return None
        return self._ticks.next_ms

    def held(self) -> StateSize:
        """The groups, those on disk with them."""
        return self._groups.size() + self._spill.size

    def close(self) -> None:
        """Free the plan."""
        self._partials.close()


def _appends(batch: Batch) -> list[Batch]:
    """The appends of a batch one by one, those without rows left out."""
    pairs = zip(batch.borders[:-1].tolist(), batch.borders[1:].tolist(), strict=True)
    return [
        Batch(batch.rows.slice(low, high - low), batch.instant_ms, np.array([0, high - low]))
        for low, high in pairs
        if high > low
    ]
