"""What a type of external object is made of: how its definition becomes a reader or a writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from connectors.contract import Sleep, Source
from connectors.sink_contract import Delivery, Sink, SinkContext
from engine.clock import Clock
from engine.errors import UserError
from engine.external_objects import External, SkipTo, Start


class Unreadable(UserError):
    """Another attempt would end alike, as long as the definition and the remote system are as they
    are. A bounded read fails with it, others try again: what is missing may be made."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 400, "orbit")


class OffsetExpired(Unreadable):
    """The broker has removed messages that come next: going on behind them would lose them with
    nothing said. Any reader fails with it; whoever runs it says where it goes on."""


def expired(external: External, what: str, known: int, first: int) -> OffsetExpired:
    """`what`: where the messages were. `known`: the wanted one; `first`: the earliest there is."""
    return OffsetExpired(
        f"Offset expired: {external.name} goes on with message {known} of {what}, whose earliest "
        f"is {first}: the messages {known} to {first - 1} are no longer kept."
    )


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader of an external stream is given beside the definition.

    `saved`: the records that its batches stored, of all lives; with them it goes on where it was,
    and `start` counts only where there are none. `bounded`: it ends (`batches` returns) at the end
    as it was when it began, which it keeps among the records. `skip_to`: where it goes on when
    messages that come next are gone, which else is an OffsetExpired. Time, randomness and waiting
    come from here only.
    """

    reader_id: str
    clock: Clock
    sleep: Sleep
    start: Start = field(default_factory=Start)
    bounded: bool = False
    # Whether addresses that are not public may be connected to (setting allow_private_networks).
    private: bool = False
    saved: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    skip_to: SkipTo = ""


@dataclass(frozen=True, slots=True)
class ExternalSpec:
    """A type of external object; each module that `registry` names has one as `spec`.

    The definition's secrets are opened when it comes here (`registry.opened`). `check` raises
    UserError for settings that cannot be; nobody is connected to. `writer` makes a sink whose rows
    have the columns of its context; it does no I/O. `delivery` says how it is driven. `reader`
    makes what reads an external stream: a `Source` (see there) whose first batch, of no messages,
    stores where it begins, and whose messages are JSON objects with the keys of the columns and
    those of `engine.external_objects` (`rows.EventWriter` makes them). None for a table, whose
    rows are fetched otherwise.
    """

    type: str
    kind: Literal["external_stream", "external_table"]
    check: Callable[[External], None]
    writer: Callable[[External, SinkContext], Sink]
    delivery: Callable[[External], Delivery]
    reader: Callable[[External, ReadContext], Source] | None = None
