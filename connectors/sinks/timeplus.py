"""Sink `timeplus`: rows are appended to a stream by column name, here or on another server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final
from urllib.parse import quote

import msgspec

from connectors import http_delivery
from connectors.contract import Secret
from connectors.http_client import Answer, Call, HttpClient, Refused
from connectors.http_delivery import Timeout, span
from connectors.sink_contract import (
    Delivery,
    NotDelivered,
    Refusal,
    Sink,
    SinkContext,
    SinkRow,
    SinkSpec,
    Unfit,
)
from engine.errors import Code, NotFound, UserError
from engine.protocol import IngestRequest

APPEND_ROWS_MAX: Final = 10_000
# The event time, which every stream has.
EVENT_TIME: Final = "_tp_time"
IDEMPOTENCY_HEADER: Final = "x-timeplus-idempotent-id"
# Answers that say that the rows do not fit; all others may be others later.
UNFIT: Final = frozenset((400, 413, 422))
MESSAGE_CHARS_MAX: Final = 300


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a sink into another stream."""

    stream_name: Annotated[
        str,
        msgspec.Meta(
            title="Stream",
            description="Where the rows go; the stream must have the columns of the query.",
        ),
        msgspec.Meta(min_length=1, max_length=64),
    ]
    url: Annotated[
        str,
        msgspec.Meta(
            title="Server",
            description="Another server of this API; the same workspace of this one if empty.",
            examples=["https://tailrace.example.org"],
        ),
    ] = ""
    workspace: Annotated[
        str, msgspec.Meta(title="Workspace", description="Of the other server.", max_length=64)
    ] = "default"
    api_key: Annotated[
        Secret, msgspec.Meta(title="API key", description="For the other server; it must ingest.")
    ] = ""
    timeout: Timeout = "10s"

    def __post_init__(self) -> None:
        """Refuse a server that cannot be reached."""
        span(self.timeout, "timeout")
        if not self.url:
            return
        http_delivery.check_url(self.url, "url")
        if not self.api_key:
            raise ValueError("Property 'api_key' is required with 'url'")
        http_delivery.check_headers({"x-api-key": self.api_key}, "api_key")


def _before(names: Sequence[str]) -> bytes:
    """The body of an append up to its rows."""
    return b'{"columns":' + msgspec.json.encode(names) + b',"data":['


def _append(rows: Sequence[SinkRow], before: bytes, width: int) -> tuple[str, bytes]:
    """Rows as one append: its id, which the same rows have at each attempt, and its body."""
    data = b",".join(b"[%b]" % b",".join(row.values[:width]) for row in rows)
    name, last = rows[0].event_id, rows[-1].position
    if len(rows) > 1:
        name = f"{name}-{last.sn}-{last.row}"
    return name, before + data + b"]}"


class StreamSink:
    """See `connectors.sink_contract.Sink`. Exactly once: an append that comes again has the same
    idempotency id, by which the engine knows it."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        self._stream = config.stream_name
        self._context = context
        names = [column.name for column in context.columns]
        self._names = names
        self._before = _before(names)

    async def connect(self) -> None:
        """Look whether the stream is there and has the columns."""
        engine = await self._context.engine()
        for definition in (await engine.definitions()).definitions:
            if definition.name == self._stream and definition.kind != "function":
                has = {c.name for c in definition.columns if c.kind == "default"} | {EVENT_TIME}
                missing = [name for name in self._names if name not in has]
                if missing:
                    raise self._unknown(missing[0])
                return
        raise NotDelivered(f"The stream {self._stream!r} does not exist.")

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Append them as one."""
        name, body = _append(rows, self._before, len(self._names))
        request = IngestRequest(self._stream, "compact", name)
        engine = await self._context.engine()
        try:
            await engine.ingest(request, body)
        except NotFound as error:
            raise NotDelivered(error.message, reconnect=True) from None
        except UserError as error:
            if error.code == Code.NO_SUCH_COLUMN_IN_STREAM:  # the stream is another one now
                raise NotDelivered(error.message, reconnect=True) from None
            raise Unfit(error.message) from None
        return ()

    def _unknown(self, name: str) -> NotDelivered:
        return NotDelivered(
            f"The stream {self._stream!r} has no column {name!r}; name the query's columns as the "
            "stream's with AS, or add the column."
        )

    async def close(self) -> None:
        """The engine is not the sink's."""


class _Refusal(msgspec.Struct, frozen=True):
    """The error body of the API."""

    code: int = 0
    message: str = ""


class RemoteStreamSink:
    """See `connectors.sink_contract.Sink`. Exactly once as long as the other server knows the
    idempotency ids that it was given (Tailrace: a day)."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        names = [column.name for column in context.columns]
        self._config = config
        self._width = len(names)
        self._before = _before(names)
        self._seconds = span(config.timeout, "timeout")
        stream, workspace = quote(config.stream_name, safe=""), quote(config.workspace, safe="")
        base = config.url.rstrip("/")
        self._url = f"{base}/{workspace}/api/v1beta2/streams/{stream}/ingest"
        self._client = HttpClient(context.clock, private=context.private, connections=1)

    async def connect(self) -> None:
        """Connections are made by requests; a sink into a stream of this server needs no client."""
        if "httpx" not in sys.modules:  # it takes longer than the loop may be held
            await asyncio.to_thread(import_module, "httpx")

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Append them as one."""
        name, body = _append(rows, self._before, self._width)
        known = {"content-type": "application/json", IDEMPOTENCY_HEADER: name}
        own = {"x-api-key": self._config.api_key}
        try:
            answer = await self._client.send(
                Call("POST", self._url, body, known, own, self._seconds)
            )
        except Refused as error:
            raise NotDelivered(error.message) from None
        self._check(answer)
        return ()

    def _check(self, answer: Answer) -> None:
        """Unfit when a row is at fault, NotDelivered for anything else but success."""
        if 200 <= answer.status < 300:
            return
        try:
            refusal = msgspec.json.decode(answer.body, type=_Refusal)
        except (msgspec.DecodeError, UnicodeDecodeError):
            refusal = _Refusal()
        why = "".join(c for c in refusal.message[:MESSAGE_CHARS_MAX] if c.isprintable())
        said = f"{answer.host} answered with status {answer.status}" + (f": {why}" if why else ".")
        column = refusal.code == Code.NO_SUCH_COLUMN_IN_STREAM
        if answer.status in UNFIT and not column:
            raise Unfit(said)
        raise NotDelivered(said, after=answer.after)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _create(config: Config, context: SinkContext) -> Sink:
    return RemoteStreamSink(config, context) if config.url else StreamSink(config, context)


def _delivery(_: Config, context: SinkContext) -> Delivery:
    return Delivery(rows=APPEND_ROWS_MAX, exact=True)


spec = SinkSpec(
    name="timeplus",
    title="Stream",
    summary="Rows are appended to a stream, of the same workspace or of another server.",
    guarantee="exactly once",
    icon="timeplus",
    config=Config,
    create=_create,
    delivery=_delivery,
)
