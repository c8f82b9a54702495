"""Sink `timeplus`: rows are appended to a stream by column name, here or on another server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from importlib import import_module
from typing import Annotated, Final, TypeVar
from urllib.parse import quote

import msgspec

from connectors import checking, http_delivery, http_looks
from connectors.contract import CheckStep, Secret
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
# Of the list of a server's streams, which has some hundred bytes for each column.
ANSWER_BYTES_MAX: Final = 4 << 20

T = TypeVar("T")


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
        """Look whether the stream is there, may be written to and has the columns."""
        if not _is_own(self._stream):
            raise NotDelivered(
                f"The stream {self._stream!r} belongs to the server, which alone writes its rows; "
                "name one of yours."
            )
        engine = await self._context.engine()
        for definition in (await engine.definitions()).definitions:
            if definition.name == self._stream and definition.kind != "function":
                has = {c.name for c in definition.columns if c.kind == "default"} | {EVENT_TIME}
                missing = [name for name in self._names if name not in has]
                if missing:
                    raise self._unknown(missing[0])
                return
        raise NotDelivered(f"The stream {self._stream!r} does not exist.")

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`."""
        return checking.steps(self._context.clock, ("stream", self.connect))

    async def suggest(self, field: str) -> list[str]:
        """The streams of the workspace."""
        engine = await self._context.engine()
        found = (await engine.definitions()).definitions
        return [each.name for each in found if each.kind == "stream" and _is_own(each.name)]

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


def _is_own(name: str) -> bool:
    """Whether users write to a stream of this name: others are the server's."""
    return not name.startswith("_") or name.startswith("_tp_metric_")


class _Named(msgspec.Struct, frozen=True):
    """A stream or a column as the API shows it."""

    name: str = ""
    columns: tuple[_Named, ...] = ()


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
        self._context = context
        self._names = names
        self._width = len(names)
        self._before = _before(names)
        self._seconds = span(config.timeout, "timeout")
        stream, workspace = quote(config.stream_name, safe=""), quote(config.workspace, safe="")
        base = config.url.rstrip("/")
        self._streams = f"{base}/{workspace}/api/v1beta2/streams"
        self._url = f"{self._streams}/{stream}/ingest"
        self._client = HttpClient(
            context.clock,
            private=context.private,
            connections=1,
            answer_bytes_max=ANSWER_BYTES_MAX,
        )

    async def connect(self) -> None:
        """Connections are made by requests; a sink into a stream of this server needs no client."""
        if "httpx" not in sys.modules:  # it takes longer than the loop may be held
            await asyncio.to_thread(import_module, "httpx")

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. Whether the key may append is not tried."""
        reach = http_looks.reach(self._config.url, private=self._context.private)
        return checking.steps(self._context.clock, *reach.steps, ("stream", self._look))

    async def _look(self) -> str:
        name = self._config.stream_name
        answer = await self._asked(self._url.removesuffix("/ingest"))
        if answer.status == 403:
            return "The key may not look at streams; an append is not tried."
        if answer.status != 200:
            raise _unfit(answer, f"for the stream {name!r}")
        has = {column.name for column in _decoded(answer, _Named).columns} | {EVENT_TIME}
        missing = [column for column in self._names if column not in has]
        if missing:
            why = f"The stream {name!r} of {answer.host} has no column {missing[0]!r}."
            raise UserError(why, 400, "orbit")
        return "An append is not tried."

    async def suggest(self, field: str) -> list[str]:
        """The streams of the other server."""
        answer = await self._asked(self._streams)
        if answer.status != 200:
            raise _unfit(answer, "for its streams")
        return [each.name for each in _decoded(answer, list[_Named]) if _is_own(each.name)]

    async def _asked(self, url: str) -> Answer:
        await self.connect()
        own = {"x-api-key": self._config.api_key}
        try:
            return await self._client.send(Call("GET", url, b"", {}, own, self._seconds))
        except Refused as error:
            raise NotDelivered(error.message) from None

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


def _unfit(answer: Answer, what: str) -> UserError:
    """What another server says to a question in place of an answer."""
    why = {
        401: ": it does not accept the API key",
        403: ": the API key may not look",
        404: ": it has no such stream or workspace",
    }.get(answer.status, "")
    said = f"{answer.host} answers with status {answer.status} {what}{why}."
    return UserError(said, 400, "orbit")


def _decoded(answer: Answer, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = f"{answer.host} does not answer as this API does, or with too many streams."
        raise UserError(said, 400, "orbit") from None


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
    suggests={"stream_name": frozenset(("url", "workspace", "api_key", "timeout"))},
)
