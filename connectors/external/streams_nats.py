"""External streams of type nats_jetstream: messages of a JetStream stream, read and published."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from connectors import nats_connection, nats_publishing
from connectors.contract import SourceBatch
from connectors.external.contract import ExternalSpec, ReadContext, Unreadable, expired
from connectors.external.places import Places
from connectors.external.row_values import RowWriter
from connectors.external.rows import Event, EventWriter, format_of
from connectors.formats.contract import FormatContext
from connectors.nats_connection import Server
from connectors.nats_publishing import EVENT_ID, Publisher, Target
from connectors.nats_pull import Pull
from connectors.properties import parse
from connectors.sink_contract import Delivery, Refusal, SinkContext, SinkRow
from connectors.sinks.nats_jetstream import BATCH_ROWS, MESSAGE_ID
from engine.errors import UserError
from engine.external_objects import External

# A consumer that nobody asks for this long is removed by the server; a new life makes its own.
FORGET_SECONDS: Final = 60.0
# A message whose acknowledgement was lost comes again after it, and is known by its number.
ACK_SECONDS: Final = 60.0
OPEN_MAX: Final = 20_000
# There is one partition.
PARTITION: Final = 0
_TRUE: Final = ("true", "1", "yes")
# Names of headers that the client library takes; another one would fail at every attempt.
_HEADER: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_log = logging.getLogger(__name__)


def properties_of(external: External) -> dict[str, Any]:
    """The settings as properties of what reaches NATS."""
    settings = external.settings
    skip = settings.get("skip_ssl_cert_check", "").lower() in _TRUE
    return {
        "url": settings.get("url", ""),
        "username": settings.get("username", ""),
        "password": settings.get("password", ""),
        "token": settings.get("token", ""),
        "tls": {"skip_verify_server": skip},
    }


class NatsReader:
    """See `connectors.contract.Source`. Which messages it has is known by their numbers in the
    stream, which are stored with the rows; the consumer is its own and goes with it."""

    def __init__(self, external: External, context: ReadContext) -> None:
        self._external = external
        self._context = context
        self._server: Server = parse(Server, properties_of(external))
        self._subject = external.settings.get("subject", "")
        self._stream = external.settings.get("stream_name", "")
        of = (sorted(self._server.urls()), self._stream, self._subject)
        self._places = Places(context.saved, *of)
        format_ = FormatContext(context.clock, context.sleep, context.private)
        self._writer = EventWriter(external, format_)
        self._connection: Any = None
        self._pull: Pull | None = None
        self._pending = 0
        self._consumer = ""

    async def connect(self) -> None:
        """Find the stream, and make a consumer that begins where this reader goes on."""
        from nats.errors import Error

        self._connection = await nats_connection.connect(
            self._server,
            f"tailrace {self._context.reader_id}",
            self._closed,
            private=self._context.private,
        )
        try:
            await self._place(self._connection.jetstream())
        except (Error, TimeoutError, ValueError) as error:
            raise UserError(f"JetStream: {nats_publishing.reason(error)}.", 400, "orbit") from None

    async def _place(self, context: Any) -> None:
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
        from nats.js.errors import NotFoundError

        try:
            if not self._stream:
                self._stream = await context.find_stream_name_by_subject(self._subject)
            info = await context.stream_info(self._stream)
        except NotFoundError:
            what = f"stream {self._stream}" if self._stream else f"subject {self._subject}"
            raise Unreadable(
                f"JetStream has no {what}, which {self._external.name} reads."
            ) from None
        state = info.state
        after = state.last_seq + 1
        known = self._places.next(PARTITION)
        # What is gone of a stream of several subjects may have been others' messages.
        alone = not self._subject or info.config.subjects == [self._subject]
        if known is not None and alone and known < state.first_seq:
            if not self._context.skip_to:
                what = f"the JetStream stream {self._stream}"
                raise expired(self._external, what, known, state.first_seq)
            known = state.first_seq if self._context.skip_to == "earliest" else after
        wanted = ConsumerConfig(
            ack_policy=AckPolicy.ALL,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            filter_subject=self._subject or None,
            ack_wait=ACK_SECONDS,
            max_ack_pending=OPEN_MAX,
            inactive_threshold=FORGET_SECONDS,
        )
        if known is None or known > after:
            # Behind the end: another stream of the name, of which all is new.
            if known is not None:
                _log.warning(
                    "the JetStream stream %s ends at %s, before the stored number %s: it was "
                    "made anew, and all of it is read",
                    *(self._stream, state.last_seq, known),
                )
            start = self._context.start
            known = state.first_seq if known is not None or start.kind == "earliest" else after
            if start.kind == "sn" and not self._places.begun:
                known = min(max(start.value, state.first_seq), after)
            if start.kind == "time" and not self._places.begun:
                known = await self._at_time(context, wanted, start.value, after)
        self._places.begin(PARTITION, max(known, 1))
        if self._context.bounded:
            self._places.end(PARTITION, after)
        found = await context.add_consumer(
            self._stream,
            _changed(wanted, opt_start_seq=self._places.next(PARTITION)),
        )
        self._consumer, self._pending = found.name, found.num_pending
        self._pull = Pull(self._connection, found)
        await self._pull.begin()

    async def _at_time(self, context: Any, wanted: Any, time_ms: int, after: int) -> int:
        """The number of the first message of a time; that of the next one when there is none."""
        from nats.js.api import DeliverPolicy

        moment = datetime.datetime.fromtimestamp(max(time_ms, 0) / 1000, datetime.UTC)
        found = await context.add_consumer(
            self._stream,
            _changed(
                wanted,
                deliver_policy=DeliverPolicy.BY_START_TIME,
                opt_start_time=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            ),
        )
        if not found.num_pending:
            return after
        pull = Pull(self._connection, found)
        await pull.begin()
        first = (await pull.take())[0]
        await context.delete_consumer(self._stream, found.name)
        return int(first.metadata.sequence.stream)

    async def _closed(self) -> None:
        if self._pull is not None:
            self._pull.end("The connection to NATS was lost.")

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """Where it begins; then what came together."""
        clock = self._context.clock
        assert self._pull is not None, "connected"
        yield SourceBatch([], clock.monotonic(), saved=self._places.saved())
        bounded = self._context.bounded
        done = self._places.done or not self._pending
        while not (bounded and done):
            taken = await self._pull.take()
            events: list[Event] = []
            for message in taken:
                metadata = message.metadata
                number = int(metadata.sequence.stream)
                if number < (self._places.next(PARTITION) or 0):
                    continue
                end = self._places.last(PARTITION)
                if end is None or number < end:
                    events.append(_event(message, number))
                self._places.go_on(PARTITION, number + 1)
                done = self._places.done or not metadata.num_pending
            if not events and not done:
                continue
            written = await self._writer.write(events)
            numbers = [events[at].offset for at in written.places]
            yield SourceBatch(
                written.messages,
                clock.monotonic(),
                token=taken[-1],
                saved=self._places.saved(),
                refused=written.refused,
                origin=lambda at, numbers=numbers: f"{self._stream}@{numbers[at]}",
            )

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """With the last one all before it."""
        from nats.errors import Error

        last: Any = next((token for token in reversed(tokens) if token is not None), None)
        if last is not None:
            with contextlib.suppress(Error):  # it comes again, and is known by its number
                await last.ack()

    async def close(self) -> None:
        """Remove the consumer and close the connection."""
        from nats.errors import Error

        await self._writer.close()
        if self._connection is None:
            return
        with contextlib.suppress(Error, OSError, TimeoutError):
            if self._consumer and not self._connection.is_closed:
                context = self._connection.jetstream(timeout=1)
                await context.delete_consumer(self._stream, self._consumer)
            await self._connection.close()


def _changed(config: Any, **changes: Any) -> Any:
    """The library's dataclass with other values."""
    return config.evolve(**changes)


