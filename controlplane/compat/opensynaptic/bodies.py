"""Bodies of the OpenSynaptic API."""

from __future__ import annotations

from typing import Any

import msgspec


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device: when its newest packet says it was sent, and how many packets there are of it."""

    device_id: str
    last_seen: int
    packet_count: int


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """One fact of a node; `timestamp_raw` is the node's time, `created_at` that of the arrival."""

    packet_uuid: str
    device_id: str
    device_status: str
    timestamp_raw: int
    payload_json: dict[str, Any]
    created_at: int


class PacketSensor(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a packet."""

    sensor_index: int
    sensor_id: str
    sensor_status: str
    normalized_value: float | None
    normalized_unit: str | None


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """One value with what its packet says."""

    packet_uuid: str
    sensor_index: int
    sensor_id: str
    sensor_status: str
    normalized_value: float | None
    normalized_unit: str | None
    device_id: str
    timestamp_raw: int


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """A page of devices, seen last first; `limit` and `offset` are those that were used."""

    ok: bool
    devices: list[Device]
    total: int
    limit: int
    offset: int


class Packets(msgspec.Struct, frozen=True, kw_only=True):
    """A page of packets, newest first."""

    ok: bool
    packets: list[Packet]
    total: int
    limit: int
    offset: int


class PacketWithSensors(msgspec.Struct, frozen=True, kw_only=True):
    """A packet and its values by their index."""

    ok: bool
    packet: Packet
    sensors: list[PacketSensor]


class Sensors(msgspec.Struct, frozen=True, kw_only=True):
    """A page of values, newest first."""

    ok: bool
    sensors: list[Sensor]
    total: int
    limit: int
    offset: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of nodes; one fact alone is a body too."""

    facts: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of facts; those that are empty or no objects are skipped."""

    ok: bool
    accepted: int
    skipped: int
    packet_uuids: list[str]


class OpenSynapticError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The error body."""

    ok: bool = msgspec.field(default_factory=lambda: False)
    error: str
    packet_uuid: str = ""
