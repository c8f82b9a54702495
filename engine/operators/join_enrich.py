"""Joins that only left rows trigger: enrichment from keyed streams and tables, ASOF, LATEST."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.batch import Batch
from engine.checkpoint import StateDelta
from engine.joinindex import NONE, JoinRows, KeyTable, SideRows, free_keys
from engine.joinpages import JoinPages
from engine.joinversions import Versions
from engine.operators.join_input import (
    JoinBudget,
    Pairs,
    SideInput,
    appends_of,
    joined,
    matches,
    probed,
)
from engine.operators.operator import Context, Plain
from engine.slotstate import Slotted
from engine.spill import Spill
from engine.sql.logical import Join
from engine.state import StateSize
from engine.stateparts import Parts, Saved
from engine.types import arrow_field

# A table is read once: all its rows count, whatever keep_versions says.
_KEEP_ALL = 1 << 40


class _Enriching(Saved, Plain, ABC):
    """What these joins share: the right side is kept, left rows look rows up in it."""

    _spill: Spill  # of the right side; made by the subclass

    def __init__(self, context: Context, sources: list[pa.Schema], node: Join) -> None:
        self.name = "Join"
        self.schema = pa.schema([arrow_field(c.name, c.type) for c in node.schema])
        self._left_join = node.kind == "left"
        right = node.sides[1]
        self._left = SideInput(context, sources[0], node.sides[0])
        self._right = SideInput(context, sources[1], right, counted=right.weighted)
        self._keys = KeyTable(self._left.kinds)
        self._budget = JoinBudget(context, node)
        self._context = context

    def _spilling(self, pages: JoinPages) -> Spill:
        return Spill(self._context.spill, pages, "replace")

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Right rows are kept, left rows are joined with what is kept now."""
        if port == 1:
            rows = self._right.take(batch)
            self._spill.touch(rows.hashes[rows.known])
            self._keep(rows)
            self._budget.check(self.held())
            return []
        rows = self._left.take(batch)
        known = rows.known
        self._spill.touch(
            rows.hashes[known], changing=False, there=lambda: self._keys.find(rows)[known] != NONE
        )
        return [joined(batch, self.schema, self._look_up(batch, rows))]

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """Without left rows there is nothing to give."""
        self.done = port == 0 or self.done
        return []

    @abstractmethod
    def _keep(self, rows: SideRows) -> None:
        """Take right rows in."""

    @abstractmethod
    def _look_up(self, batch: Batch, rows: SideRows) -> Pairs:
        """Left rows with what is kept."""

    def close(self) -> None:
        """Free the plans."""
        self._left.close()
        self._right.close()


class EnrichJoin(_Enriching):
    """Each left row with all current rows of its key."""

    def __init__(self, context: Context, sources: list[pa.Schema], node: Join) -> None:
        super().__init__(context, sources, node)
        self._rows = JoinRows(self._right.schema, self._keys, counted=self._right.weighted)
        self._spill = self._spilling(JoinPages(self._keys, [self._rows]))
        keys = Slotted(self._keys.table)
        self._state = Parts({"keys": keys, "rows": self._rows.state, "spill": self._spill})

    def _keep(self, rows: SideRows) -> None:
        keys = self._keys.assign(rows)
        self._rows.add(rows, keys)
        if self._right.weighted:
            free_keys(self._keys, self._spill.freeable(keys[keys != NONE]), self._rows)

    def _look_up(self, batch: Batch, rows: SideRows) -> Pairs:
        index, slots = matches(self._rows, self._keys.find(rows))
        if self._right.weighted:
            times = np.maximum(self._rows.weight[slots], 0)
            index, slots = np.repeat(index, times), np.repeat(slots, times)
        found = index, slots
        return probed(appends_of(batch), rows, found, self._rows, left_join=self._left_join)

    def held(self) -> StateSize:
        """The right rows."""
        return self._rows.held() + self._spill.size


class VersionJoin(_Enriching):
    """ASOF: each left row with the closest right row of its key. LATEST: with the last one."""

    def __init__(self, context: Context, sources: list[pa.Schema], node: Join) -> None:
        super().__init__(context, sources, node)
        self._rule = node.asof
        value, keep = None, 1
        self._wanted = NONE
        if node.asof is not None:
            value = self._right.schema.get_field_index(node.asof.right)
            self._wanted = self._left.schema.get_field_index(node.asof.left)
            keep = _KEEP_ALL if node.table_right else node.asof.keep_versions
        self._versions = Versions(self._right.schema, self._keys, value, keep, self._budget.check)
        rows = self._versions.rows.state
        leave, come = self._versions.leave, self._versions.come
        self._spill = self._spilling(JoinPages(self._keys, [self._versions.rows], leave, come))
        keys = Slotted(self._keys.table)
        self._state = Parts({"keys": keys, "rows": rows, "spill": self._spill})

    def _keep(self, rows: SideRows) -> None:
        self._versions.add(rows, self._keys.assign(rows))

    def _look_up(self, batch: Batch, rows: SideRows) -> Pairs:
        op = "" if self._rule is None else self._rule.op
        wanted = None if self._rule is None else rows.columns[self._wanted]
        found = self._versions.find(self._keys.find(rows), op, wanted)
        stored = self._versions.rows
        return probed(appends_of(batch), rows, found, stored, left_join=self._left_join)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Take the state that these describe, in order."""
        super().restore(deltas)
        self._versions.rebuild()

    def held(self) -> StateSize:
        """The right rows."""
        return self._versions.held() + self._spill.size
