"""Times of the TimeDB API: ISO texts and epoch numbers to microseconds, whole columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa

from engine.compute import pc
from engine.timeseries.timedb_bodies import Time, bad_time
from engine.timeseries.timedb_messages import SECONDS_MAX

MICROSECONDS: Final = pa.timestamp("us")
_ZONED: Final = pa.timestamp("us", "UTC")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
# The range of years that a datetime of any client holds.
_LAST_US: Final = 253_402_300_799_999_999
_FIRST_US: Final = -62_135_596_800_000_000


def micros(given: Time, loc: tuple[str | int, ...]) -> int:
    """One time; BadBody, naming the place, when it is none. Without a zone it is UTC."""
    try:
        if isinstance(given, str):
            found = datetime.fromisoformat(given.strip())
            if found.tzinfo is None:
                found = found.replace(tzinfo=UTC)
            us = (found - _EPOCH) // _TICK
        else:
            seconds = given if abs(given) <= SECONDS_MAX else given / 1000
            us = round(seconds * 1_000_000)
    except (ValueError, OverflowError):
        raise bad_time(loc, given) from None
    if not _FIRST_US <= us <= _LAST_US:
        raise bad_time(loc, given)
    return us


def column(
    given: Sequence[Time | None], loc: tuple[str | int, ...], field: str, first: int = 0
) -> pa.Array:
    """A column of times; BadBody names the first that is none by its row. `first`: the number of
    the first row."""
    try:
        texts = pa.array(given, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return _one_by_one(given, loc, field, first)
    for zone in (_ZONED, MICROSECONDS):
        try:
            found = pc.cast(texts, zone).cast(MICROSECONDS)
        except pa.ArrowInvalid:
            continue
        if _in_range(found):
            return found
        break
    return _one_by_one(given, loc, field, first)


def _in_range(times: pa.Array) -> bool:
    """Whether a client's datetime holds all of them: an offset may lead out of its years."""
    ends: dict[str, int | None] = pc.min_max(times.cast(pa.int64())).as_py()
    first, last = ends["min"], ends["max"]
    return first is None or last is None or (first >= _FIRST_US and last <= _LAST_US)


def _one_by_one(
    given: Sequence[Time | None], loc: tuple[str | int, ...], field: str, first: int
) -> pa.Array:
    """Columns of mixed forms."""
    found = [
        None if value is None else micros(value, (*loc, at, field))
        for at, value in enumerate(given, first)
    ]
    return pa.array(found, MICROSECONDS)


def first_not_later(start: pa.Array, end: pa.Array) -> int | None:
    """The first row whose end is not later than its start."""
    if end.null_count == len(end):
        return None
    wrong = pc.fill_null(pc.less_equal(end, start), False)
    at = pc.index(wrong, True).as_py()
    return None if at < 0 else int(at)
