"""Global aggregate: groups over everything that came, sent under an emit policy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s
from engine.batch import ROW_APPEND, Batch
from engine.emit import Ticks, Versions, policy_of
from engine.operators.gather import Whole
from engine.operators.groups import Changed, Groups, Layout, merge_per_append
from engine.operators.operator import Budget, Context
from engine.operators.partials import PartialRows, PartialStatement
from engine.operators.statement import append_numbers, borders_of
from engine.sql.logical import Aggregate as Node
from engine.state import StateSize


class Aggregate:
    """GROUP BY without a window; without keys there is one group from the first row on."""

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
        self._ticks = Ticks(context.start.instant_ms, node.emit.interval_ms)
        self._versions = Versions()
        self._changed = Changed()
        self._whole = Whole()
        self._budget = Budget(context.start)
        self._past = context.start.rewinds
        self._new = False
        self._rows = 0

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Merge the batch into the groups; ON UPDATE sends what each append changed."""
        whole = self._whole.take(batch) if self._per_append else batch
        if whole is None or not whole.num_rows:
            return []
        extra = (append_numbers(whole.borders),) if self._per_append else ()
        rows = self._partials.run(whole.rows, whole.instant_ms, extra)
        base, self._rows = self._rows, self._rows + whole.num_rows
        if not rows.count:
            return []
        slots = self._groups.assign(rows, base)
        if not self._new:
            self._new = True
            self._ticks.wanted_from(whole.instant_ms)
        self._budget.check(self.held())
        if self._per_append:
            return self._update(whole, rows, slots)
        if self._policy.send == "changed":
            self._changed.add(slots, self._groups.keys.table.live)
        accumulators = self._groups.accumulators
        accumulators.merge(slots, accumulators.lanes(rows.partials))
        return []

    def _update(self, batch: Batch, rows: PartialRows, slots: Int64s) -> list[Batch]:
        accumulators = self._groups.accumulators
        appends = rows.by[ROW_APPEND]
        lanes = merge_per_append(accumulators, slots, appends, accumulators.lanes(rows.partials))
        if self._past:
            self._changed.add(slots, self._groups.keys.table.live)
            return []
        order = np.lexsort((self._groups.arrival[slots], appends))
        sent, numbers = np.unique(appends, return_inverse=True)
        first = self._versions.take(len(sent))
        arrays = self._groups.keys.arrays(slots[order])
        arrays += accumulators.arrays([lane.take(order) for lane in lanes])
        made = self._layout.rows(arrays, first + numbers[order])
        borders = borders_of(numbers[order], len(sent))
        return [Batch(made, batch.instant_ms, borders)]

    def _send(self, slots: Int64s, instant_ms: int) -> list[Batch]:
        """One emission of these groups, in order of arrival."""
        self._new = False
        if not len(slots):
            return []
        ordered = slots[np.argsort(self._groups.arrival[slots], kind="stable")]
        accumulators = self._groups.accumulators
        arrays = self._groups.keys.arrays(ordered)
        arrays += accumulators.arrays(accumulators.capture(ordered))
        version = np.full(len(ordered), self._versions.take(1), np.int64)
        rows = self._layout.rows(arrays, version)
        return [Batch(rows, instant_ms, np.array([0, rows.num_rows]))]

    def _due(self) -> Int64s:
        if self._policy.send == "changed":
            return self._changed.take()
        return self._groups.keys.table.slots()

    def backfilled(self, port: int, instant_ms: int) -> list[Batch]:
        """ON UPDATE: what the past changed is one emission. Others wait for their tick."""
        self._past = False
        if self._per_append and self._new:
            return self._send(self._changed.take(), instant_ms)
        if self._new:
            self._ticks.wanted_from(instant_ms)
        return []

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """The last result, if rows came since the last emission."""
        if self._per_append:
            return self._send(self._changed.take(), instant_ms)
        return self._send(self._due(), instant_ms) if self._new else []

    def tick(self, instant_ms: int) -> list[Batch]:
        """PERIODIC: only if new rows came, unless REPEAT."""
        if self._past or self._per_append or not (self._new or self._repeat):
            return []
        if not self._ticks.passed(instant_ms):
            return []
        return self._send(self._due(), instant_ms)

    def due_ms(self) -> int | None:
        """The next tick, while there is something to send."""
        if self._past or self._per_append or not (self._new or self._repeat):
            return None
        return self._ticks.next_ms

    def held(self) -> StateSize:
        """The groups."""
        return self._groups.size()

    def close(self) -> None:
        """Free the plan."""
        self._partials.close()
