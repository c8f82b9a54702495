"""The compacted past of keyed streams: asked of a query worker, read as the past of a scan."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from engine.arrays import record_batch
from engine.backfill import Backfill
from engine.batch import TP_APPEND_TIME, TP_SN, StreamSlice
from engine.errors import Code, SqlError
from engine.physical import stored_schema
from engine.sql.keyed import snapshot_query
from engine.sql.logical import BoundedQuery, Scan, StreamingQuery
from engine.sql.repeats import scans

# Where the position of a snapshot stands in the metadata of its table.
_NEXT_SN = b"next_sn"


def snapshots_of(plan: StreamingQuery) -> list[BoundedQuery]:
    """What must be answered, `positioned`, before the plan can start."""
    queries = (snapshot_query(scan) for scan in scans(plan.root))
    return [query for query in queries if query is not None]


def positioned(table: pa.Table, next_sn: int) -> pa.Table:
    """The rows of a bounded query of one stream, and the first append that they do not show."""
    return table.replace_schema_metadata({_NEXT_SN: str(next_sn).encode()})


def nothing_before(scan: Scan, next_sn: int) -> pa.Table:
    """An empty snapshot, for a scan whose past was read before a checkpoint."""
    fields = list(stored_schema(scan.schema))
    names = {field.name for field in fields}
    hidden = [pa.field(n, pa.int64()) for n in (TP_SN, TP_APPEND_TIME) if n not in names]
    return positioned(pa.schema([*fields, *hidden]).empty_table(), next_sn)


def snapshot_of(scan: Scan, answers: Mapping[BoundedQuery, pa.Table]) -> pa.Table | None:
    """The answered snapshot of a scan, None if it begins otherwise; SqlError 48 without one."""
    query = snapshot_query(scan)
    if query is None:
        return None
    table = answers.get(query)
    if table is None or _NEXT_SN not in (table.schema.metadata or {}):
        message = (
            f"the current rows of {scan.stream_name} cannot be read here: run the query by itself"
        )
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    return table


def position_of(table: pa.Table) -> int:
    """The first append that a snapshot does not show; the scan goes on with it."""
    return int(table.schema.metadata[_NEXT_SN])


def past_of(scan: Scan, table: pa.Table, instant_ms: int) -> Backfill:
    """The rows of a snapshot as the past of its scan, in their order of arrival; the rows of an
    append that are left are an append."""
    past = Backfill(scan.past, tuple(c.stored or c.name for c in scan.schema), instant_ms)
    if table.num_rows:
        past.add(_slice(scan, table))
    past.finish()
    return past


def _slice(scan: Scan, table: pa.Table) -> StreamSlice:
    numbers = _numbers(table, TP_SN)
    begins = np.concatenate(([0], np.flatnonzero(np.diff(numbers)) + 1))
    rows = record_batch(
        table.select([c.name for c in scan.schema]).cast(stored_schema(scan.schema))
    )
    return StreamSlice(
        scan.stream_id,
        rows.rename_columns([c.stored or c.name for c in scan.schema]),
        np.append(begins, len(numbers)),
        numbers[begins],
        _numbers(table, TP_APPEND_TIME)[begins],
    )


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    return table.column(name).to_numpy().astype(np.int64, copy=False)
