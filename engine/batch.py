"""Rows on their way: slices of a stream as the log hands them out, and batches of operators."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int64s = npt.NDArray[np.int64]

TP_TIME = "_tp_time"
TP_DELTA = "_tp_delta"
TP_SN = "_tp_sn"
TP_APPEND_TIME = "_tp_append_time"
TP_SHARD = "_tp_shard"
RESERVED = (TP_TIME, TP_DELTA, TP_SN, TP_APPEND_TIME, TP_SHARD)

# Hidden columns inside operator graphs: index of the append a row came from (int32), arrival
# number inside the batch (int64). User names never begin with two underscores and a letter here:
# the binder quotes user columns under their own names and refuses these two.
ROW_APPEND = "__append"
ROW_NUMBER = "__row"
# Where a row stands in what its step read, for queries that share one graph (`sql.ordered`).
ROW_ORDER = "__order"


@dataclass(frozen=True, slots=True)
class StreamSlice:
    """Consecutive appends of one stream, in log order.

    `rows` has the stored columns of the stream (user columns, then `_tp_time` timestamp[ms]) and
    neither `_tp_sn` nor `_tp_append_time`. Append i is rows[borders[i]:borders[i+1]], has sequence
    number `sn[i]` and was appended at `append_time_ms[i]`.
    """

    stream_id: str
    rows: pa.RecordBatch
    borders: Int64s
    sn: Int64s
    append_time_ms: Int64s

    @property
    def appends(self) -> int:
        """How many appends it holds."""
        return len(self.sn)


@dataclass(frozen=True, slots=True)
class Batch:
    """Input or output of an operator: Arrow rows, the borders of the appends in them, the instant.

    Arrival order is row order. `borders` has one entry more than there are appends, begins with 0
    and ends with the number of rows; an append may be empty after a filter. `instant_ms` is what
    now() means in this step. `backfill`: rows of the past of a rewinding query. `continues`: the
    last append goes on in the next batch (it was too large for one); what counts per append, such
    as the watermark, waits for its last part. `newest`, if given: the largest event time of each
    append at the source of a windowed item, in ticks, also of rows that are gone by now.
    """

    rows: pa.RecordBatch
    instant_ms: int
    borders: Int64s = field(default_factory=lambda: np.zeros(1, np.int64))
    backfill: bool = False
    continues: bool = False
    newest: Int64s | None = None

    @property
    def num_rows(self) -> int:
        """Rows in it."""
        return self.rows.num_rows
