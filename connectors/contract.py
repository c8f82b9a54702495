"""What connectors are given as definitions, and what a source is; sinks: `sink_contract`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, runtime_checkable

import msgspec

from connectors.guarantees import Guarantee
from engine.clock import Clock
from engine.errors import UserError
from engine.protocol import Definition, ResultColumn
from engine.source_appends import SourceFormat

# A secret property: stored sealed, shown as ******, drawn as a password field.
Secret = Annotated[str, msgspec.Meta(extra_json_schema={"format": "password", "writeOnly": True})]

# Waits that many seconds; the runner's own in production, virtual in tests.
Sleep = Callable[[float], Awaitable[None]]


class SourceDefinition(msgspec.Struct, frozen=True):
    """A source as the control plane stores it: what runs, into which stream of which workspace."""

    id: str
    workspace: str
    name: str
    type: str
    stream: str
    properties: dict[str, Any] = {}


class SinkDefinition(msgspec.Struct, frozen=True):
    """A sink as the control plane stores it. Its rows are those of the background query with owner
    `sink:<id>`, whose columns `header` names; `queries` are the texts of it: with others it begins
    anew."""

    id: str
    workspace: str
    name: str
    type: str
    properties: dict[str, Any] = {}
    header: tuple[ResultColumn, ...] = ()
    queries: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """The owner of its background query."""
        return f"sink:{self.id}"


class AlertAction(msgspec.Struct, frozen=True):
    """What an alert does: `action` is a sink type, `properties` are those of the sink."""

    action: str
    properties: dict[str, Any] = {}


class AlertDefinition(msgspec.Struct, frozen=True):
    """An alert as the control plane stores it. `action` is a sink type and `properties` are those
    of the sink; `actions` come after it.

    Its rows are those of the background query with owner `alert:<id>`: query 0 triggers, query 1,
    if there is one, resolves.
    """

    id: str
    workspace: str
    name: str
    action: str
    severity: int = 0
    properties: dict[str, Any] = {}
    trigger_header: tuple[ResultColumn, ...] = ()
    resolve_header: tuple[ResultColumn, ...] = ()
    queries: tuple[str, ...] = ()
    actions: tuple[AlertAction, ...] = ()
    # How long after the message of one trigger that of the next comes at the earliest.
    cooldown_ms: int = 0

    @property
    def all_actions(self) -> tuple[AlertAction, ...]:
        """Its actions, its own first."""
        return (AlertAction(self.action, self.properties), *self.actions)

    @property
    def owner(self) -> str:
        """The owner of its background query."""
        return f"alert:{self.id}"


class ConnectorType(msgspec.Struct, frozen=True):
    """A connector type as shown to users; `schema` is the JSON Schema of its properties.

    `secrets`: dotted names of the secret ones. `suggests`: those that values are proposed for.
    `verbs`: what can be tried before it is stored (check, suggest, preview, test).
    """

    name: str
    title: str
    summary: str
    guarantee: str
    icon: str
    schema: dict[str, Any]
    secrets: tuple[str, ...] = ()
    suggests: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()


def _nothing(_count: int, _reason: str) -> None:
    """Nobody counts them."""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source is given beside its configuration.

    `columns` are the names of the target's columns, None in a preview (then send all that is
    there). `saved`: the records that batches stored, of all lives. `definitions`: what the
    workspace has, such as its format schemas. Time, randomness and waiting come from here only.
    """

    source_id: str
    clock: Clock
    sleep: Sleep
    columns: tuple[str, ...] | None = None
    # Whether addresses that are not public may be connected to (setting allow_private_networks).
    private: bool = False
    saved: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    definitions: tuple[Definition, ...] = ()
    # Is told how many messages came and could not be taken, and why, where nobody sends them again.
    lost: Callable[[int, str], None] = _nothing


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """Messages that a source hands over, in the order in which they came; it may have none.

    A message is a JSON object or an array of them (format streaming), a text (lines), or rows as
    the engine's compact format has them (then it is alone). One that does not fit the stream goes
    to the dead-letter stream, with the others' commit. `token` comes back through `acknowledge`
    once the batch is durable. `created` is the clock's monotonic second at which its oldest message
    was received. `saved`: records to store in the same commit, such as how far the source has
    read; an empty one is removed. They are given to the next life, which drops by them what comes
    again. `refused`: messages that the source gives up itself, by index and why; they become dead
    letters. `origin` names the message at an index for ever, without it the runner does. `events`
    counts the rows, when the source knows it.
    """

    messages: Sequence[bytes]
    created: float
    format: SourceFormat = "streaming"
    token: object = None
    saved: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    origin: Callable[[int], str] | None = None
    events: int = -1
    refused: Mapping[int, str] = field(default_factory=dict[int, str])

    @property
    def size(self) -> int:
        """Bytes of its messages."""
        return sum(map(len, self.messages))

    @property
    def count(self) -> int:
        """Its rows, as far as it is known: else its messages."""
        return len(self.messages) if self.events < 0 else self.events


