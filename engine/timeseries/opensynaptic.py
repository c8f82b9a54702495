"""The OpenSynaptic API over its streams: facts in, devices, packets and sensor values out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import msgspec
import pyarrow as pa

from engine.errors import TailraceError, TooLarge, UserError
from engine.log.records import Append, Outcome, Receipt, Record
from engine.owned_names import OPENSYNAPTIC
from engine.protocol import Caller, ColumnDef, Definition
from engine.sql.definitions import stored_columns
from engine.timeseries import opensynaptic_messages as messages
from engine.timeseries.ground import Ground
from engine.timeseries.opensynaptic_facts import FACT_CHARS_MAX, Facts, appends_of
from engine.timeseries.opensynaptic_pages import Key, Pages, Place
from engine.types import arrow_type, quote_text

# Facts of one request: as many as one ingest request may have rows.
FACTS_MAX: Final = 100_000
_FACTS: Final = "os_facts"
_PACKETS: Final = "os_packets"
_SENSORS: Final = "os_sensors"
_DEVICES: Final = "os_devices"
_PACKET_COLUMNS: Final = (
    ("packet_uuid", "string"),
    ("device_id", "string"),
    ("device_status", "string"),
    ("timestamp_raw", "int64"),
    ("payload_json", "string"),
    ("created_at", "int64"),
)
_SENSOR_COLUMNS: Final = (
    ("packet_uuid", "string"),
    ("sensor_index", "int32"),
    ("sensor_id", "string"),
    ("sensor_status", "string"),
    ("normalized_value", "nullable(float64)"),
    ("normalized_unit", "nullable(string)"),
    ("device_id", "string"),
    ("timestamp_raw", "int64"),
)
_DEVICES_QUERY: Final = (
    "select device_id, max(timestamp_raw) as last_seen, count() as packet_count "
    f"from table({_PACKETS}) group by device_id"
)
_PACKET_ORDER: Final = "timestamp_raw desc, created_at desc, packet_uuid"
_PACKET_KEYS: Final = (Key("timestamp_raw"), Key("created_at"))
# Between the two that the API knows and the one that nobody shares: the append, the newest first,
# so that of many values of one second few are sorted by text.
_SENSOR_ORDER: Final = "timestamp_raw desc, sensor_index, _tp_sn desc, packet_uuid"
_SENSOR_KEYS: Final = (Key("timestamp_raw"), Key("sensor_index", False), Key("_tp_sn"))
# Texts, and the numbers of a node that are none in JSON.
_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b', re.DOTALL)

T = TypeVar("T", bound=msgspec.Struct)


def _stream(name: str, columns: tuple[tuple[str, str], ...], description: str) -> Definition:
    return Definition(
        id="",
        name=name,
        kind="stream",
        columns=tuple(ColumnDef(column, kind) for column, kind in columns),
        description=description,
    )


def definitions() -> tuple[Definition, ...]:
    """What the API stands on; ids are given when they are made."""
    return (
        _stream(_FACTS, (("raw", "string"),), "OpenSynaptic: facts as the nodes sent them"),
        _stream(_PACKETS, _PACKET_COLUMNS, "OpenSynaptic: one row for each fact"),
        _stream(_SENSORS, _SENSOR_COLUMNS, "OpenSynaptic: one row for each value of a fact"),
        Definition(
            id="",
            name=_DEVICES,
            kind="view",
            query=_DEVICES_QUERY,
            description="OpenSynaptic: devices, when they were last seen, and their packets",
        ),
    )


class OpenSynaptic:
    """See `ground.TimeSeriesApi`. For the loop's thread, but for `_follow`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._pages = Pages(ground.table)
        self._there = False
        self._packets_id = self._sensors_id = ""
        self._schemas: tuple[pa.Schema, pa.Schema] = (pa.schema([]), pa.schema([]))
        # What follows from the appends that this API makes itself, by their identity: split once.
        self._split: dict[int, list[Record]] = {}
        self._verbs: dict[str, Callable[[bytes, bytes], Any]] = {
            messages.DEVICES: self._devices,
            messages.PACKETS: self._packets,
            messages.PACKET: self._packet,
            messages.SENSORS: self._sensors,
            messages.SEND: self._send,
        }

    async def open(self) -> None:
        """Packets follow from facts from now on, if these are there: those of a stream too that
        had the name and the shape before the API had them."""
        if self._ground.catalog.get(_FACTS) is not None:
            with contextlib.suppress(TailraceError):  # a call of the API says what is in the way
                await self.ensure()

    async def ensure(self) -> None:
        """See `TimeSeriesApi.ensure`."""
        if self._there:
            return
        wanted = [
            msgspec.structs.replace(each, id=there.id if there else self._ground.clock.uuid4())
            for each in definitions()
            for there in (self._ground.catalog.get(each.name),)
        ]
        ids = {each.name: each.id for each in wanted}
        self._packets_id, self._sensors_id = ids[_PACKETS], ids[_SENSORS]
        self._schemas = (_schema(wanted[1]), _schema(wanted[2]))
        if self._ground.catalog.get(_FACTS) is None:
            # Before the stream is there: no fact can come without its packet.
            self._ground.derived.follow(ids[_FACTS], self._follow)
        try:
            await self._ground.ensure(OPENSYNAPTIC, wanted)
        except TailraceError:
            self._ground.derived.forget(ids[_FACTS])
            raise
        self._ground.derived.follow(ids[_FACTS], self._follow)
        self._there = True

    async def call(self, verb: str, arguments: bytes, caller: Caller, body: bytes) -> bytes:
        """See `TimeSeriesApi.call`."""
        work = self._verbs.get(verb)
        if work is None:
            raise UserError(f"The OpenSynaptic API has no call '{verb[:40]}'.")
        return msgspec.msgpack.encode(await work(arguments, body))

    # -- facts in ---------------------------------------------------------------------------

    def _follow(self, append: Append) -> tuple[list[Record], Callable[[Outcome], None] | None]:
        """Packets and values of an append of facts; on the thread that stores it. What is no fact
        stays in os_facts alone."""
        ready = self._split.pop(id(append), None)
        if ready is not None:
            return ready, None
        facts = Facts(self._ground.clock)
        raws: list[str] = append.rows.column("raw").to_pylist()
        packets: list[int] = []
        sensors: list[int] = []
        borders: list[int] = append.borders.tolist()
        for first, end in itertools.pairwise(borders):
            for raw in raws[first:end]:
                facts.add(raw)
            packets.append(facts.packets)
            sensors.append(facts.sensors)
        return self._records(facts, packets, sensors, dict(append.idempotency)), None

    def _records(
        self, facts: Facts, packets: list[int], sensors: list[int], ids: dict[int, str]
    ) -> list[Record]:
        of_packets, of_sensors = facts.rows(*self._schemas)
        made = (
            appends_of(self._packets_id, of_packets, packets, ids),
            appends_of(self._sensors_id, of_sensors, sensors, ids),
        )
        return [record for record in made if record is not None]

    async def _send(self, arguments: bytes, body: bytes) -> messages.Sent:
        """Facts of one request, in one commit."""
        sent, stored = await asyncio.to_thread(self._store, body)
        if stored is not None:
            await asyncio.shield(asyncio.wrap_future(stored))  # it is stored in any case
        return sent

    def _store(self, body: bytes) -> tuple[messages.Sent, Future[Receipt] | None]:
        """What is sent, and its commit, for which no thread waits."""
        facts = Facts(self._ground.clock)
        given = facts_in(body)
        raws = [raw for raw in given if facts.add(raw)]
        sent = messages.Sent(facts.packet_uuids, len(given) - len(raws))
        if not raws:
            return sent, None
        definition = self._ground.catalog.require(_FACTS)
        now = pa.scalar(self._ground.clock.now_ms(), pa.timestamp("ms"))
        rows = pa.RecordBatch.from_arrays(
            [pa.array(raws, pa.string()), pa.repeat(now, len(raws))],
            schema=_schema(definition),
        )
        append = Append.single(definition.id, rows)
        followed = self._records(facts, [facts.packets], [facts.sensors], {})
        self._split[id(append)] = followed
        try:
            return sent, self._ground.storage.append(append)
        finally:
            self._split.pop(id(append), None)

    # -- rows out ---------------------------------------------------------------------------

    async def _devices(self, arguments: bytes, body: bytes) -> messages.DevicesPage:
        asked = _decoded(arguments, messages.Asked)
        rows, counted = await asyncio.gather(
            self._ground.table(
                f"select device_id, last_seen, packet_count from {_DEVICES} order by "
                f"last_seen desc, device_id limit {asked.limit} offset {asked.offset}"
            ),
            self._ground.table(f"select uniq_exact(device_id) from table({_PACKETS})"),
        )
        total: int = counted.column(0)[0].as_py()
        return messages.DevicesPage(_structs(rows, messages.StoredDevice), total)

    async def _packets(self, arguments: bytes, body: bytes) -> messages.PacketsPage:
        asked = _decoded(arguments, messages.Asked)
        place = await self._place(_PACKETS, self._packets_id, _PACKET_KEYS, asked)
        rows = await self._rows(place, _PACKETS, _PACKET_COLUMNS, _PACKET_ORDER)
        return messages.PacketsPage(_structs(rows, messages.StoredPacket), place.total)

    async def _sensors(self, arguments: bytes, body: bytes) -> messages.SensorsPage:
        asked = _decoded(arguments, messages.Asked)
        place = await self._place(_SENSORS, self._sensors_id, _SENSOR_KEYS, asked)
        rows = await self._rows(place, _SENSORS, _SENSOR_COLUMNS, _SENSOR_ORDER)
        return messages.SensorsPage(_structs(rows, messages.StoredSensor), place.total)

    async def _packet(self, arguments: bytes, body: bytes) -> messages.FoundPacket:
        identity = _quoted(_decoded(arguments, messages.AskedPacket).packet_uuid)
        packets = _structs(
            await self._ground.table(
                f"select {_names(_PACKET_COLUMNS)} from table({_PACKETS}) "
                f"where packet_uuid = {identity}"
            ),
            messages.StoredPacket,
        )
        if not packets:
            return messages.FoundPacket()
        # Its values are of the same instant, which the files are sorted by, more or less.
        of_time = f"timestamp_raw = {packets[0].timestamp_raw}"
        sensors = await self._ground.table(
            f"select {_names(_SENSOR_COLUMNS)} from table({_SENSORS}) "
            f"where packet_uuid = {identity} and {of_time} order by sensor_index"
        )
        return messages.FoundPacket(packets[0], _structs(sensors, messages.StoredSensor))

    async def _place(
        self, stream: str, stream_id: str, keys: tuple[Key, ...], asked: messages.Asked
    ) -> Place:
        """Where a page lies. Of all rows the engine keeps count; those that fit a filter are
        counted."""
        where = _where(asked)
        total = None
        if not where:
            with self._ground.storage.view(stream_id) as view:
                total = view.row_count
        cut = asked.limit, asked.offset
        return await self._pages.place(stream, keys, where, cut, total)

    async def _rows(
        self, place: Place, stream: str, columns: tuple[tuple[str, str], ...], order: str
    ) -> pa.Table:
        """The rows of a page."""
        if not place.limit:
            return pa.table({name: [] for name, _ in columns})
        return await self._ground.table(
            f"select {_names(columns)} from table({stream}){place.where} "
            f"order by {order} limit {place.limit} offset {place.offset}"
        )


