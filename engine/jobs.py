"""What a query worker is asked: one bounded statement and the rows it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from engine.batch import StreamSlice
from engine.parquet import with_positions
from engine.protocol import Rows
from engine.sql.logical import TableScan
from engine.type_parser import parse_type
from engine.types import arrow_type
from engine.worker_wire import JobColumn, JobDone, JobFunction


@dataclass(frozen=True, slots=True)
class JobTable:
    """A table that the statement reads under `alias`, as of the query's snapshot.

    `columns` are those the statement needs, reserved ones included (it names each; `*` would give
    more); history files and hot rows have them under these names. `hot`: rows not in `files` yet,
    later than those; slices of the log get their positions when the job is sent, off the loop.
    `where`: DuckDB SQL over the columns that every row must pass, '' = all. `outside`: an external
    table, whose rows become `hot` before the job goes to a worker.
    """

    alias: str
    columns: tuple[JobColumn, ...]
    files: tuple[str, ...] = ()
    hot: tuple[pa.RecordBatch | StreamSlice, ...] = ()
    where: str = ""
    outside: TableScan | None = None


@dataclass(frozen=True, slots=True)
class BoundedJob:
    """One DuckDB SELECT made by the planner, and all that it reads.

    `schema`: the result's columns by name and dialect type, cast already. `time_ms_max` counts
    from the start on a worker, not from waiting for one. `event_time_column`: index into `schema`
    of the column whose maximum `Rows` reports, -1 = none. `functions`: user functions by their
    names in the statement; `instant_ms` and `seed` are their clock and their random numbers.
    """

    sql: str
    schema: tuple[JobColumn, ...]
    tables: tuple[JobTable, ...] = ()
    output: Literal["json", "arrow"] = "json"
    time_ms_max: int = 120_000
    event_time_column: int = -1
    functions: tuple[JobFunction, ...] = ()
    instant_ms: int = 0
    seed: int = 0


WorkerItem = Rows | pa.RecordBatch | JobDone


def hot_rows(piece: StreamSlice) -> pa.RecordBatch:
    """Rows of the log as a worker's table needs them: with `_tp_sn` and `_tp_append_time`."""
    return with_positions(piece)


def selected(rows: pa.RecordBatch, columns: tuple[JobColumn, ...]) -> pa.RecordBatch:
    """What a worker's table needs of stored rows, under their stored names; nulls for columns that
    were added later."""
    names = [column.stored or column.name for column in columns]
    if all(name in rows.schema.names for name in names):
        return rows.select(names)
    fields = [
        pa.field(n, arrow_type(parse_type(c.type))) for n, c in zip(names, columns, strict=True)
    ]
    arrays = [
        rows.column(f.name) if f.name in rows.schema.names else pa.nulls(rows.num_rows, f.type)
        for f in fields
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
