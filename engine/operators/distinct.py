"""DISTINCT: each different row once over the whole query, at its first arrival."""

from __future__ import annotations

import pyarrow as pa

from engine.arrays import counted
from engine.batch import Batch
from engine.operators.keyed import RowKeys
from engine.operators.operator import Budget, Context, Plain
from engine.operators.statement import quoted, rebatched
from engine.rowpages import NOTHING_BESIDE
from engine.state import StateSize
from engine.stateparts import Saved


class Distinct(Saved, Plain):
    """Keeps a slot for every row that passed."""

    def __init__(self, context: Context, source: pa.Schema) -> None:
        self.name = "Distinct"
        self.schema = source
        names = tuple(quoted(name) for name in source.names)
        self._keys = RowKeys(context, source, names, pages=NOTHING_BESIDE)
        self._state = self._keys
        self._budget = Budget(context)

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Pass the new ones."""
        _, made = self._keys.assign(batch)
        self._budget.check(self.held())
        if made.all():
            return [batch]
        kept = counted(made)
        return [rebatched(batch, batch.rows.filter(pa.array(made)), kept[batch.borders])]

    def held(self) -> StateSize:
        """The rows that passed."""
        return self._keys.held()

    def close(self) -> None:
        """Free the plan."""
        self._keys.close()
