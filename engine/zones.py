"""Display zones: UTC instants to local wall-clock times and back, whole columns at a time."""

from __future__ import annotations

import datetime
import zoneinfo
from functools import lru_cache

import numpy as np
import pyarrow as pa

from engine.compute import pc

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
OFFSETS_CACHED = 65_536  # distinct seconds whose offset is kept
_EPOCH = datetime.datetime(1970, 1, 1)
# Instants that Python can name; beyond them the offset of the border is taken.
_SECONDS_MIN = -62_135_510_400
_SECONDS_MAX = 253_402_214_400
_TABLES_END = 2_145_916_800  # 2038-01-01


def to_local(instants: pa.Array, zone: str) -> pa.Array:
    """Wall-clock times of a timestamp column (UTC, no zone) in `zone`, of the same unit."""
    if zone in ("UTC", "Etc/UTC", "GMT"):
        return instants
    if _arrow_knows(instants):
        try:
            return pc.local_timestamp(instants.cast(pa.timestamp(instants.type.unit, zone)))
        except pa.ArrowInvalid:  # Arrow reads the system's zone files only; Python has its own too
            pass
    return shifted_by_rule(instants, zone, local=False)


def to_utc(times: pa.Array, zone: str) -> pa.Array:
    """Instants of wall-clock times in `zone`: of two the earlier; in a gap as before the gap."""
    if zone in ("UTC", "Etc/UTC", "GMT"):
        return times
    if _arrow_knows(times):
        try:
            zoned = pc.assume_timezone(times, zone, ambiguous="earliest", nonexistent="raise")
            return zoned.cast(pa.timestamp(times.type.unit, "UTC")).cast(times.type)
        except pa.ArrowInvalid:  # a gap, or no zone files
            pass
    return shifted_by_rule(times, zone, local=True)


def _arrow_knows(times: pa.Array) -> bool:
    """Arrow ends summer time with the tables of the zone files, in 2037; Python goes on by rule."""
    latest = pc.max(times)
    return not latest.is_valid or latest.value // _PER_SECOND[times.type.unit] < _TABLES_END


def shifted_by_rule(times: pa.Array, zone: str, *, local: bool) -> pa.Array:
    """The same by Python's zone data, once per distinct second."""
    per_second = _PER_SECOND[times.type.unit]
    ticks = times.cast(pa.int64())
    numbers = ticks.fill_null(0).to_numpy()
    seconds, where = np.unique(numbers // per_second, return_inverse=True)
    offset = offset_of_local if local else offset_of_instant
    offsets = np.array([offset(int(s), zone) for s in seconds], np.int64)
    moved = offsets[where] * per_second
    shifted = numbers - moved if local else numbers + moved
    mask = ticks.is_null().to_numpy(zero_copy_only=False) if ticks.null_count else None
    return pa.array(shifted, pa.int64(), mask=mask).cast(times.type)


@lru_cache(maxsize=OFFSETS_CACHED)
def offset_of_instant(seconds: int, zone: str) -> int:
    """Seconds that `zone` is ahead of UTC at an instant (seconds since the epoch)."""
    info = zoneinfo.ZoneInfo(zone)
    held = min(max(seconds, _SECONDS_MIN), _SECONDS_MAX)
    moment = (_EPOCH + datetime.timedelta(seconds=held)).replace(tzinfo=info)
    local = info.fromutc(moment)
    offset = local.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


@lru_cache(maxsize=OFFSETS_CACHED)
def offset_of_local(seconds: int, zone: str) -> int:
    """The same for a wall-clock time, given as if it were UTC; of two offsets the earlier one."""
    held = min(max(seconds, _SECONDS_MIN), _SECONDS_MAX)
    moment = (_EPOCH + datetime.timedelta(seconds=held)).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    offset = moment.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
