"""Kafka sources and sinks against a real broker: sign-in, TLS, formats, transactions."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import fastavro
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from live import Live
from live_sink import ID, LiveSink

from connectors import control, preview
from connectors.formats import framing
from connectors.surroundings import Surroundings
from engine.clock import SystemClock
from engine.errors import UserError
from engine.protocol import Definition, ResultColumn, Snapshot
from tests.services.kafka import MECHANISMS, PASSWORD, USER, Kafka, kafka
from tests.services.schema_registry import Client, SchemaRegistry, registry, schema_registry

__all__ = ["kafka", "registry", "schema_registry"]

AVRO = {
    "type": "record", "name": "R",
    "fields": [{"name": "a", "type": "string"}, {"name": "n", "type": "long"}],
}  # fmt: skip
PROTO = 'syntax = "proto3"; message Row { int64 n = 1; string text = 2; }'


def source(kafka: Kafka, topic: str, **more: Any) -> dict[str, Any]:
    return {
        "brokers": kafka.bootstrap, "topic": topic, "data_type": "json", "offset": "earliest",
        "tls": {"disable": True}, **more,
    }  # fmt: skip


def sink(kafka: Kafka, topic: str, **more: Any) -> dict[str, Any]:
    return {"brokers": kafka.bootstrap, "topic": topic, "tls": {"disable": True}, **more}


def secured(kafka: Kafka, mechanism: str, password: str = PASSWORD) -> dict[str, Any]:
    """Properties of the listener that wants a sign-in over TLS."""
    return {
        "brokers": kafka.sasl_tls, "sasl": mechanism.lower(), "username": USER,
        "password": password, "tls": {"root_cas": kafka.certificates.authority.read_text()},
    }  # fmt: skip


async def send(kafka: Kafka, topic: str, *values: bytes) -> None:
    async with AIOKafkaProducer(acks="all", **kafka.client()) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def read(kafka: Kafka, topic: str, count: int, **options: Any) -> list[Any]:
    """The first records of a topic; of all those that come within a moment."""
    consumer = AIOKafkaConsumer(
        topic, auto_offset_reset="earliest", group_id=None, **options, **kafka.client()
    )
    found: list[Any] = []
    async with consumer, asyncio.timeout(20):
        while len(found) < count or (more := await consumer.getmany(timeout_ms=300)):
            more = more if len(found) >= count else await consumer.getmany(timeout_ms=300)
            found += [record for records in more.values() for record in records]
    return found


def around() -> Surroundings:
    async def nobody(_: str) -> Any:
        raise AssertionError

    return Surroundings(nobody, SystemClock(), private=True)


# -- sign-in and TLS ----------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_signed_in_over_tls_with_an_authority_of_ones_own(
    kafka: Kafka, mechanism: str
) -> None:
    topic = await kafka.new_topic()
    given = secured(kafka, mechanism)
    async with LiveSink("kafka", sink(kafka, topic, **given)) as writes:
        writes.rows([1, "x"])
        await writes.delivered(1)
        assert writes.letters == []
    async with Live("kafka", source(kafka, topic, **given)) as live:
        await live.until(lambda: live.objects() == [{"n": 1, "text": "x"}], "row")
    found = await preview.topics(given, private=True)
    assert topic in found and not any(name.startswith("__") for name in found)


async def test_any_certificate_is_taken_when_it_is_asked_for(kafka: Kafka) -> None:
    topic = await kafka.new_topic()
    await send(kafka, topic, b'{"a": 1}')
    given = {"brokers": kafka.tls, "tls": {"skip_verify_server": True}}
    async with Live("kafka", source(kafka, topic, **given)) as live:
        await live.until(lambda: live.objects() == [{"a": 1}], "row")


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_wrong_password_is_said_and_not_shown(kafka: Kafka, mechanism: str) -> None:
    given = secured(kafka, mechanism, "geheim")
    async with Live("kafka", source(kafka, "t", **given)) as live:
        message = await live.refused()
    assert f"refuses the user name or the password ({mechanism.lower()})" in message
    assert "geheim" not in message + str(live.runner.log.newest(9))
    async with LiveSink("kafka", sink(kafka, "t", **given)) as writes:
        assert "refuses the user name or the password" in await writes.refused()
    with pytest.raises(UserError, match="refuses the user name or the password"):
        await preview.topics(given, private=True)


def wrong_ways(kafka: Kafka) -> list[tuple[dict[str, Any], str]]:
    plain, trusting = {"disable": True}, {"skip_verify_server": True}
    signed = {"sasl": "plain", "username": "u", "password": "geheim"}
    return [
        ({"brokers": kafka.tls, "tls": {}}, "certificate that is not trusted .* tls.root_cas"),
        ({"brokers": kafka.tls, "tls": plain}, "may want TLS"),
        ({"brokers": kafka.bootstrap, "tls": trusting}, "does not speak TLS .* tls.disable"),
        ({"brokers": kafka.sasl, "tls": plain}, "set sasl, username and password"),
        ({"brokers": kafka.bootstrap, "tls": plain, **signed}, "wants no sign-in"),
    ]


async def test_what_is_wrong_with_the_listener_is_said(kafka: Kafka) -> None:
    for given, why in wrong_ways(kafka):
        with pytest.raises(UserError, match=why) as caught:
            await preview.topics(given, private=True)
        assert "geheim" not in caught.value.message
        async with Live("kafka", source(kafka, "t", **given)) as live:
            assert caught.value.message == await live.refused()


# -- where a source goes on ---------------------------------------------------------------------


async def test_positions_belong_to_a_cluster_and_a_topic(kafka: Kafka) -> None:
    first, second = await kafka.new_topic(), await kafka.new_topic()
    for topic in (first, second):
        await send(kafka, topic, b'{"a": 1}', b'{"a": 2}')
    async with Live("kafka", source(kafka, first, group="places")) as live:
        await live.until(lambda: len(live.objects()) == 2, "rows")
    (place,) = [key for key in live.engine.records if not key.startswith("_")]
    # The same cluster by another address: it goes on.
    await send(kafka, first, b'{"a": 3}')
    given = {"brokers": kafka.tls, "tls": {"skip_verify_server": True}, "group": "places"}
    async with Live("kafka", source(kafka, first, **given)) as other:
        other.engine = live.engine
        await other.until(lambda: len(other.objects()) == 3, "a row more")
    assert place in live.engine.records
    # Another topic: what is known of the first says nothing of it, and goes.
    async with Live("kafka", source(kafka, second, group="places")) as anew:
        anew.engine = live.engine
        await anew.until(lambda: len(anew.objects()) == 5, "all rows of the other topic")
    assert place not in live.engine.records
    assert len([key for key in live.engine.records if not key.startswith("_")]) == 1


async def test_what_is_there_before_the_source_is_read_from_the_first_record(
    kafka: Kafka,
) -> None:
    topic = await kafka.new_topic(3)
    async with AIOKafkaProducer(acks="all", **kafka.client()) as producer:
        for n in range(300):
            await producer.send(topic, b'{"n":%d}' % n, partition=n % 3)
    async with Live("kafka", source(kafka, topic, group="from-the-first")) as live:
        await live.until(lambda: len(live.objects()) >= 300, "all rows")
        assert sorted(each["n"] for each in live.objects()) == list(range(300))


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
async def test_compressed_records_are_read(kafka: Kafka, codec: str) -> None:
    topic = await kafka.new_topic()
    options = kafka.client() | {"compression_type": codec}
    async with AIOKafkaProducer(acks="all", **options) as producer:
        await producer.send_and_wait(topic, b'{"a": "%s"}' % (b"x" * 1_000))
    async with Live("kafka", source(kafka, topic, group=codec)) as live:
        await live.until(lambda: live.objects() == [{"a": "x" * 1_000}], "row")


async def test_a_topic_that_is_not_there_is_said(kafka: Kafka) -> None:
    missing = kafka.new_name()
    async with Live("kafka", source(kafka, missing)) as live:
        assert f"has no topic '{missing}'; create it" in await live.refused()
    async with LiveSink("kafka", sink(kafka, missing)) as writes:
        assert f"has no topic '{missing}'; create it" in await writes.refused()


# -- formats ------------------------------------------------------------------------------------


def avro_bytes(id_: int, value: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(AVRO), value)
    return framing.header(id_) + stream.getvalue()


async def test_avro_with_a_registry(kafka: Kafka, registry: Client) -> None:
    topic = await kafka.new_topic()
    id_ = registry.register(f"{topic}-value", AVRO)
    good = [avro_bytes(id_, {"a": "x", "n": n}) for n in range(3)]
    await send(kafka, topic, good[0], b"\0\0\0\0\xff", good[1], b"text", good[2])
    given = source(kafka, topic, data_type="avro", **registry.properties)
    async with Live("kafka", given) as live:
        rows = [{"a": "x", "n": n} for n in range(3)]
        await live.until(lambda: live.objects() == rows, "rows")
        assert live.runner.status().status == "running"
        letters = [
            (each.raw, each.origin.partition(":")[0], each.encoding) for each in live.engine.letters
        ]
    assert letters == [("AAAAAP8=", f"{topic}/0@1", "base64"), ("text", f"{topic}/0@3", "text")]
    assert "no schema with id 255" in live.engine.letters[0].error
    events = await preview.preview(control.Preview("kafka", given, 5, 20_000), around())
    assert [each for each in events if "error" not in each] == rows
    assert events[1]["raw"] == "AAAAAP8="
    assert "no schema with id 255" in events[1]["error"]


async def test_a_registry_that_is_away_holds_the_source_up(
    kafka: Kafka, schema_registry: SchemaRegistry
) -> None:
    client = Client(schema_registry.url, schema_registry.KEY, schema_registry.SECRET)
    topic = await kafka.new_topic()
    message = avro_bytes(client.register(f"{topic}-value", AVRO), {"a": "x", "n": 1})
    await send(kafka, topic, message)
    schema_registry.stop()
    given = source(kafka, topic, data_type="avro", **client.properties)
    async with Live("kafka", given) as live:
        message = await live.refused()
        assert "schema registry at 127.0.0.1" in message and schema_registry.SECRET not in message
        assert (live.objects(), live.letters()) == ([], [])
        schema_registry.start()
        await live.until(lambda: live.objects() == [{"a": "x", "n": 1}], "row")
        await live.until(lambda: live.runner.status().status == "running", "recovery")
    assert live.letters() == []


async def test_protobuf_by_a_schema_of_the_workspace(kafka: Kafka) -> None:
    topic = await kafka.new_topic()
    given = {"data_type": "protobuf", "protobuf_schema": "rows", "protobuf_message": "Row"}
    schema = Definition("2", "rows", "schema", query=PROTO)

    async with LiveSink("kafka", sink(kafka, topic, **given)) as writes:
        assert "no schema 'rows'" in await writes.refused()
        with_schema(writes.engine, schema)
        writes.rows([2**60, "x"], [2, None])
        await writes.delivered(2)
    async with Live("kafka", source(kafka, topic, **given)) as live:
        with_schema(live.engine, schema)
        rows = [{"n": 2**60, "text": "x"}, {"n": 2, "text": ""}]
        await live.until(lambda: live.objects() == rows, "rows")


def with_schema(engine: Any, schema: Definition) -> None:
    made = engine.definitions

    async def definitions() -> Snapshot:
        found = await made()
        return Snapshot(found.revision, (*found.definitions, schema))

    engine.definitions = definitions


HEADER = (
    ResultColumn("n", "int64"), ResultColumn("text", "nullable(string)"),
    ResultColumn("price", "decimal(10, 2)"), ResultColumn("at", "datetime64(3, 'UTC')"),
    ResultColumn("tags", "array(string)"), ResultColumn("by", "map(string, int32)"),
)  # fmt: skip
ROW = [5, None, 12.34, "2026-01-31 12:00:00.250", ["a"], {"k": 1}]
BAD = [2**70, "x", 1, "2026-01-31 12:00:00.250", [], {}]
READ = {
    "n": 5, "text": None, "price": 12.34, "at": "2026-01-31T12:00:00.250Z", "tags": ["a"],
    "by": {"k": 1},
}  # fmt: skip
WITH_PROTOBUF = {name: value for name, value in READ.items() if value is not None} | {
    "price": "12.34"
}


@pytest.mark.parametrize(("format_", "expected"), [("avro", READ), ("protobuf", WITH_PROTOBUF)])
async def test_a_sink_registers_the_schema_of_its_columns(
    kafka: Kafka, registry: Client, format_: str, expected: dict[str, Any]
) -> None:
    topic = await kafka.new_topic()
    given = {"data_type": format_, **registry.properties}
    async with LiveSink("kafka", sink(kafka, topic, **given), header=HEADER) as writes:
        writes.rows(ROW, BAD, ROW)
        await writes.delivered(3)
        await writes.until(lambda: bool(writes.letters), "letter")
        assert "Column 'n'" in writes.letters[0]
    assert registry.latest(f"{topic}-value")["version"] == 1
    async with Live("kafka", source(kafka, topic, **given)) as live:
        await live.until(lambda: len(live.objects()) == 2, "rows")
        assert _like(live.objects()[0], expected)
        assert live.letters() == []


def _like(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    found["at"] = found["at"].replace("250000Z", "250Z")
    assert found == expected
    return True


async def test_a_sink_writes_by_the_newest_schema(kafka: Kafka, registry: Client) -> None:
    topic = await kafka.new_topic()
    given = {"data_type": "avro", "schema_registry_use_latest": True, **registry.properties}
    async with LiveSink("kafka", sink(kafka, topic, **given)) as writes:
        assert f"no subject {topic}-value" in await writes.refused()
        fields = [{"name": "n", "type": "int"}, {"name": "text", "type": ["null", "string"]}]
        more = {"name": "more", "type": "string", "default": "d"}
        schema = {"type": "record", "name": "X", "fields": [*fields, more]}
        registry.register(f"{topic}-value", schema)
        writes.rows([1, "x"], [2, None])
        await writes.delivered(2)
    values = [record.value for record in await read(kafka, topic, 2)]
    parsed = fastavro.parse_schema(schema)
    decoded = [fastavro.schemaless_reader(io.BytesIO(each[5:]), parsed, None) for each in values]
    assert decoded == [
        {"n": 1, "text": "x", "more": "d"}, {"n": 2, "text": None, "more": "d"},
    ]  # fmt: skip


# -- transactions -------------------------------------------------------------------------------


async def numbers(kafka: Kafka, topic: str, count: int) -> list[int]:
    found = await read(kafka, topic, count, isolation_level="read_committed")
    return [msgspec.json.decode(record.value)["n"] for record in found]


async def test_a_batch_that_comes_again_is_written_once(kafka: Kafka) -> None:
    topic = await kafka.new_topic(2, max_message_bytes="2000")
    given = sink(kafka, topic, transactional=True, batch_count=10)
    async with LiveSink("kafka", given) as writes:
        writes.rows(*[[n, "x" * (3_000 if n == 7 else 1)] for n in range(10)])
        await writes.delivered(10)
        assert writes.letters == [f"The topic {topic} does not take a record of this size."]
        hidden = writes.engine.hidden[writes.owner]
    # As after a crash behind the commit: the position is not stored, the rows come again, here in
    # pieces, since the size of a batch was changed meanwhile.
    async with LiveSink("kafka", given | {"batch_count": 3}) as again:
        again.engine.hidden[again.owner] = hidden
        hidden.position, letters = type(hidden.position)(), list(hidden.letters)
        hidden.letters.clear()
        await again.delivered(10)
        await again.until(lambda: hidden.letters == letters, "the same letter")
        again.rows([10, "x"])
        await again.delivered(11)
    assert sorted(await numbers(kafka, topic, 10)) == [0, 1, 2, 3, 4, 5, 6, 8, 9, 10]


async def test_a_transaction_of_a_former_life_ends_unseen(kafka: Kafka) -> None:
    topic = await kafka.new_topic()
    former = AIOKafkaProducer(transactional_id=f"tailrace-{ID}", **kafka.client())
    await former.start()
    await former.begin_transaction()
    await former.send_and_wait(topic, b'{"n":99}')
    async with LiveSink("kafka", sink(kafka, topic, transactional=True)) as writes:
        writes.rows([1, "x"])
        await writes.delivered(1)
        with pytest.raises(KafkaError):  # it is shut out
            await former.send_and_wait(topic, b'{"n":98}')
    await former.stop()
    assert await numbers(kafka, topic, 1) == [1]


async def test_a_broker_that_dies_costs_no_row_of_a_transactional_sink(kafka: Kafka) -> None:
    topic = await kafka.new_topic()
    given = sink(kafka, topic, transactional=True, batch_count=5)
    async with LiveSink("kafka", given) as writes:
        for n in range(40):
            writes.rows([n, "x"])
            if n == 20:
                await writes.delivered(10)
                kafka.kill()
                await asyncio.to_thread(kafka.start)
        await writes.delivered(40)
    assert await numbers(kafka, topic, 40) == list(range(40))


async def test_a_quiet_source_says_that_its_broker_died_and_goes_on(kafka: Kafka) -> None:
    topic = await kafka.new_topic()
    await send(kafka, topic, b'{"n":1}')
    async with Live("kafka", source(kafka, topic)) as live:
        await live.until(lambda: live.objects() == [{"n": 1}], "the first")
        kafka.kill()
        try:
            said = await live.refused()  # the second when a commit was under way
            assert "cannot be reached" in said or "took no commit" in said
        finally:
            await asyncio.to_thread(kafka.start)
        await send(kafka, topic, b'{"n":2}')
        await live.until(lambda: live.objects() == [{"n": 1}, {"n": 2}], "the second")
        assert live.runner.status().status == "running"


async def test_a_row_too_large_for_the_topic_costs_no_other(kafka: Kafka) -> None:
    topic = await kafka.new_topic(max_message_bytes="2000")
    async with LiveSink("kafka", sink(kafka, topic)) as writes:
        writes.rows(*[[n, "x" * (3_000 if n == 7 else 1)] for n in range(10)])
        await writes.delivered(10)
        assert writes.letters == [f"The topic {topic} does not take a record of this size."]
        assert writes.runner.stats(60_000, 60_000).errors == 1  # the letter
    assert await numbers(kafka, topic, 9) == [0, 1, 2, 3, 4, 5, 6, 8, 9]
