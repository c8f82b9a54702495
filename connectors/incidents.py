"""The state of an alert: what a row or a manual resolve makes of it, as pure functions."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Status = Literal["resolved", "triggered"]

TIMELINE_MAX: Final = 100
# Messages that wait for a target that is away; beyond, the oldest is given up.
PENDING_MAX: Final = 16
# Bytes of the values of a waiting message's row; longer ones are cut.
ROW_BYTES_MAX: Final = 32 << 10
VALUE_BYTES_MIN: Final = 64


class Moment(msgspec.Struct, frozen=True):
    """A change of the state, milliseconds since the epoch."""

    timestamp: int
    type: Status


class Notification(msgspec.Struct, frozen=True):
    """A message that was not confirmed yet: the row that made the change, its values as JSON."""

    type: Status
    incident: str
    timestamp: int
    row: tuple[msgspec.Raw, ...] = ()


class Instance(msgspec.Struct, frozen=True):
    """The state of one alert, as it is saved. `id` is that of the incident, '' before the first.

    `timeline` has the last 100 changes, newest last; `pending` what is to be sent, oldest first.
    """

    id: str = ""
    status: Status = "resolved"
    timeline: tuple[Moment, ...] = ()
    pending: tuple[Notification, ...] = ()


encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Instance).decode


def decode(record: bytes | None) -> Instance:
    """The saved state; that of a new alert when there is none."""
    return Instance() if record is None else _decode(record)


def changes(instance: Instance, query: int) -> bool:
    """Whether a row of that query (0 triggers, 1 resolves) changes the state."""
    return instance.status == ("resolved" if query == 0 else "triggered")


def observed(
    instance: Instance, query: int, row: tuple[msgspec.Raw, ...], now_ms: int, new_id: str
) -> Instance:
    """The state after a row of a query; the same object when nothing changes.

    A trigger begins the incident `new_id`, a resolve ends it; each adds its message to `pending`,
    which may then have one more than `PENDING_MAX`.
    """
    if not changes(instance, query):
        return instance
    status: Status = "triggered" if query == 0 else "resolved"
    incident = new_id if status == "triggered" else instance.id
    message = Notification(status, incident, now_ms, _cut(row))
    return Instance(
        incident,
        status,
        _after(instance.timeline, Moment(now_ms, status)),
        (*instance.pending, message),
    )


def resolved_by_hand(instance: Instance, now_ms: int) -> Instance:
    """The state after a manual resolve, which sends nothing; the same object if it is resolved.

    What is still to be sent stays so.
    """
    if instance.status == "resolved":
        return instance
    timeline = _after(instance.timeline, Moment(now_ms, "resolved"))
    return msgspec.structs.replace(instance, status="resolved", timeline=timeline)


def without(instance: Instance, message: Notification) -> Instance:
    """The state when a message was sent or given up; the same object if it is not pending."""
    left = tuple(pending for pending in instance.pending if pending is not message)
    if len(left) == len(instance.pending):
        return instance
    return msgspec.structs.replace(instance, pending=left)


def _after(timeline: tuple[Moment, ...], moment: Moment) -> tuple[Moment, ...]:
    return (*timeline, moment)[-TIMELINE_MAX:]


def _cut(row: tuple[msgspec.Raw, ...]) -> tuple[msgspec.Raw, ...]:
    """The row with values that fit; what is cut becomes a text."""
    if sum(len(bytes(value)) for value in row) <= ROW_BYTES_MAX:
        return tuple(value.copy() for value in row)
    most = max(VALUE_BYTES_MIN, ROW_BYTES_MAX // len(row))
    return tuple(_shortened(bytes(value), most) for value in row)


def _shortened(value: bytes, most: int) -> msgspec.Raw:
    if len(value) <= most:
        return msgspec.Raw(value)
    text = msgspec.json.decode(value, type=str) if value[:1] == b'"' else value.decode()
    # A character has up to 6 bytes as JSON.
    return msgspec.Raw(msgspec.json.encode(text[: most // 6] + "…"))
