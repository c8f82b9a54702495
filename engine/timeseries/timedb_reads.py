"""Reading values of the TimeDB API: the statement of each mode over `timedb_values`."""

from __future__ import annotations

from typing import Final

from engine.timeseries.timedb_messages import ReadFilter, Series
from engine.timeseries.timedb_streams import SERIES, VALUES

# More series than this are named by what they have in common, not one by one.
LISTED_MAX: Final = 2_000
_NEWEST: Final = "tuple(known_time, value_id)"
_MORE: Final = (
    "v.known_time AS known, v.value_id AS vid, v.annotation AS note, v.tags AS tag_list, "
    "v.changed_by AS who, v.change_time AS changed"
)


def instant(us: int) -> str:
    """SQL of a time."""
    return f"from_unix_timestamp64_micro({us}, 'UTC')"


def text(value: str) -> str:
    """SQL of a text."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _iso(column: str) -> str:
    """SQL of a time as ISO text with the offset, without a fraction that is zero: it costs a tenth
    of what it would in Python."""
    whole, more = (f"format_datetime({column}, '%Y-%m-%dT%H:%i:%S{f}+00:00')" for f in ("", ".%f"))
    return f"if(to_unix_timestamp64_micro({column}) % 1000000 = 0, {whole}, {more})"


def statement(asked: ReadFilter, series: list[Series] | None) -> str:
    """The rows of a reading, in its order; `series`: those that fit, None = all.

    Columns: known_time in the overlapping mode, valid_time, the series unless it is the only one
    (see `alone`), value; times are ISO texts. With all versions the series is always there,
    known_time, value_id, annotation, tags, changed_by, change_time and is_current stand behind
    value, and times are as the engine writes them.
    """
    where = _where(asked, series)
    key = "series_no" if asked.numbers else "series_id"
    if asked.all_versions:
        return _versions(asked, key, where)
    # Groups of one key cost half of those of two.
    more = "" if alone(asked, series) else f", {key}"
    if asked.overlapping:
        return (
            f"SELECT {_iso('known_time')} AS k, {_iso('valid_time')} AS t{more}, "
            f"arg_max(tuple(value), value_id).1 AS v "
            f"FROM table({VALUES}){where} GROUP BY known_time, valid_time{more} "
            f"ORDER BY known_time, valid_time{more}"
        )
    return (
        f"SELECT {_iso('valid_time')} AS t{more}, arg_max(tuple(value), {_NEWEST}).1 AS v "
        f"FROM table({VALUES}){where} GROUP BY valid_time{more} ORDER BY valid_time{more}"
    )


def alone(asked: ReadFilter, series: list[Series] | None) -> Series | None:
    """The series that all rows of a statement are of, if they do not say it."""
    if asked.all_versions or series is None or len(series) != 1:
        return None
    return series[0]


def _versions(asked: ReadFilter, key: str, where: str) -> str:
    if asked.overlapping:
        newest = (
            f"SELECT run_id AS run, valid_time AS at, {key} AS whose, max(value_id) AS newest "
            f"FROM table({VALUES}){where} GROUP BY run_id, valid_time, {key}"
        )
        head, order = "v.known_time AS k, ", f"v.known_time, v.valid_time, v.{key}, v.value_id"
    else:
        newest = (
            f"SELECT arg_max(run_id, {_NEWEST}) AS run, valid_time AS at, {key} AS whose, "
            f"arg_max(value_id, {_NEWEST}) AS newest "
            f"FROM table({VALUES}){where} GROUP BY valid_time, {key}"
        )
        head, order = "", f"v.valid_time, v.{key}, v.value_id"
    return (
        f"SELECT {head}v.valid_time AS t, v.{key} AS s, v.value AS val, {_MORE}, "
        f"v.value_id = w.newest AS is_current "
        f"FROM (SELECT * FROM table({VALUES}){where}) AS v INNER JOIN ({newest}) AS w "
        f"ON v.run_id = w.run AND v.valid_time = w.at AND v.{key} = w.whose ORDER BY {order}"
    )


def _where(asked: ReadFilter, series: list[Series] | None) -> str:
    bounds = (
        ("valid_time >=", asked.start_valid),
        ("valid_time <", asked.end_valid),
        ("known_time >=", asked.start_known),
        ("known_time <", asked.end_known),
    )
    found = [f"{left} {instant(us)}" for left, us in bounds if us is not None]
    if series is not None and len(series) <= LISTED_MAX:
        found.append(f"series_no IN ({', '.join(str(s.no) for s in series)})")
    elif series is not None:
        found.append(f"series_no IN (SELECT series_no FROM table({SERIES}){_alike(asked)})")
    return f" WHERE {' AND '.join(found)}" if found else ""


def _alike(asked: ReadFilter) -> str:
    among = asked.among
    found = [f"labels[{text(k)}] = {text(v)}" for k, v in (among.labels or {}).items()]
    found += [f"map_contains(labels, {text(k)})" for k, v in (among.labels or {}).items() if not v]
    if among.name is not None:
        found.append(f"name = {text(among.name)}")
    return f" WHERE {' AND '.join(found)}" if found else ""
