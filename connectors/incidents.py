"""The state of an alert: what a row or a manual resolve makes of it, as pure functions."""

from __future__ import annotations

import operator
from collections.abc import Container
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
    """A message that was not confirmed yet: the row that made the change, its values as JSON.

    `waiting`: numbers of the actions that have not confirmed it; the alert's own is 0.
    """

    type: Status
    incident: str
    timestamp: int
    row: tuple[msgspec.Raw, ...] = ()
    waiting: tuple[int, ...] = (0,)


class Instance(msgspec.Struct, frozen=True):
    """The state of one alert, as it is saved. `id` is that of the incident, '' before the first.

    `timeline` has the last 100 changes, newest last; `pending` what is to be sent, oldest first.
    `told_ms`: when the last trigger became one of them; `held`: one that the cool-down keeps back.
    """

    id: str = ""
    status: Status = "resolved"
    timeline: tuple[Moment, ...] = ()
    pending: tuple[Notification, ...] = ()
    told_ms: int = 0
    held: Notification | None = None


class Rule(msgspec.Struct, frozen=True):
    """How an alert tells of its changes: by how many actions, and how long after one trigger at
    the earliest of the next."""

    actions: int = 1
    cooldown_ms: int = 0


_RULE: Final = Rule()
encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Instance).decode


def decode(record: bytes | None) -> Instance:
    """The saved state; that of a new alert when there is none."""
    return Instance() if record is None else _decode(record)


def changes(instance: Instance, query: int) -> bool:
    """Whether a row of that query (0 triggers, 1 resolves) changes the state."""
    return instance.status == ("resolved" if query == 0 else "triggered")


def observed(
    instance: Instance,
    query: int,
    row: tuple[msgspec.Raw, ...],
    now_ms: int,
    new_id: str,
    rule: Rule = _RULE,
) -> Instance:
    """The state after a row of a query; the same object when nothing changes.

    A trigger begins the incident `new_id`, a resolve ends it; each adds its message to `pending`,
    which may then have one more than `PENDING_MAX`. A trigger within the cool-down is held
    instead; an incident that ends while its trigger is held is told of by neither message.
    """
    if not changes(instance, query):
        return instance
    status: Status = "triggered" if query == 0 else "resolved"
    changed = msgspec.structs.replace(
        instance,
        id=new_id if status == "triggered" else instance.id,
        status=status,
        timeline=_after(instance.timeline, Moment(now_ms, status)),
        held=None,
    )
    if status == "resolved" and instance.held is not None:
        return changed
    waiting = tuple(range(rule.actions))
    message = Notification(status, changed.id, now_ms, _cut(row), waiting)
    if status == "resolved":
        return msgspec.structs.replace(changed, pending=(*instance.pending, message))
    return released(msgspec.structs.replace(changed, held=message), now_ms, rule)


def held_ms(instance: Instance, now_ms: int, rule: Rule) -> int | None:
    """How long what is held stays so, at most one cool-down; None when nothing is."""
    if instance.held is None:
        return None
    return max(0, min(instance.told_ms + rule.cooldown_ms - now_ms, rule.cooldown_ms))


def released(instance: Instance, now_ms: int, rule: Rule) -> Instance:
    """The state when what is held is to be sent, if it is due; else the same object."""
    message = instance.held
    if message is None or held_ms(instance, now_ms, rule):
        return instance
    pending = (*instance.pending, message)
    return msgspec.structs.replace(instance, pending=pending, told_ms=now_ms, held=None)


def resolved_by_hand(instance: Instance, now_ms: int) -> Instance:
    """The state after a manual resolve, which sends nothing; the same object if it is resolved.

    What is still to be sent stays so, but for what is held.
    """
    if instance.status == "resolved":
        return instance
    timeline = _after(instance.timeline, Moment(now_ms, "resolved"))
    return msgspec.structs.replace(instance, status="resolved", timeline=timeline, held=None)


def without(instance: Instance, message: Notification, actions: Container[int]) -> Instance:
    """The state when some actions have sent a message, or given it up; the same object if none of
    them has still to send it."""
    pending: list[Notification] = []
    for each in instance.pending:
        if (each.incident, each.type) == (message.incident, message.type):
            waiting = tuple(action for action in each.waiting if action not in actions)
            if waiting == each.waiting:
                return instance
            if not waiting:
                continue
            each = msgspec.structs.replace(each, waiting=waiting)
        pending.append(each)
    if len(pending) == len(instance.pending) and all(map(operator.is_, pending, instance.pending)):
        return instance
    return msgspec.structs.replace(instance, pending=tuple(pending))


def waiting_for(instance: Instance, message: Notification) -> tuple[int, ...]:
    """The actions that have still to send a message."""
    key = message.incident, message.type
    return next(
        (each.waiting for each in instance.pending if (each.incident, each.type) == key), ()
    )


def next_for(instance: Instance, action: int) -> Notification | None:
    """The oldest message that an action has still to send."""
    return next((each for each in instance.pending if action in each.waiting), None)


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