class AskedToWait(UserError):
    """The remote system wants to be left alone for so many seconds, `after`."""

    def __init__(self, message: str, after: float) -> None:
        super().__init__(message, 503, "orbit")
        self.after = after


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a connection test, in the order done; the first that is not ok is the last.

    `message`: why it failed, or what was found; no secret in it. `millis`: how long it took.
    """

    name: str
    ok: bool
    message: str = ""
    millis: int = 0


def _none(_config: Any) -> frozenset[str]:
    """Only what the type marks is secret."""
    return frozenset()


class Source(Protocol):
    """One running connection to a remote system. The runner calls it from one task at a time.

    Life: constructed (no I/O) -> `connect` -> `batches` and, beside it, `acknowledge` -> `close`.
    After any exception the runner calls `close`, waits (full jitter, 0.5 to 60 s; longer if
    AskedToWait says so) and constructs a new one. Nothing here may block the event loop for more
    than 10 ms.
    """

    async def connect(self) -> None:
        """Connect; raises with a sentence a user can act on. No secret in the message."""
        ...

    def batches(self) -> AsyncIterator[SourceBatch]:
        """Batches in arrival order, until cancelled. Called once, after `connect`.

        The runner stops taking while its bounded buffer is full: let the remote system wait. It
        returns only when the remote system has ended the stream, and raises when it failed.
        """
        ...

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """These batches are durable, in the order handed over; tell the remote system."""
        ...

    async def close(self) -> None:
        """Give back everything. Called once, also after a failed `connect`; never raises."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """A source or sink that can test its connection without running."""

    def check(self) -> AsyncIterator[CheckStep]:
        """Try name, address, sign-in, subject one by one; ends at the first that fails, within
        `connectors.checking.CHECK_SECONDS`. Called once, in place of `connect`; `close` follows.

        It leaves nothing behind and takes nothing from others: no message, consumer, topic or
        schema. Where that bounds what can be tried, the last message says so.
        """
        ...


@runtime_checkable
class Suggesting(Protocol):
    """A source or sink that can propose values for a property, such as topic names."""

    async def suggest(self, field: str) -> list[str]:
        """Values for `field`, which its specification lists in `suggests`. Called once, in place of
        `connect`; `close` follows. UserError when the other system cannot be asked."""
        ...


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """How a source type presents itself; each module of `connectors.sources` has one as `spec`.

    `name` is the `type` of the REST contract. `config` is a msgspec struct whose fields carry
    descriptions, defaults and `Secret` marks: validation, OpenAPI, the console's form and the
    reference page are drawn from its JSON Schema. `create` makes the source and does no I/O.
    `client` names the modules of its client library: they are loaded when the first one starts.
    `suggests`: the properties that it proposes values for, each with the properties that this
    takes; the others need not be given yet. `secrets` gives dotted names of values that are secret
    by their names, such as headers.
    """

    name: str
    title: str
    summary: str
    guarantee: Guarantee
    icon: str
    config: type[msgspec.Struct]
    create: Callable[[Any, SourceContext], Source]
    client: tuple[str, ...] = ()
    suggests: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    secrets: Callable[[Any], frozenset[str]] = _none
