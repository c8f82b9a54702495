"""How the control plane talks to the connector process: messages and a client, over a Unix socket.

Frame: u32 length (big-endian), then msgpack. A request is `(number, command)`, a reply is
`(number, error or null, result)`; replies may come in any order. This module imports msgspec,
asyncio and `engine.errors` only, so that the control plane stays small.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from connectors.check_contract import (
    ANSWER_SECONDS,
    SEND_SECONDS,
    Check,
    SendTest,
    Suggest,
    Suggested,
)
from connectors.contract import (
    AlertDefinition,
    CheckStep,
    ConnectorType,
    SinkDefinition,
    SourceDefinition,
)
from connectors.metrics import SourceCounters, SourceSample, SourceStats
from connectors.replay_contract import REPLAY_SECONDS, Replayed, ReplayWanted
from connectors.status import SourceStatus
from engine.errors import BY_NAME, EngineUnavailable, TailraceError, UserError
from engine.protocol import ResultColumn

# Requests hold one source definition, replies at most a preview: a longer frame is a broken peer.
FRAME_BYTES_MAX: Final = 16 << 20
CALL_SECONDS: Final = 10.0
# A stop waits until the last batch is written (10 s at most in the runner).
STOP_SECONDS: Final = 15.0
# Reaching a cluster may take as long as its own deadline (10 s) says.
TOPICS_SECONDS: Final = 20.0

T = TypeVar("T")


class ListTypes(msgspec.Struct, frozen=True, tag_field="command", tag="list_types"):
    """All source types -> list of ConnectorType."""


class Validate(msgspec.Struct, frozen=True, tag_field="command", tag="validate"):
    """Check type and properties without connecting -> dotted names of the type's secret
    properties, or UserError 400."""

    type: str
    properties: dict[str, Any]


class Start(msgspec.Struct, frozen=True, tag_field="command", tag="start"):
    """Run this source -> SourceStatus. The same definition again does nothing; another one with
    the same id replaces it. `begin`: what its counters go on from."""

    source: SourceDefinition
    begin: SourceCounters | None = None


class ListSinkTypes(msgspec.Struct, frozen=True, tag_field="command", tag="list_sink_types"):
    """All sink types -> list of ConnectorType."""


class ValidateSink(msgspec.Struct, frozen=True, tag_field="command", tag="validate_sink"):
    """Check type, properties and templates without connecting -> dotted names of the type's secret
    properties, or UserError 400.

    `columns` are those of the query. As the action of an alert (`alert`) they are those of its
    trigger, and `resolve_columns` those of its resolve, none without one.
    """

    type: str
    properties: dict[str, Any]
    columns: tuple[ResultColumn, ...]
    alert: bool = False
    resolve_columns: tuple[ResultColumn, ...] = ()


class StartSink(msgspec.Struct, frozen=True, tag_field="command", tag="start_sink"):
    """Deliver the rows of this sink -> SourceStatus; as `Start`. Its background query must be
    there before; stop the sink before that is begun anew with other queries."""

    sink: SinkDefinition
    begin: SourceCounters | None = None


class StartAlert(msgspec.Struct, frozen=True, tag_field="command", tag="start_alert"):
    """Watch and notify for this alert -> SourceStatus; as `StartSink`. Its state is the saved
    record `instance` of its background query."""

    alert: AlertDefinition
    begin: SourceCounters | None = None


class ResolveAlert(msgspec.Struct, frozen=True, tag_field="command", tag="resolve_alert"):
    """Resolve it by hand, running or not, without a message -> None. Durable when answered; fine
    if it is resolved already. NotFound without a background query."""

    workspace: str
    id: str


class ReplaySource(msgspec.Struct, frozen=True, tag_field="command", tag="replay_source"):
    """Store dead letters of a source, running or not -> Replayed, within `REPLAY_SECONDS`. SqlError
    for a predicate that does not fit, NotFound without the stream."""

    source: SourceDefinition
    wanted: ReplayWanted


class ReplaySink(msgspec.Struct, frozen=True, tag_field="command", tag="replay_sink"):
    """Deliver dead letters of a sink again, running or not -> Replayed; as `ReplaySource`."""

    sink: SinkDefinition
    wanted: ReplayWanted


class Stop(msgspec.Struct, frozen=True, tag_field="command", tag="stop"):
    """Stop a source, sink or alert after its last batch is written -> SourceStatus; unknown ids
    are stopped."""

    id: str


class Delete(msgspec.Struct, frozen=True, tag_field="command", tag="delete"):
    """Stop a source, sink or alert and forget it -> None."""

    id: str


class Status(msgspec.Struct, frozen=True, tag_field="command", tag="status"):
    """States of all sources, sinks and alerts known to the process -> list of SourceStatus."""


class Stats(msgspec.Struct, frozen=True, tag_field="command", tag="stats"):
    """Counters of one source, sink or alert -> SourceStats (zeros when unknown)."""

    id: str
    range_ms: int
    error_range_ms: int


class Samples(msgspec.Struct, frozen=True, tag_field="command", tag="samples"):
    """Counters of all sources, sinks and alerts, with their minutes since the given one -> list of
    SourceSample."""

    since_minute: int


class Log(msgspec.Struct, frozen=True, tag_field="command", tag="log"):
    """What happened to a source, sink or alert -> list of at most so many lines, oldest first."""

    id: str
    lines: int


class Topics(msgspec.Struct, frozen=True, tag_field="command", tag="topics"):
    """Names of the topics of a Kafka cluster -> list of str, or UserError 400."""

    properties: dict[str, Any]


class Keys(msgspec.Struct, frozen=True, tag_field="command", tag="keys"):
    """The keys that sealed texts are opened with, by id -> None. Sent first on each connection."""

    keys: dict[str, bytes]

    def __repr__(self) -> str:
        return "Keys()"


class Preview(msgspec.Struct, frozen=True, tag_field="command", tag="preview"):
    """Connect, take up to `size` events within `timeout_ms` -> list of objects; UserError 400.

    `workspace`: whose format schemas can be named."""

    type: str
    properties: dict[str, Any]
    size: int
    timeout_ms: int
    workspace: str = ""


Command = (
    ListTypes | Validate | Start | Stop | Delete | Status | Stats | Preview
    | Samples | Log | Topics | Keys
    | ListSinkTypes | ValidateSink | StartSink | StartAlert | ResolveAlert
    | ReplaySource | ReplaySink
    | Check | Suggest | SendTest
)  # fmt: skip


class Failure(msgspec.Struct, frozen=True):
    """An error of the tree on its way: class name and the three parts of the body."""

    kind: str
    code: int
    message: str
    system: str

    @classmethod
    def of(cls, error: TailraceError) -> Failure:
        """The error as a message."""
        return cls(type(error).__name__, error.code, error.message, error.system)

    def error(self) -> TailraceError:
        """The message as an error."""
        return BY_NAME.get(self.kind, TailraceError)(self.message, self.code, self.system)


encode = msgspec.msgpack.Encoder().encode
decode_request: Final = msgspec.msgpack.Decoder(tuple[int, Command]).decode
_decode_reply: Final = msgspec.msgpack.Decoder(tuple[int, Failure | None, msgspec.Raw]).decode


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """The next frame, None at the end; ValueError when the peer announces an absurd length."""
    try:
        length = int.from_bytes(await reader.readexactly(4), "big")
        if length > FRAME_BYTES_MAX:
            raise ValueError(f"a frame of {length} bytes is above {FRAME_BYTES_MAX}")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def frame(message: object) -> bytes:
    """A message with its length in front; UserError for a number beyond 64 bits."""
    try:
        body = encode(message)
    except OverflowError:
        raise UserError("A number is outside of 64 bits.", 400, "orbit") from None
    return len(body).to_bytes(4, "big") + body


def _gone() -> EngineUnavailable:
    return EngineUnavailable("The connector process is starting; try again.", 503, "orbit")


class ConnectorClient:
    """Client of the connector process. Connects at the first call and again after a loss.

    Safe to share between tasks of one loop. Every call raises EngineUnavailable (503, orbit) while
    the process is away or does not answer in time, and the errors of the process as they are.
    """

    def __init__(self, socket: Path, keys: Callable[[], Mapping[str, bytes]] | None = None) -> None:
        self._socket = socket
        self._keys = keys
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._next = 1
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}

    async def types(self) -> list[ConnectorType]:
        """All source types with the JSON Schema of their properties."""
        return await self._call(ListTypes(), list[ConnectorType])

    async def validate(self, type_: str, properties: dict[str, Any]) -> frozenset[str]:
        """Dotted names of the type's secrets. UserError (400) when the type is not available or a
        property does not fit."""
        return await self._call(Validate(type_, properties), frozenset[str])

    async def start(
        self, source: SourceDefinition, begin: SourceCounters | None = None
    ) -> SourceStatus:
        """Run a source; returns at once, connecting goes on in the background."""
        return await self._call(Start(source, begin), SourceStatus)

    async def sink_types(self) -> list[ConnectorType]:
        """All sink types, which are also the actions of alerts, with their properties' schema."""
        return await self._call(ListSinkTypes(), list[ConnectorType])

    async def validate_sink(
        self,
        type_: str,
        properties: dict[str, Any],
        columns: tuple[ResultColumn, ...],
        *,
        alert: bool = False,
        resolve_columns: tuple[ResultColumn, ...] = (),
    ) -> frozenset[str]:
        """Dotted names of the type's secrets. UserError (400) when the type is not available, a
        property does not fit or a template names an unknown column. See `ValidateSink`."""
        command = ValidateSink(type_, properties, columns, alert, resolve_columns)
        return await self._call(command, frozenset[str])

    async def start_sink(
        self, sink: SinkDefinition, begin: SourceCounters | None = None
    ) -> SourceStatus:
        """Deliver a sink's rows; returns at once, connecting goes on in the background."""
        return await self._call(StartSink(sink, begin), SourceStatus, STOP_SECONDS)

    async def start_alert(
        self, alert: AlertDefinition, begin: SourceCounters | None = None
    ) -> SourceStatus:
        """Watch and notify for an alert; returns at once."""
        return await self._call(StartAlert(alert, begin), SourceStatus, STOP_SECONDS)

    async def resolve_alert(self, workspace: str, alert_id: str) -> None:
        """Resolve an alert by hand, running or not; durable on return."""
        await self._call(ResolveAlert(workspace, alert_id), None)

    async def replay_source(self, source: SourceDefinition, wanted: ReplayWanted) -> Replayed:
        """Store dead letters of a source. See `ReplaySource`."""
        seconds = REPLAY_SECONDS + CALL_SECONDS
        return await self._call(ReplaySource(source, wanted), Replayed, seconds)

    async def replay_sink(self, sink: SinkDefinition, wanted: ReplayWanted) -> Replayed:
        """Deliver dead letters of a sink again. See `ReplaySink`."""
        seconds = REPLAY_SECONDS + CALL_SECONDS
        return await self._call(ReplaySink(sink, wanted), Replayed, seconds)

    async def stop(self, connector_id: str) -> SourceStatus:
        """Stop a source, sink or alert; returns after its last batch is written."""
        return await self._call(Stop(connector_id), SourceStatus, STOP_SECONDS)

    async def delete(self, connector_id: str) -> None:
        """Stop a source, sink or alert and forget its counters."""
        await self._call(Delete(connector_id), None, STOP_SECONDS)

    async def status(self) -> dict[str, SourceStatus]:
        """State by id of all sources, sinks and alerts that were started since the process
        began."""
        found = await self._call(Status(), list[SourceStatus])
        return {status.id: status for status in found}

    async def stats(self, connector_id: str, range_ms: int, error_range_ms: int) -> SourceStats:
        """Counters since the start; zeros for what was not started."""
        return await self._call(Stats(connector_id, range_ms, error_range_ms), SourceStats)

    async def samples(self, since_minute: int) -> list[SourceSample]:
        """Counters of all sources, sinks and alerts that were started since the process began."""
        return await self._call(Samples(since_minute), list[SourceSample])

    async def log(self, connector_id: str, lines: int) -> list[str]:
        """The newest lines of its log, oldest first; none when it was not started."""
        return await self._call(Log(connector_id, lines), list[str])

    async def topics(self, properties: dict[str, Any]) -> list[str]:
        """Topic names of a Kafka cluster. UserError (400) when it cannot be reached."""
        return await self._call(Topics(properties), list[str], TOPICS_SECONDS)

    async def preview(
        self,
        type_: str,
        properties: dict[str, Any],
        size: int,
        timeout_ms: int,
        workspace: str = "",
    ) -> list[dict[str, Any]]:
        """Up to `size` events; what there is when the time is over. UserError (400) on failure."""
        command = Preview(type_, properties, size, timeout_ms, workspace)
        return await self._call(command, list[dict[str, Any]], timeout_ms / 1000 + CALL_SECONDS)

    async def check(self, wanted: Check) -> list[CheckStep]:
        """Test the connection of a source or sink. See `Check`."""
        return await self._call(wanted, list[CheckStep], ANSWER_SECONDS)

    async def send_test(self, wanted: SendTest) -> list[CheckStep]:
        """Deliver one row, marked as a test. See `SendTest`."""
        return await self._call(wanted, list[CheckStep], ANSWER_SECONDS + 2 * SEND_SECONDS)

    async def suggest(self, wanted: Suggest) -> Suggested:
        """Values for a property. See `Suggest`."""
        return await self._call(wanted, Suggested, ANSWER_SECONDS)

    async def ready(self) -> bool:
        """Whether the process answers now."""
        try:
            await self._call(Status(), list[SourceStatus], 2.0)
        except EngineUnavailable:
            return False
        return True

    async def close(self) -> None:
        """Close the connection; the sources go on."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        self._lost()

    async def _call(
        self, command: Command, kind: type[T] | None, timeout: float = CALL_SECONDS
    ) -> Any:
        await self._connect()
        number = self._next
        self._next += 1
        future: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            if self._writer is None:
                raise _gone()
            self._writer.write(frame((number, command)))
            async with asyncio.timeout(timeout):
                raw = await future
        except TimeoutError as error:
            raise _gone() from error
        finally:
            self._waiting.pop(number, None)
        return None if kind is None else msgspec.msgpack.decode(raw, type=kind)

    async def _connect(self) -> None:
        async with self._connecting:
            if self._writer is not None:
                return
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self._socket))
            except OSError as error:
                raise _gone() from error
            if self._keys is not None:
                self._writer.write(frame((0, Keys(dict(self._keys())))))
            self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while (body := await read_frame(reader)) is not None:
                number, failure, result = _decode_reply(body)
                future = self._waiting.get(number)
                if future is None or future.done():
                    continue
                if failure is not None:
                    future.set_exception(failure.error())
                else:
                    future.set_result(result)
        finally:
            self._lost()

    def _lost(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_gone())