def _event(message: Any, number: int) -> Event:
    made: datetime.datetime = message.metadata.timestamp
    headers = [(name, text.encode()) for name, text in (message.headers or {}).items()]
    time_ms = int(made.timestamp() * 1000)
    return Event(message.data, time_ms, PARTITION, number, message.subject.encode(), headers)


class NatsWriter(Publisher):
    """See `connectors.sink_contract.Sink`. Delivered is what the stream has acknowledged."""

    def __init__(self, external: External, context: SinkContext) -> None:
        properties = properties_of(external) | {"subject": external.settings.get("subject", "")}
        super().__init__(parse(Target, properties), context)
        format_ = FormatContext(context.clock, context.sleep, context.private)
        self._rows = RowWriter(external, context.columns, self.subject, format_)
        self._stream = external.settings.get("stream_name", "") or None

    async def connect(self) -> None:
        """Connect."""
        await self._rows.connect()
        await super().connect()

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Publish them and wait until the stream has stored all."""
        from nats.errors import Error

        refused, messages = self._rows.messages(rows)
        context = self.connection.jetstream()
        waiting: list[asyncio.Future[Any]] = []
        try:
            for at, message in messages:
                if len(message.value) > self.connection.max_payload:
                    most = self.connection.max_payload
                    refused.append(Refusal(at, f"The row is above the server's {most} bytes."))
                    continue
                headers = {name: value.decode() for name, value in message.headers}
                odd = next((name for name in headers if not _HEADER.fullmatch(name)), None)
                if odd is not None:
                    why = f"The header name {odd[:60]!r} is none that NATS takes."
                    refused.append(Refusal(at, why))
                    continue
                headers |= {EVENT_ID: rows[at].event_id, MESSAGE_ID: rows[at].event_id}
                waiting.append(
                    await context.publish_async(
                        self.subject, message.value, stream=self._stream, headers=headers
                    )
                )
        except (Error, OSError) as error:
            for future in waiting:
                future.cancel()
            raise nats_publishing.not_taken(nats_publishing.reason(error)) from None
        await self.confirmed(asyncio.gather(*waiting))
        return refused

    async def close(self) -> None:
        """Close the connection."""
        await self._rows.close()
        await super().close()


def _check(external: External) -> None:
    parse(Server, properties_of(external))
    format_of(external)
    if not (external.settings.get("subject") or external.settings.get("stream_name")):
        raise UserError(f"{external.name} needs the setting subject.", 400, "orbit")


spec = ExternalSpec(
    type="nats_jetstream",
    kind="external_stream",
    check=_check,
    writer=NatsWriter,
    delivery=lambda external: Delivery(rows=BATCH_ROWS, folds=external.is_typed()),
    reader=NatsReader,
)
