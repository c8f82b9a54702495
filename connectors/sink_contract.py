"""What a sink is: its specification, its rows and the protocol that the runner drives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from connectors.contract import Guarantee, Sleep
from engine.clock import Clock
from engine.protocol import IngestAck, IngestRequest, Position, ResultColumn, Snapshot

# What a sink is made for: the rows of a query, or the message of one transition of an alert.
Purpose = Literal["rows", "triggered", "resolved"]


class Writer(Protocol):
    """What a sink may do in the engine of its workspace."""

    async def ingest(self, request: IngestRequest, body: bytes) -> IngestAck:
        """See Engine.ingest."""
        ...

    async def definitions(self) -> Snapshot:
        """See Engine.definitions."""
        ...


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink is given beside its configuration.

    `columns` are those of the rows; templates may also name the `extras`, whose texts each row
    carries. Time, randomness and waiting come from here only. `engine` is that of the workspace, or
    raises EngineUnavailable.
    """

    sink_id: str
    clock: Clock
    sleep: Sleep
    columns: tuple[ResultColumn, ...]
    engine: Callable[[], Awaitable[Writer]]
    # Whether addresses that are not public may be connected to (setting allow_private_networks).
    private: bool = False
    purpose: Purpose = "rows"
    # Of an alert's message: what happened, as a title.
    title: str = ""
    extras: tuple[str, ...] = ()
    # Whether dead letters are delivered again, beside the sink that may run meanwhile.
    is_replay: bool = False


class SinkRow(msgspec.Struct, frozen=True):
    """One row: `values` are JSON texts, one for each column, then one for each extra.

    `event_id` is the same at each attempt, over restarts too: let the remote system have it, so
    that a row that comes twice can be dropped. `headers`: more of that kind, for who has headers.
    """

    event_id: str
    position: Position
    values: Sequence[msgspec.Raw]
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The row at `index` of a batch can never be delivered, and why: it becomes a dead letter."""

    index: int
    message: str


class NotDelivered(Exception):
    """An attempt failed; none, some or all rows may have arrived. No secret in the message.

    `after`: seconds that the remote system asks to be left alone. `reconnect`: this sink cannot be
    used again, a new one is made.
    """

    def __init__(self, message: str, *, after: float = 0.0, reconnect: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.after = after
        self.reconnect = reconnect


class Unfit(Exception):
    """One of the rows can never be delivered, as the message says; none arrived for certain.

    Which it is the runner finds out: it delivers each alone.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the runner drives a sink.

    `rows`: of one batch at most. `parallel`: batches at a time; order is kept when it is 1.
    `retries`: attempts after the first until a batch's rows are given up, None = never.
    `interval`: seconds between two attempts, None = back-off with full jitter of 0.5 to 60 s.
    `linger`: seconds that the first row of a batch waits for others, unless there are `rows`.
    `exact`: a batch that comes again has the same rows, over restarts too, so that the remote
    system can know it by the first and the last; with `parallel` 1.
    `folds`: it makes instants of local times; see Background.read_background.
    """

    rows: int = 1
    parallel: int = 1
    retries: int | None = None
    interval: float | None = None
    linger: float = 0.0
    exact: bool = False
    folds: bool = False


class Sink(Protocol):
    """One connection to a remote system. Retrying, batches, metrics and stopping are the runner's.

    Life: constructed (no I/O) -> `connect` -> `deliver` many times -> `close`. Nothing here may
    block the event loop for more than 10 ms.
    """

    async def connect(self) -> None:
        """Connect; NotDelivered or UserError with a sentence a user can act on."""
        ...

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """One attempt. On return the remote system has all rows, in order, but those refused.

        Raises NotDelivered when another attempt may succeed, Unfit when none of all. Called by as
        many tasks at a time as the sink's `Delivery.parallel` says. May be cancelled.
        """
        ...

    async def close(self) -> None:
        """Give back everything. Called once, also after a failed `connect`; never raises."""
        ...


def _none(_: Any) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """How a sink type presents itself; each module of `connectors.sinks` has one as `spec`.

    `name` is the `type` of the REST contract and the `action` of an alert. `config` as in
    `SourceSpec`. `create` makes the sink and does no I/O; UserError (400) for a template that does
    not fit the columns. `delivery` says how it is driven. `secrets` gives dotted names of values
    that are secret beside those that `config` marks, such as those of some headers. `client` and
    `suggests` as in `SourceSpec`.
    """

    name: str
    title: str
    summary: str
    guarantee: Guarantee
    icon: str
    config: type[msgspec.Struct]
    create: Callable[[Any, SinkContext], Sink]
    delivery: Callable[[Any, SinkContext], Delivery]
    secrets: Callable[[Any], frozenset[str]] = _none
    client: tuple[str, ...] = ()
    suggests: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