def _schema(definition: Definition) -> pa.Schema:
    columns = stored_columns(definition)
    return pa.schema([pa.field(c.stored or c.name, arrow_type(c.type)) for c in columns])


def facts_in(body: bytes) -> list[str]:
    """The facts of a request as texts: the body itself, or its `facts`. Raises UserError, and
    TooLarge for one fact beyond FACT_CHARS_MAX or more than FACTS_MAX of them."""
    try:
        try:
            texts = _split(body)
        except msgspec.DecodeError:
            if b"NaN" not in body and b"Infinity" not in body:
                raise
            texts = _split(_TOKENS.sub(_as_json, body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error).rstrip(".")
        raise UserError(
            f'The body must be one fact, or {{"facts": [fact, ...]}}, as JSON: {said}.'
        ) from None
    if len(texts) > FACTS_MAX:
        raise TooLarge(f"There are {len(texts)} facts; one request may have {FACTS_MAX}.")
    for at, text in enumerate(texts):
        if len(text) > FACT_CHARS_MAX:
            raise TooLarge(f"facts[{at}] is larger than {FACT_CHARS_MAX} characters.")
    return texts


def _split(body: bytes) -> list[str]:
    whole = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if "facts" not in whole:
        return [body.decode()]
    given = msgspec.json.decode(whole["facts"], type=list[msgspec.Raw])
    return [bytes(raw).decode() for raw in given]


def _as_json(found: re.Match[bytes]) -> bytes:
    """Nodes write NaN and Infinity, which JSON does not have: they are kept as null, as in the
    lines of a backup file."""
    return found[0] if found[0].startswith(b'"') else b"null"


def _decoded(arguments: bytes, kind: type[T]) -> T:
    return msgspec.msgpack.decode(arguments, type=kind)


def _names(columns: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(name for name, _ in columns)


def _quoted(text: str) -> str:
    """A text of a caller in SQL, whose statements hold no NUL character."""
    quoted = [quote_text(part) for part in text.split("\0")]
    return quoted[0] if len(quoted) == 1 else f"concat({', char(0), '.join(quoted)})"


def _where(asked: messages.Asked) -> list[str]:
    """The conditions of a page."""
    parts = [
        f"{column} = {_quoted(wanted)}"
        for column, wanted in (
            ("device_id", asked.device_id),
            ("device_status", asked.status),
            ("sensor_id", asked.sensor_id),
        )
        if wanted
    ]
    parts += [] if asked.since is None else [f"timestamp_raw >= {asked.since}"]
    parts += [] if asked.until is None else [f"timestamp_raw <= {asked.until}"]
    return parts


def _structs(table: pa.Table, kind: type[T]) -> list[T]:
    """At most a page of rows as structs."""
    return msgspec.convert(table.to_pylist(), list[kind])
