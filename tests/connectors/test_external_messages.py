"""External streams: messages that nobody can read, places that are gone, headers that are none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from connectors.external import streams_kafka, streams_nats, streams_pulsar
from connectors.external.contract import ExternalSpec, ReadContext, Unreadable
from connectors.external.places import Places
from connectors.external.rows import Event, EventWriter
from connectors.external.streams_pulsar import number_of
from connectors.formats.contract import FormatContext
from connectors.pulsar_channels import Place
from connectors.sink_contract import SinkContext, SinkRow, Writer
from engine.clock import SystemClock
from engine.external_objects import HEADERS, External, ExternalColumn, Start
from engine.protocol import Position, ResultColumn

pytestmark = pytest.mark.asyncio

COLUMNS = (ExternalColumn("a", "int32"), ExternalColumn("b", "int32"))
KAFKA = External(
    "i", "n", "external_stream", "kafka", {"brokers": "127.0.0.1:1", "topic": "t"}, COLUMNS
)
NATS = External(
    *("i", "n", "external_stream", "nats_jetstream"),
    {"url": "nats://127.0.0.1:1", "subject": "s", "stream_name": "S"},
    COLUMNS,
)


def _event(value: bytes) -> Event:
    return Event(value, 1_700_000_000_000, 0, 5)


async def test_values_that_nest_too_deep_are_refused_and_hold_up_nobody() -> None:
    deep = b"[" * 5_000 + b"]" * 5_000
    values = [b"[" * 200_000, b'[{"a":' + deep + b"}]", b'{\n"a":' + deep + b"}", b'{"a":1}']
    writer = EventWriter(KAFKA, FormatContext(SystemClock(), asyncio.sleep, True))
    written = await writer.write([_event(value) for value in values])
    assert sorted(written.refused) == [0, 1, 2]
    assert written.messages[:3] == values[:3]
    assert msgspec.json.decode(written.messages[3])["a"] == 1


@pytest.mark.parametrize("between", ["", " ", "\t ", "\n", "\r\n"])
async def test_objects_of_one_message_are_rows(between: str) -> None:
    writer = EventWriter(KAFKA, FormatContext(SystemClock(), asyncio.sleep, True))
    text = between.join(('{"a":1}', '{"a":2,"b":"} {"}')).encode()
    written = await writer.write([_event(text)])
    rows = msgspec.json.decode(written.messages[0])
    assert not written.refused
    assert [(row["a"], row["_tp_message_offset"]) for row in rows] == [(1, 5), (2, 5)]


def _context(saved: Mapping[str, bytes]) -> ReadContext:
    start = Start("earliest")
    return ReadContext("query:x", SystemClock(), asyncio.sleep, start, False, True, saved)


def _stored(places: Places, offset: int) -> Mapping[str, bytes]:
    places.begin(0, offset)
    return places.saved()


class Consumer:
    """A topic of one partition that has the offsets 10 to 19."""

    def __init__(self) -> None:
        topic = SimpleNamespace(partitions_for_topic=lambda _: {0})
        self._client = SimpleNamespace(set_topics=self._known, cluster=topic)
        self.calls: list[tuple[str, object]] = []

    async def _known(self, topics: list[str]) -> None:
        assert topics == ["t"]

    async def beginning_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, 10)

    async def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, 20)

    def assign(self, partitions: list[Any]) -> None:
        self.calls.append(("assign", len(partitions)))

    def seek(self, partition: Any, offset: int) -> None:
        self.calls.append(("seek", offset))


@pytest.mark.parametrize(
    ("known", "begins", "said"),
    [(4, None, ""), (10, 10, ""), (20, 20, ""), (21, 10, "before the stored offset 21")],
)
async def test_offsets_that_are_gone_are_not_skipped(
    known: int, begins: int | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = streams_kafka.KafkaReader(KAFKA, _context({}))
    reader = streams_kafka.KafkaReader(KAFKA, _context(_stored(before._places, known)))
    consumer = reader._consumer = Consumer()
    if begins is None:
        with pytest.raises(
            Unreadable, match=r"with message 4 of partition 0 of the topic t, whose"
        ):
            await reader._place()
        assert consumer.calls == []
        return
    await reader._place()
    assert consumer.calls == [("assign", 1), ("seek", begins)]
    assert (said in caplog.text) and bool(said) == bool(caplog.text)


class Context:
    """A JetStream stream with the messages 10 to 19."""

    def __init__(self, subjects: list[str]) -> None:
        state = SimpleNamespace(first_seq=10, last_seq=19)
        self._info = SimpleNamespace(state=state, config=SimpleNamespace(subjects=subjects))
        self.begun: list[int] = []

    async def stream_info(self, name: str) -> object:
        assert name == "S"
        return self._info

    async def add_consumer(self, name: str, config: Any) -> object:
        self.begun.append(config.opt_start_seq)
        raise ConnectionError("far enough")


@pytest.mark.parametrize(
    ("known", "subjects", "begins"),
    [(4, ["s"], None), (4, ["s", "of others"], 4), (10, ["s"], 10), (21, ["s"], 10)],
)
async def test_numbers_that_are_gone_are_not_skipped(
    known: int, subjects: list[str], begins: int | None
) -> None:
    before = streams_nats.NatsReader(NATS, _context({}))
    reader = streams_nats.NatsReader(NATS, _context(_stored(before._places, known)))
    context = Context(subjects)
    with pytest.raises((Unreadable, ConnectionError)) as caught:
        await reader._place(context)
    if begins is None:
        assert "with message 4 of the JetStream stream S, whose earliest is 10" in str(caught.value)
    assert context.begun == ([] if begins is None else [begins])


class Published:
    """A connection that takes what is published."""

    max_payload = 1 << 20

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []

    def jetstream(self) -> Published:
        return self

    async def publish_async(
        self, subject: str, value: bytes, stream: str | None, headers: dict[str, str]
    ) -> asyncio.Future[None]:
        self.headers.append(headers)
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        taken.set_result(None)
        return taken


async def _no_engine() -> Writer:
    raise AssertionError("it is not asked")


async def test_a_header_that_nats_does_not_take_refuses_its_row_only() -> None:
    columns = (ResultColumn("a", "int32"), ResultColumn(HEADERS, "map(string, string)"))
    writer = streams_nats.NatsWriter(
        NATS, SinkContext("view:x", SystemClock(), asyncio.sleep, columns, _no_engine, True)
    )
    connection = writer.connection = Published()
    names = ("trace-id", "trace id", "überall", "")
    rows = [
        SinkRow(f"e{at}", Position(0, at), [msgspec.Raw(b"1"), msgspec.Raw(b'{"%b":"x"}' % n)])
        for at, n in enumerate(name.encode() for name in names)
    ]
    refused = await writer.deliver(rows)
    assert [each.index for each in refused] == [1, 2, 3]
    assert "'trace id'" in refused[0].message
    assert [headers["trace-id"] for headers in connection.headers] == ["x"]


async def test_a_place_in_pulsar_fits_the_column_of_its_number() -> None:
    assert number_of(Place(7, 3, -1)) < number_of(Place(7, 3, 1)) < number_of(Place(7, 4, 0))
    assert 0 <= number_of(Place(1 << 27, 3, 1)) < 1 << 63


@pytest.mark.parametrize("spec", [streams_kafka.spec, streams_nats.spec, streams_pulsar.spec])
@pytest.mark.parametrize(
    ("format_", "typed"), [("Avro", True), ("protobufsingle", True), ("JSONEachRow", False)]
)
async def test_formats_with_instants_ask_for_both_times_that_a_zone_has_twice(
    spec: ExternalSpec, format_: str, typed: bool
) -> None:
    settings = {**KAFKA.settings, "data_format": format_}
    external = msgspec.structs.replace(KAFKA, settings=settings)
    assert spec.delivery(external).folds == typed
