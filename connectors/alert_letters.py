"""Messages of alerts that are given up: their event ids, and the dead letters they become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from connectors import incidents
from connectors.incidents import Notification
from connectors.row_json import ObjectWriter
from engine.dead_letter import DeadLetter
from engine.protocol import Position, ResultColumn

# The record of the engine that holds the incident of an alert.
INSTANCE: Final = "instance"
CHANGED: Final = "The alert was changed before this message was sent."


class Records(Protocol):
    """The part of an engine that keeps the state of alerts."""

    async def saved(self, owners: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
        """See Background.saved."""
        ...

    async def advance(
        self,
        owner: str,
        to: Position,
        saved: dict[str, bytes] | None = None,
        letters: tuple[DeadLetter, ...] = (),
    ) -> None:
        """See Background.advance."""
        ...


def event_id(message: Notification, number: int) -> str:
    """That of one message by one action; the alert's own action is not numbered."""
    return f"{message.incident}-{message.type}" + (f"-{number}" if number else "")


def of(
    message: Notification, numbers: Sequence[int], header: Sequence[ResultColumn], why: str
) -> tuple[DeadLetter, ...]:
    """The letters of a message, one for each of the actions that give it up."""
    raw = ObjectWriter(header).write(message.row).decode()
    return tuple(DeadLetter(raw, why, event_id(message, number)) for number in numbers)


async def give_up_all(
    engine: Records,
    owner: str,
    trigger_header: Sequence[ResultColumn],
    resolve_header: Sequence[ResultColumn],
) -> None:
    """Make dead letters of all messages that an alert which no runner watches has still to send,
    in the commit that takes them out of its state. StorageFull; nothing is changed then."""
    record = (await engine.saved((owner,))).get(owner, {}).get(INSTANCE)
    instance = incidents.decode(record)
    letters: list[DeadLetter] = []
    for message in instance.pending:
        header = trigger_header if message.type == "triggered" else resolve_header
        letters += of(message, message.waiting, header, CHANGED)
        instance = incidents.without(instance, message, message.waiting)
    if letters:
        await engine.advance(
            owner, Position(), {INSTANCE: incidents.encode(instance)}, tuple(letters)
        )
