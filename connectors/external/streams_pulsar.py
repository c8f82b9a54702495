"""External streams of type pulsar: messages of a topic, read without a subscription and written."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from connectors import pulsar_connection
from connectors.contract import SourceBatch
from connectors.external.contract import ExternalSpec, ReadContext
from connectors.external.row_values import Message as Made
from connectors.external.row_values import RowWriter
from connectors.external.rows import Event, EventWriter, format_of
from connectors.formats.contract import FormatContext
from connectors.properties import parse
from connectors.pulsar_channels import Message, Place, Received
from connectors.pulsar_connection import Begin, Cluster, Connection
from connectors.saved_record import SavedRecord
from connectors.sink_contract import Delivery, Refusal, SinkContext, SinkRow
from connectors.sinks import pulsar as sink
from engine.errors import UserError
from engine.external_objects import External

TAKEN_MAX: Final = 2_000
TAKE_SECONDS: Final = 1.0
# Batches of all partitions that wait to be stored.
WAITING_MAX: Final = 4
# A place as one number, as `_tp_sn`: it grows within a partition.
ENTRY_BITS: Final = 24
BATCH_BITS: Final = 12
_NUMBER_MASK: Final = (1 << 63) - 1
_TRUE: Final = ("true", "1", "yes")


def cluster_of(external: External) -> Cluster:
    """Where the topic is; UserError for settings that cannot be."""
    settings = external.settings
    token = settings.get("jwt", "")
    skip = settings.get("skip_server_cert_check", "").lower() in _TRUE
    return parse(
        sink.Config,
        {
            "broker_url": settings.get("service_url", ""),
            "topic": settings.get("topic", ""),
            "auth_type": settings.get("auth_type", "token" if token else ""),
            "auth_params": settings.get("auth_params", token),
            "tls": {"skip_verify_server": skip},
        },
    )


def number_of(place: Place) -> int:
    """The place of a message as one number; from a ledger of 2^27 on its highest bits are left
    out, as the column holds 63."""
    entry = (place.ledger << ENTRY_BITS) + place.entry
    return ((entry << BATCH_BITS) + max(place.batch, 0)) & _NUMBER_MASK


def place_of(number: int) -> Place:
    """The place right before the one with this number."""
    number = max(number, 1) - 1
    entry = number >> BATCH_BITS
    batch = number & ((1 << BATCH_BITS) - 1)
    return Place(entry >> ENTRY_BITS, entry & ((1 << ENTRY_BITS) - 1), batch)


class _Kept(msgspec.Struct):
    """Of each partition by its number: the last message that was handed over, or the instant at
    which it begins as a single number, or nothing: it begins at the first. `ends`: the last one
    of a bounded reader, if there is one."""

    places: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}


class PulsarReader:
    """See `connectors.contract.Source`. The places that are stored with the rows decide where it
    goes on; no subscription is made."""

    def __init__(self, external: External, context: ReadContext) -> None:
        self._context = context
        self._cluster = cluster_of(external)
        of = (sorted(self._cluster.addresses()), self._cluster.topic)
        self._record = SavedRecord(context.saved, *of)
        stored = self._record.stored
        self._kept = msgspec.msgpack.decode(stored, type=_Kept) if stored else _Kept()
        format_ = FormatContext(context.clock, context.sleep, context.private)
        self._writer = EventWriter(external, format_)
        self._connection: Connection | None = None
        self._partitions: list[str] = []

    async def connect(self) -> None:
        """Reach the cluster; find out where each partition begins and, if it ends, where."""
        context = self._context
        connection = await pulsar_connection.connect(
            self._cluster, context.clock, private=context.private
        )
        self._connection = connection
        self._partitions = await connection.partitions()
        begun = bool(self._kept.places)
        for number, name in enumerate(self._partitions):
            if context.bounded and number not in self._kept.ends:
                self._kept.ends[number] = list(await connection.end(name) or ())
            if number not in self._kept.places:
                place = [] if begun else await self._start(connection, name)
                self._kept.places[number] = place

    async def _start(self, connection: Connection, name: str) -> list[int]:
        start = self._context.start
        match start.kind:
            case "earliest":
                return []
            case "latest":
                return list(await connection.end(name) or ())
            case "sn":
                return list(place_of(start.value)) if start.value > 0 else []
            case "time":
                return [max(start.value, 0)]

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """Where it begins; then what came together of a partition."""
        yield SourceBatch([], self._context.clock.monotonic(), saved=self._saved())
        waiting: asyncio.Queue[tuple[int, list[Received]] | Exception] = asyncio.Queue(WAITING_MAX)
        wanted = [number for number in range(len(self._partitions)) if not self._is_done(number)]
        tasks = [asyncio.create_task(self._read(number, waiting)) for number in wanted]
        try:
            while not self._context.bounded or not all(map(self._is_done, wanted)):
                item = await waiting.get()
                if isinstance(item, Exception):
                    raise item
                batch = await self._batch(*item)
                if batch is not None:
                    yield batch
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    def _is_done(self, number: int) -> bool:
        """Whether a bounded reader has all of a partition."""
        if not self._context.bounded:
            return False
        end, place = self._kept.ends[number], self._kept.places[number]
        return not end or (len(place) == len(end) and place >= end)

    async def _read(self, number: int, to: asyncio.Queue[Any]) -> None:
        assert self._connection is not None, "connected"
        place = self._kept.places[number]
        begin: Begin = "earliest"
        if len(place) == 1:
            begin = place[0]
        elif place:
            begin = Place(*place)
        try:
            reader = await self._connection.reader(begin, self._partitions[number])
            while True:
                taken = await reader.take(TAKEN_MAX, TAKE_SECONDS)
                if taken:
                    await to.put((number, taken))
                elif self._context.bounded and not await reader.has_more():
                    self._kept.places[number] = self._kept.ends[number]  # the last were deleted
                    await to.put((number, []))
                    return
        except UserError as error:
            await to.put(error)

    async def _batch(self, number: int, taken: Sequence[Received]) -> SourceBatch | None:
        known, end = self._kept.places[number], self._kept.ends.get(number)
        new = [
            each
            for each in taken
            if (len(known) < len(each.place) or list(each.place) > known)
            and (not end or list(each.place) <= end)
        ]
        if taken:
            self._kept.places[number] = list(taken[-1].place)
        events = [_event(each, number) for each in new]
        written = await self._writer.write(events)
        places = [new[at].place for at in written.places]
        return SourceBatch(
            written.messages,
            self._context.clock.monotonic(),
            saved=self._saved(),
            refused=written.refused,
            origin=lambda at: f"{self._partitions[number]}@{':'.join(map(str, places[at]))}",
        )

    def _saved(self) -> Mapping[str, bytes]:
        return self._record.written(msgspec.msgpack.encode(self._kept))

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """Nobody else is told."""

    async def close(self) -> None:
        """Leave the cluster."""
        await self._writer.close()
        if self._connection is not None:
            with contextlib.suppress(UserError):
                await self._connection.close()


def _event(received: Received, number: int) -> Event:
    raw = received.raw
    key = raw.partition_key()
    headers = [(name, text.encode()) for name, text in raw.properties().items()]
    return Event(
        received.data,
        raw.event_timestamp() or received.published_ms,
        number,
        number_of(received.place),
        key.encode() if key else None,
        headers,
    )


class PulsarWriter(sink.PulsarSink):
    """As the sink: what is repeated is repeated alike, so that a broker with deduplication drops
    it. Rows of one key go to one partition; those without a key where their place says."""

    def __init__(self, external: External, context: SinkContext) -> None:
        config: Any = cluster_of(external)
        super().__init__(config, context)
        format_ = FormatContext(context.clock, context.sleep, context.private)
        self._rows = RowWriter(external, context.columns, config.topic, format_)
        self._made: dict[str, Made] = {}  # of the batch under way, by event id

    async def connect(self) -> None:
        """Reach the cluster and find the topic."""
        await self._rows.connect()
        await super().connect()

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Send them and wait until the brokers have stored all."""
        refused, messages = self._rows.messages(rows)
        kept = [at for at, _ in messages]
        self._made = {rows[at].event_id: made for at, made in messages}
        found = await super().deliver([rows[at] for at in kept])
        return [*refused, *(Refusal(kept[each.index], each.message) for each in found)]

    def _partition(self, row: SinkRow) -> str:
        key = self._made[row.event_id].key
        if key is None:
            return super()._partition(row)
        return self._partitions[zlib.crc32(key) % len(self._partitions)]

    def _message(self, row: SinkRow) -> Message:
        made, shaped = self._made[row.event_id], super()._message(row)
        properties = dict(shaped.properties)
        properties |= {name: value.decode() for name, value in made.headers}
        key = None if made.key is None else made.key.decode()
        return Message(made.value, properties, shaped.sequence, key)

    async def close(self) -> None:
        """Leave the cluster."""
        await self._rows.close()
        await super().close()


def _check(external: External) -> None:
    cluster_of(external)
    format_of(external)


spec = ExternalSpec(
    type="pulsar",
    kind="external_stream",
    check=_check,
    writer=PulsarWriter,
    delivery=lambda external: Delivery(rows=1_000, exact=True, folds=external.is_typed()),
    reader=PulsarReader,
)
