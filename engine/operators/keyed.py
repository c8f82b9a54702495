"""Slots of keys that are computed per row: for DISTINCT, LIMIT BY and substreams."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, column
from engine.batch import Batch
from engine.keys import key_column
from engine.operators.operator import Context
from engine.operators.statement import Statement, tokens_in, with_tokens
from engine.slots import Slots, SlotTable
from engine.slotstate import Load, Save, Slotted
from engine.stateparts import Parts, Saved


class RowKeys(Saved):
    """A slot per distinct key, found for every row of a batch.

    `beside`: how columns beside the table are kept in checkpoints.
    """

    def __init__(
        self,
        context: Context,
        source: pa.Schema,
        keys: tuple[str, ...],
        beside: tuple[Save, Load] | None = None,
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
        self._state = Parts({"table": slotted, "statement": self._statement})

    def assign(self, batch: Batch) -> tuple[Slots, Bools]:
        """Slot of each row, and whether the row is the first of a new key."""
        if not batch.num_rows:
            return np.zeros(0, np.int64), np.zeros(0, np.bool_)
        found = self._statement.run(batch.rows, batch.instant_ms)
        count = len(self._columns)
        keys = [c.encode(column(found, at)) for at, c in enumerate(self._columns)]
        hashes = column(found, count).to_numpy(zero_copy_only=False)
        return self.table.assign(hashes, keys)

    def close(self) -> None:
        """Free the plan."""
        self._statement.close()
