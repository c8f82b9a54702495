"""What the OpenSynaptic API asks its engine, and the answers; imports no Arrow or DuckDB."""

from __future__ import annotations

from typing import Final

import msgspec

DEVICES: Final = "devices"
PACKETS: Final = "packets"
PACKET: Final = "packet"
SENSORS: Final = "sensors"
SEND: Final = "send"


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page, and what its rows must be; '' and None = anything."""

    limit: int
    offset: int
    device_id: str = ""
    status: str = ""
    sensor_id: str = ""
    since: int | None = None
    until: int | None = None


class AskedPacket(msgspec.Struct, frozen=True):
    """One packet by its id."""

    packet_uuid: str


class StoredDevice(msgspec.Struct, frozen=True):
    """What is known of a device."""

    device_id: str
    last_seen: int
    packet_count: int


class StoredPacket(msgspec.Struct, frozen=True):
    """A row of os_packets; `payload_json` is a JSON object as text."""

    packet_uuid: str
    device_id: str
    device_status: str
    timestamp_raw: int
    payload_json: str
    created_at: int


class StoredSensor(msgspec.Struct, frozen=True):
    """A row of os_sensors."""

    packet_uuid: str
    sensor_index: int
    sensor_id: str
    sensor_status: str
    normalized_value: float | None
    normalized_unit: str | None
    device_id: str
    timestamp_raw: int


class DevicesPage(msgspec.Struct, frozen=True):
    """Some devices of `total`."""

    rows: list[StoredDevice]
    total: int


class PacketsPage(msgspec.Struct, frozen=True):
    """Some packets of `total` that fit."""

    rows: list[StoredPacket]
    total: int


class SensorsPage(msgspec.Struct, frozen=True):
    """Some values of `total` that fit."""

    rows: list[StoredSensor]
    total: int


class FoundPacket(msgspec.Struct, frozen=True):
    """A packet with its values by their index; None when there is no such packet."""

    packet: StoredPacket | None = None
    sensors: list[StoredSensor] = []


class Sent(msgspec.Struct, frozen=True):
    """What became of facts: ids of the packets that are stored, and how many were no facts."""

    packet_uuids: list[str]
    skipped: int
