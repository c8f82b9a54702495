"""Facts of OpenSynaptic nodes: what one means, and its rows of os_packets and os_sensors."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine.batch import TP_TIME, Int64s
from engine.clock import Clock
from engine.errors import TooLarge
from engine.log.records import Append

# A page holds 500 packets with their facts and crosses the socket in one frame.
FACT_CHARS_MAX: Final = 32 << 10
# Each value repeats the name of its device: rows that are much larger than their fact are not made.
# Bytes of rows for each character of a fact; a fact of values alone, by a usual name, needs 15.
GROWTH_MAX: Final = 20
# So that a small fact may have any name.
GROWTH_FREE: Final = 2048
# Rows of one commit, which are in memory together and in the log's (its waiting_bytes_max) with
# the facts: those of the largest append of a source always fit.
ROWS_BYTES_MAX: Final = 100 << 20
# Of a value beside the name of its device: ids, time, number, and the borders of its texts.
_VALUE_BYTES: Final = 90
# Nodes without a clock send 0 or seconds since they started: such times are no event times.
TIMESTAMP_MIN: Final = 1_000_000
# The last second that datetime64 holds (year 2299); larger ones are milliseconds, or wrong.
TIMESTAMP_MAX: Final = 10_413_791_999
UNKNOWN: Final = "UNKNOWN"
INT64_MAX: Final = (1 << 63) - 1
_KEYS_KEPT: Final = 64

_object = msgspec.json.Decoder(dict[str, Any])


def fact_of(raw: str) -> tuple[dict[str, Any], str] | None:
    """The fact in a text with the JSON that is kept of it; None for what is no fact: no JSON, no
    object, an empty one, or one above FACT_CHARS_MAX."""
    if len(raw) > FACT_CHARS_MAX:
        return None
    try:
        fact = _object.decode(raw)
        return (fact, raw) if fact else None
    except (msgspec.DecodeError, RecursionError):
        return _lenient(raw)


def _lenient(raw: str) -> tuple[dict[str, Any], str] | None:
    """Backup files of nodes may hold NaN and Infinity, which are not JSON: kept as null."""
    try:
        fact = json.loads(raw)
        if not isinstance(fact, dict) or not fact:
            return None
        return fact, msgspec.json.encode(fact).decode()
    except (ValueError, RecursionError, msgspec.EncodeError, OverflowError):
        return None


def _integer(value: Any, default: int) -> int:
    try:
        found = int(value)
    except (ValueError, TypeError, OverflowError):
        return default
    return found if -INT64_MAX <= found <= INT64_MAX else default


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _text(value: Any, default: str) -> str:
    return value if isinstance(value, str) else default if value is None else str(value)


def _keys(number: int) -> tuple[str, str, str, str]:
    return f"s{number}_id", f"s{number}_s", f"s{number}_v", f"s{number}_u"


_KEYS: Final = tuple(_keys(number) for number in range(1, _KEYS_KEPT + 1))


def _keys_of(number: int) -> tuple[str, str, str, str]:
    return _KEYS[number - 1] if number <= _KEYS_KEPT else _keys(number)


def _values_of(fact: dict[str, Any]) -> int:
    """How many values it has: one is there while any of its keys is."""
    number = 1
    while not fact.keys().isdisjoint(_keys_of(number)):
        number += 1
    return number - 1


@dataclass(slots=True)
class _Packets:
    packet_uuid: list[str] = field(default_factory=list[str])
    device_id: list[str] = field(default_factory=list[str])
    device_status: list[str] = field(default_factory=list[str])
    timestamp_raw: list[int] = field(default_factory=list[int])
    payload_json: list[str] = field(default_factory=list[str])
    created_at: list[int] = field(default_factory=list[int])


@dataclass(slots=True)
class _Sensors:
    # Of each value: which packet it is of. The rest of its columns follow from that.
    packet: list[int] = field(default_factory=list[int])
    sensor_index: list[int] = field(default_factory=list[int])
    sensor_id: list[str] = field(default_factory=list[str])
    sensor_status: list[str] = field(default_factory=list[str])
    normalized_value: list[float | None] = field(default_factory=list[float | None])
    normalized_unit: list[str | None] = field(default_factory=list[str | None])


class Facts:
    """Splits facts, one after the other, into rows; for one append or several of one stream."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now = clock.now_ms() // 1000
        self._packets = _Packets()
        self._sensors = _Sensors()
        self._bytes = 0

    @property
    def packets(self) -> int:
        """How many packets there are so far."""
        return len(self._packets.packet_uuid)

    @property
    def sensors(self) -> int:
        """How many values there are so far."""
        return len(self._sensors.packet)

    @property
    def packet_uuids(self) -> list[str]:
        """Ids of the packets, in the order of their facts."""
        return self._packets.packet_uuid

    def add(self, raw: str) -> bool:
        """Take a fact; False for what is none. TooLarge when the rows of all become too large."""
        found = fact_of(raw)
        if found is None:
            return False
        fact, payload = found
        device = _text(fact.get("id"), UNKNOWN)
        values = _values_of(fact)
        width = len(device) if device.isascii() else len(device.encode())
        size = values * (_VALUE_BYTES + width)
        if size > GROWTH_MAX * len(raw) + GROWTH_FREE:
            return False
        self._bytes += size + len(raw)
        if self._bytes > ROWS_BYTES_MAX:
            raise TooLarge(
                f"The rows of these facts are larger than {ROWS_BYTES_MAX} bytes; send them in "
                "smaller parts."
            )
        into, now = self._packets, self._now
        into.packet_uuid.append(self._clock.uuid4())
        into.device_id.append(device)
        into.device_status.append(_text(fact.get("s"), UNKNOWN))
        into.timestamp_raw.append(_integer(fact.get("t"), now))
        into.payload_json.append(payload)
        into.created_at.append(now)
        self._values(fact, len(into.packet_uuid) - 1, values)
        return True

    def _values(self, fact: dict[str, Any], packet: int, values: int) -> None:
        into = self._sensors
        for number in range(1, values + 1):
            name, status, value, unit = _keys_of(number)
            into.packet.append(packet)
            into.sensor_index.append(number)
            into.sensor_id.append(_text(fact.get(name), ""))
            into.sensor_status.append(_text(fact.get(status), UNKNOWN))
            into.normalized_value.append(_number(fact.get(value)))
            found = fact.get(unit)
            into.normalized_unit.append(None if found is None else _text(found, ""))

    def rows(self, packets: pa.Schema, sensors: pa.Schema) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """All rows, with the stored columns of both streams."""
        raw = np.array(self._packets.timestamp_raw, np.int64)
        fits = (raw >= TIMESTAMP_MIN) & (raw <= TIMESTAMP_MAX)
        times = np.where(fits, raw, np.array(self._packets.created_at, np.int64)) * 1000
        found: dict[str, Any] = {
            name: getattr(self._packets, name) for name in packets.names if name != TP_TIME
        }
        found[TP_TIME] = times.view("datetime64[ms]")
        of_packets = _batch(found, packets)
        at = pa.array(self._sensors.packet, pa.int32())
        own = {"sensor_index", "sensor_id", "sensor_status", "normalized_value", "normalized_unit"}
        found = {
            name: getattr(self._sensors, name) if name in own else of_packets[name].take(at)
            for name in sensors.names
        }
        return of_packets, _batch(found, sensors)


def _batch(columns: dict[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, schema.field(name).type)
        for name, column in ((name, columns[name]) for name in schema.names)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def appends_of(
    stream_id: str, rows: pa.RecordBatch, ends: Sequence[int], ids: dict[int, str]
) -> Append | None:
    """`rows` as appends that end at `ends`, of which those without rows are left out, unless they
    have an id: it may come again, with a fact. `ids` are the idempotency ids by their index in
    `ends`. None when nothing is left."""
    borders, named = [0], list[tuple[int, str]]()
    for at, end in enumerate(ends):
        if end == borders[-1] and at not in ids:
            continue
        if at in ids:
            named.append((len(borders) - 1, ids[at]))
        borders.append(end)
    if len(borders) == 1:
        return None
    numbers: Int64s = np.array(borders, np.int64)
    return Append(stream_id, rows, numbers, tuple(named))
