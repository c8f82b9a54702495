"""What every window aggregate does with a batch first: its event times, its substreams."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, column, counted, fixed_lane
from engine.batch import Batch
from engine.operators.keyed import RowKeys
from engine.operators.operator import Context
from engine.sql.logical import Aggregate
from engine.sql.plan_parts import WindowSpec
from engine.stateparts import Parts, Saved
from engine.types import arrow_type
from engine.windows.grid import ticks_of_ms


class WindowSource(Saved):
    """Times and substreams of rows as they leave the source, before any filter."""

    def __init__(
        self, context: Context, source: pa.Schema, spec: WindowSpec, substream: tuple[str, ...] = ()
    ) -> None:
        """`substream`: SQL of the keys of PARTITION BY."""
        self._spec = spec
        self._kind = arrow_type(spec.time_type)
        self._substreams = RowKeys(context, source, substream) if substream else None
        self._state = Parts({"keys": self._substreams} if self._substreams else {})

    @property
    def partitioned(self) -> bool:
        """Whether there are substreams."""
        return self._substreams is not None

    @property
    def count(self) -> int:
        """Substreams so far; their numbers are below it."""
        return self._substreams.table.live if self._substreams else 1

    @property
    def nbytes(self) -> int:
        """Memory of the substreams' keys."""
        return self._substreams.table.nbytes if self._substreams else 0

    def now(self, instant_ms: int) -> int:
        """The instant in ticks of the time column."""
        return ticks_of_ms(instant_ms, self._spec.time_type)

    def times(self, batch: Batch) -> tuple[Int64s, Bools | None]:
        """Event times in ticks, and which rows have one (None = all)."""
        if self._spec.processing_time:
            return np.full(batch.num_rows, self.now(batch.instant_ms), np.int64), None
        array = column(batch.rows, self._spec.time_column)
        if not array.type.equals(self._kind):
            array = array.cast(self._kind)
        lane = fixed_lane(array)
        return lane.values, lane.valid

    def substreams(self, batch: Batch) -> Int64s | None:
        """The substream of every row, None without PARTITION BY."""
        if self._substreams is None:
            return None
        return self._substreams.assign(batch)[0]

    def close(self) -> None:
        """Free the plan."""
        if self._substreams is not None:
            self._substreams.close()


def substream_keys(node: Aggregate) -> tuple[str, ...]:
    """SQL of the keys that form the substream."""
    keys = {key.name: key.sql for key in node.keys}
    return tuple(keys[name] for name in node.partition)


def without(batch: Batch, kept: Bools) -> tuple[pa.RecordBatch, Int64s]:
    """The rows that are kept, and the borders of their appends."""
    return batch.rows.filter(pa.array(kept)), counted(kept)[batch.borders]
