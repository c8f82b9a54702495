"""The streams and views of the TimeDB API: their definitions, and rows of them out of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from engine.batch import TP_TIME
from engine.log.records import Append
from engine.protocol import ColumnDef, Definition
from engine.sql.definitions import stored_columns
from engine.timeseries.timedb_messages import Series
from engine.types import arrow_type

SERIES: Final = "timedb_series"
RUNS: Final = "timedb_runs"
VALUES: Final = "timedb_values"
IN: Final = "timedb_in"
FLAT: Final = "timedb_flat"
OVERLAPPING: Final = "timedb_overlapping"

_TIME: Final = "datetime64(6, 'UTC')"
_MAYBE_TIME: Final = f"nullable({_TIME})"
_TEXT: Final = "nullable(string)"
_LABELS: Final = "map(string, string)"

_DAY_US: Final = 86_400_000_000
# How long the versions of an overlapping series are kept after they were written.
TIERS: Final = {"short": 183 * _DAY_US, "medium": 1_096 * _DAY_US, "long": 1_827 * _DAY_US}
# Values without an end of their life: beyond every tier of every clock.
_FOR_EVER: Final = "to_datetime64('2299-12-31', 6, 'UTC')"


def definitions() -> tuple[Definition, ...]:
    """All of them, a view behind what it reads; ids are the ground's."""
    return (
        _stream(SERIES, _SERIES_COLUMNS, mode="versioned_kv", key="series_id"),
        _stream(RUNS, _RUN_COLUMNS, event="inserted_at"),
        _stream(
            VALUES, _VALUE_COLUMNS, event="change_time", ttl=f"coalesce(keep_until, {_FOR_EVER})"
        ),
        _stream(IN, _IN_COLUMNS),
        _view(FLAT, _FLAT_SQL),
        _view(OVERLAPPING, _OVERLAPPING_SQL),
    )


_SERIES_COLUMNS: Final = (
    ("series_id", "string"), ("series_no", "int64"), ("name", "string"), ("unit", "string"),
    ("labels", _LABELS), ("description", _TEXT), ("overlapping", "bool"),
    ("retention", "string"), ("inserted_at", _TIME),
)  # fmt: skip
_RUN_COLUMNS: Final = (
    ("run_id", "string"), ("batch_id", "int64"), ("workflow_id", _TEXT),
    ("run_start_time", _TIME), ("run_finish_time", _MAYBE_TIME), ("known_time", _TIME),
    ("run_params", _TEXT), ("changed_by", _TEXT), ("inserted_at", _TIME),
)  # fmt: skip
_VALUE_COLUMNS: Final = (
    ("value_id", "int64"), ("series_id", "string"), ("series_no", "int64"),
    ("series_key", "string"), ("series_unit", "string"), ("run_id", "string"),
    ("batch_id", "int64"), ("valid_time", _TIME), ("valid_time_end", _MAYBE_TIME),
    ("value", "nullable(float64)"), ("known_time", _TIME), ("annotation", _TEXT),
    ("tags", "array(string)"), ("changed_by", _TEXT), ("change_time", _TIME),
    ("keep_until", _MAYBE_TIME),
)  # fmt: skip
_IN_COLUMNS: Final = (
    ("name", "string"), ("labels", _LABELS), ("valid_time", _TIME, "now64(6)"),
    ("value", "nullable(float64)"), ("valid_time_end", _MAYBE_TIME), ("known_time", _MAYBE_TIME),
    ("workflow_id", _TEXT), ("unit", _TEXT),
)  # fmt: skip
_FLAT_SQL: Final = f"""
SELECT valid_time, series_id,
  arg_max(tuple(value), tuple(known_time, value_id)).1 AS value, series_key, series_unit
FROM table({VALUES}) GROUP BY valid_time, series_id, series_key, series_unit
""".strip()
_OVERLAPPING_SQL: Final = f"""
SELECT known_time, valid_time, series_id,
  arg_max(tuple(value), value_id).1 AS value, series_key, series_unit
FROM table({VALUES}) GROUP BY known_time, valid_time, series_id, series_key, series_unit
""".strip()


def _stream(
    name: str,
    columns: tuple[tuple[str, ...], ...],
    *,
    mode: str = "append",
    key: str = "",
    event: str = "",
    ttl: str = "",
) -> Definition:
    return Definition(
        id="",
        name=name,
        kind="stream",
        mode=mode,
        columns=tuple(ColumnDef(c[0], c[1], "".join(c[2:])) for c in columns),
        primary_key=key,
        event_time_column=event,
        ttl_expression=ttl,
        description="The TimeDB API's own; see docs/timedb.md.",
    )


def _view(name: str, query: str) -> Definition:
    return Definition(id="", name=name, kind="view", query=query)


class Shape:
    """The stored form of one of the streams. Pure; for any thread."""

    def __init__(self, definition: Definition) -> None:
        self.id = definition.id
        columns = stored_columns(definition)
        self._schema = pa.schema(
            [pa.field(c.stored or c.name, arrow_type(c.type)) for c in columns]
        )

    def append(self, count: int, columns: Mapping[str, object], instant_us: int) -> Append:
        """`count` rows as one append: a column is an array, one value for all rows, or null when
        it is left out. `instant_us` becomes the event time."""
        given = {**columns, TP_TIME: instant_us // 1000}
        arrays = [_array(given.get(f.name), f.type, count) for f in self._schema]
        return Append.single(self.id, pa.RecordBatch.from_arrays(arrays, schema=self._schema))


def _array(value: Any, wanted: pa.DataType, count: int) -> pa.Array:
    if isinstance(value, pa.Array):
        return value if value.type == wanted else value.cast(wanted)
    if isinstance(value, list | np.ndarray):
        return pa.array(value, wanted)
    if value is None and pa.types.is_list(wanted):  # an array is never null
        return pa.ListArray.from_arrays(
            np.zeros(count + 1, np.int32), pa.array([], wanted.value_type)
        )
    if value is None:
        return pa.nulls(count, wanted)
    return pa.repeat(pa.scalar(value, wanted), count)


def series_columns(series: list[Series]) -> dict[str, object]:
    """Rows of the registry's stream."""
    return {
        "series_id": [s.uuid for s in series],
        "series_no": [s.no for s in series],
        "name": [s.name for s in series],
        "unit": [s.unit for s in series],
        "labels": [list(s.labels.items()) for s in series],
        "description": [s.description for s in series],
        "overlapping": [s.overlapping for s in series],
        "retention": [s.retention for s in series],
        "inserted_at": [s.inserted_us for s in series],
    }


def keep_until(series: Series, change_us: int) -> int | None:
    """When a version may be removed; None = never."""
    return change_us + TIERS[series.retention] if series.overlapping else None
