"""A grid over event time: cells of a fixed or calendar length in a zone, numbered by whole numbers.

Times are int64 ticks of the time column (its Arrow unit), before the epoch too. Cell n is
[start(n), start(n + 1)).
"""

from __future__ import annotations

import datetime
import math
import zoneinfo

import numpy as np
import numpy.typing as npt

from engine.sql.plan_parts import Span
from engine.types import DataType, time_unit

Int64s = npt.NDArray[np.int64]

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_TICK_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_MONTHS = {"M": 1, "q": 3, "y": 12}
_MONDAY_DAYS = 3  # 1969-12-29, a Monday, is three days before the epoch
_MONTHS_FROM_1900 = 840  # months, quarters and years are counted from January 1900
# Lengths of calendar units where no calendar is meant: delays and idle times.
_LOOSE_DAYS = {"M": 30, "q": 91, "y": 365}
_ZONE_BUCKET_S = 900  # offsets of zones change at multiples of 15 minutes
_OFFSETS_MAX = 100_000  # cached offsets of one zone; cleared when full


def ticks_per_second(kind: DataType) -> int:
    """Ticks of the time column in a second."""
    return 1_000_000_000 // _TICK_NS[time_unit(kind)]


def tick(kind: DataType) -> int:
    """One of the declared scale, in ticks of the storage: datetime64(1) is stored in ms: 100."""
    stored = {"s": 0, "ms": 3, "us": 6, "ns": 9}[time_unit(kind)]
    return 10 ** (stored - kind.scale)


def length_ticks(span: Span, kind: DataType) -> int:
    """A span as a fixed number of ticks; a month counts 30 days, a quarter 91, a year 365."""
    days = _LOOSE_DAYS.get(span.unit)
    unit = _NANOSECONDS["d"] * days if days else _NANOSECONDS[span.unit]
    return span.count * unit // _TICK_NS[time_unit(kind)]


def milliseconds(ticks: int, kind: DataType) -> int:
    """Ticks as milliseconds, rounded up: the instant at which this time has come."""
    return -(-ticks * 1000 // ticks_per_second(kind))


def ticks_of_ms(instant_ms: int, kind: DataType) -> int:
    """An instant as ticks, rounded down."""
    return instant_ms * ticks_per_second(kind) // 1000


class Zone:
    """Offsets of a time zone, whole arrays at a time."""

    def __init__(self, name: str) -> None:
        self._zone = zoneinfo.ZoneInfo(name)
        self._offsets: dict[int, int] = {}

    def _offset(self, bucket: int) -> int:
        known = self._offsets.get(bucket)
        if known is None:
            # Beyond the calendar of Python the nearest year's rule holds.
            seconds = min(max(bucket * _ZONE_BUCKET_S, -62_135_000_000), 253_402_000_000)
            moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
                seconds=seconds
            )
            offset = moment.astimezone(self._zone).utcoffset()
            known = int(offset.total_seconds()) if offset else 0
            if len(self._offsets) >= _OFFSETS_MAX:
                self._offsets.clear()
            self._offsets[bucket] = known
        return known

    def offsets(self, seconds: Int64s) -> Int64s:
        """Seconds to add to these UTC seconds to get local ones."""
        buckets, back = np.unique(seconds // _ZONE_BUCKET_S, return_inverse=True)
        known = np.fromiter(map(self._offset, buckets.tolist()), np.int64, len(buckets))
        return known[back]

    def utc_offsets(self, local: Int64s) -> Int64s:
        """Offsets at local seconds; of a local time that comes twice the earlier moment."""
        before = self.offsets(local - 86_400)
        first = self.offsets(local - before)
        return np.where(first == before, before, self.offsets(local - first))


class Grid:
    """Cells of `count` units of the calendar or the clock, in a zone."""

    def __init__(self, count: int, unit: str, kind: DataType, zone: str = "UTC") -> None:
        self._second = ticks_per_second(kind)
        self._zone = None if zone in ("", "UTC") else Zone(zone)
        self._months = _MONTHS.get(unit, 0) * count
        self._length = 0 if self._months else max(1, length_ticks(Span(count, unit), kind))
        self._shift = _MONDAY_DAYS * 86_400 * self._second if unit == "w" else 0

    def index(self, times: Int64s) -> Int64s:
        """The cell of each time."""
        local = self._local(times)
        if not self._months:
            return (local + self._shift) // self._length
        days = (local // (86_400 * self._second)).astype("datetime64[D]")
        months = days.astype("datetime64[M]").astype(np.int64) + _MONTHS_FROM_1900
        return months // self._months

    def start(self, cells: Int64s) -> Int64s:
        """The first tick of each cell."""
        if self._months:
            months = (cells * self._months - _MONTHS_FROM_1900).astype("datetime64[M]")
            local = months.astype("datetime64[D]").astype(np.int64) * (86_400 * self._second)
        else:
            local = cells * self._length - self._shift
        return self._utc(local)

    def _local(self, times: Int64s) -> Int64s:
        if self._zone is None:
            return times
        return times + self._zone.offsets(times // self._second) * self._second

    def _utc(self, local: Int64s) -> Int64s:
        if self._zone is None:
            return local
        return local - self._zone.utc_offsets(local // self._second) * self._second


def pane_count(size: Span, slide: Span) -> int:
    """The largest whole number of units that divides both; the units are equal."""
    return math.gcd(size.count, slide.count)
