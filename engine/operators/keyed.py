"""Slots of keys that are computed per row: for DISTINCT, LIMIT BY and substreams."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, column
from engine.batch import Batch
from engine.keys import key_column
from engine.operators.operator import Context
from engine.operators.statement import Statement, tokens_in, with_tokens
from engine.rowpages import NOTHING_BESIDE, Beside, RowPages
from engine.slots import Slots, SlotTable
from engine.slotstate import Load, Save, Slotted
from engine.spill import Spill
from engine.state import StateSize
from engine.stateparts import Part, Parts, Saved


class RowKeys(Saved):
    """A slot per distinct key, found for every row of a batch.

    `beside`: how columns beside the table are kept in checkpoints. `pages`: how they go to disk
    with keys that do not fit into memory; None = none ever does.
    """

    def __init__(
        self,
        context: Context,
        source: pa.Schema,
        keys: tuple[str, ...],
        beside: tuple[Save, Load] | None = None,
        pages: Beside | None = None,
    ) -> None:
        terms = [with_tokens(key) for key in keys]
        names = [f"k{at}" for at in range(len(terms))]

        def sql(table: str) -> str:
            inner = ", ".join(f"{t} AS {n}" for t, n in zip(terms, names, strict=True))
            listed = ", ".join(names)
            return f"SELECT {listed}, hash({listed}) FROM (SELECT {inner} FROM {table})"

        self._statement = Statement(
            context.session, source, sql, tokens=tokens_in(*keys), seed=context.start.seed
        )
        self._columns = [key_column(f.type) for f in list(self._statement.schema)[:-1]]
        self.table = SlotTable(self._columns)
        slotted = Slotted(self.table, *beside) if beside else Slotted(self.table)
        self._freed = pages is not NOTHING_BESIDE  # a key may be forgotten, and come anew
        rows = RowPages(self.table, self._columns, pages or NOTHING_BESIDE)
        self._spill = Spill(context.spill if pages else None, rows, "replace")
        parts: dict[str, Part] = {"table": slotted, "statement": self._statement}
        self._state = Parts(parts | {"spill": self._spill} if pages else parts)

    def assign(self, batch: Batch) -> tuple[Slots, Bools]:
        """Slot of each row, and whether the row is the first of a new key."""
        if not batch.num_rows:
            return np.zeros(0, np.int64), np.zeros(0, np.bool_)
        found = self._statement.run(batch.rows, batch.instant_ms)
        count = len(self._columns)
        keys = [c.encode(column(found, at)) for at, c in enumerate(self._columns)]
        hashes = column(found, count).to_numpy(zero_copy_only=False)
        self._spill.touch(
            hashes, changing=self._freed, there=lambda: self.table.find(hashes, keys) >= 0
        )
        return self.table.assign(hashes, keys)

    def held(self) -> StateSize:
        """The keys."""
        return StateSize(self.table.live, self.table.nbytes) + self._spill.size

    def close(self) -> None:
        """Free the plan."""
        self._statement.close()
