"""What is said of functions that no table holds: sources, windows, rows before, forms of syntax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Special:
    """A function that the planner itself knows. `kind`: where it may stand."""

    name: str
    kind: Literal["window", "table", "running", "scalar", "aggregate"]
    family: str
    signatures: tuple[str, ...]
    summary: str
    returns: str = ""


_WINDOWS: Final = "Windows"
_SOURCES: Final = "Sources"
_BEFORE: Final = "Rows before"
_SYNTAX: Final = "Forms of syntax"

SPECIAL: Final = (
    Special(
        "tumble",
        "window",
        _WINDOWS,
        ("tumble(stream [, time], size [, zone])",),
        "Windows of one size, side by side; adds window_start and window_end.",
    ),
    Special(
        "hop",
        "window",
        _WINDOWS,
        ("hop(stream [, time], slide, size [, zone])",),
        "Windows of one size that begin every slide and overlap; adds window_start and window_end.",
    ),
    Special(
        "session",
        "window",
        _WINDOWS,
        ("session(stream [, time], idle [, max] [, [start, end)])",),
        "Windows that end when no row came for the idle time; adds window_start and window_end.",
    ),
    Special(
        "table",
        "table",
        _SOURCES,
        ("table(stream)",),
        "What the stream holds now: the query over it is bounded.",
    ),
    Special(
        "dedup",
        "table",
        _SOURCES,
        ("dedup(stream, key, ... [, ttl] [, limit])",),
        "Lets the first row of each key pass.",
    ),
    Special(
        "changelog",
        "table",
        _SOURCES,
        ("changelog(stream, key, ... [, version, true])",),
        "Makes a changelog: for a known key the row before goes, then the new one comes.",
    ),
    Special(
        "rowify", "table", _SOURCES, ("rowify(stream)",), "Makes every row an append of its own."
    ),
    Special(
        "numbers",
        "table",
        _SOURCES,
        ("numbers(count)", "numbers(first, count)"),
        "Rows with the column number, from 0 or from the first.",
    ),
    Special("zeros", "table", _SOURCES, ("zeros(count)",), "So many rows with the column zero."),
    Special(
        "values",
        "table",
        _SOURCES,
        ("values('name type, ...', (value, ...), ...)",),
        "The rows that are written there.",
    ),
    Special(
        "lag", "running", _BEFORE, ("lag(value [, n [, default]])",), "The value n (1) rows before."
    ),
    Special(
        "lags",
        "running",
        _BEFORE,
        ("lags(value, from, to [, default])",),
        "An array: the values of the rows from ... to before, the nearest first.",
    ),
    Special(
        "neighbor",
        "running",
        _BEFORE,
        ("neighbor(value, -n [, default])",),
        "The value n rows before.",
    ),
    Special(
        "row_number", "running", _BEFORE, ("row_number()",), "The number of the row, from 0.",
        "uint64",
    ),
    Special(
        "monotonic", "running", _BEFORE, ("monotonic(n)",),
        "The number of the row, from the constant n.", "uint64",
    ),
    Special(
        "emit_version",
        "aggregate",
        _SYNTAX,
        ("emit_version()",),
        "The number of the emitted batch, from 0; of streaming aggregations.",
    ),
    Special(
        "cast",
        "scalar",
        _SYNTAX,
        ("cast(value, 'type')", "cast(value as type)"),
        "The value in another type.",
    ),
    Special(
        "columns", "scalar", _SYNTAX, ("columns('regex')",), "All columns whose names fit, as *."
    ),
    Special(
        "earliest_ts", "scalar", _SYNTAX, ("earliest_ts([zone])",),
        "In a comparison with _tp_time: the beginning of what the stream holds.",
    ),
    Special(
        "date_diff_within",
        "scalar",
        _SYNTAX,
        ("date_diff_within(interval [, left time, right time])",),
        "In ON of a join of streams: both times are so close to each other.",
    ),
    Special(
        "lag_behind",
        "scalar",
        _SYNTAX,
        ("lag_behind(interval [, left time, right time])",),
        "In ON of an enrichment, ASOF or LATEST join: a left row waits for the right side.",
    ),
)  # fmt: skip
