"""How a stream's rows are stored: its columns, their defaults and the event time."""

from __future__ import annotations

from dataclasses import dataclass

from engine.types import DataType


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A stored column. `default_sql`: DuckDB SQL over the stream's other columns, '' = the type's
    zero value (NULL for nullable). `materialized`: always computed, never given by a writer.
    `stored`: its name in stored rows, '' = the same. `gaps`: what a writer leaves out is stored as
    NULL and found by the reader."""

    name: str
    type: DataType
    default_sql: str = ""
    materialized: bool = False
    stored: str = ""
    gaps: bool = False


@dataclass(frozen=True, slots=True)
class StoredSchema:
    """Columns in order; `_tp_time` (datetime64(3, 'UTC')) stands last unless the user declared it.

    `event_time_column`: name of the column that `_tp_time` copies, or '' ; `event_time_sql`: DuckDB
    SQL for it when it is an expression. Both empty: the append's instant. A `_tp_time` that a
    writer gives wins over all. In SQL the macro-like tokens are resolved by the binder except
    `{now_ms}`, the instant in milliseconds, which `str.replace` fills in at execution.
    """

    columns: tuple[StoredColumn, ...]
    event_time_column: str = ""
    event_time_sql: str = ""
