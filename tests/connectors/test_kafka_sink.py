"""Kafka sinks: what the client library is told and given, and what its failures become."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiokafka
import aiokafka.client
import msgspec
import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import BrokerMetadata
from live_sink import HEADER, ID, LiveSink

from connectors import preview, properties
from connectors.sink_contract import SinkContext, SinkRow
from connectors.sinks import kafka
from engine.clock import SystemClock
from engine.errors import UserError
from engine.protocol import Position

GIVEN: dict[str, Any] = {"brokers": "127.0.0.1:1234", "topic": "t", "tls.disable": True}


class Cluster:
    """What producers were made with, and the record batches that they sent."""

    def __init__(self) -> None:
        self.options: list[dict[str, Any]] = []
        self.sent: list[tuple[int, list[tuple[Any, bytes, list[tuple[str, bytes]]]]]] = []
        self.failures: list[Exception] = []
        self.stopped = 0
        self.size_max = 1 << 30

    def producer(self, **options: Any) -> Producer:
        """What stands for aiokafka.AIOKafkaProducer."""
        self.options.append(options)
        return Producer(self)

    def numbers(self, partition: int | None = None) -> list[int]:
        """The rows of a partition, in order."""
        return [
            msgspec.json.decode(value)["n"]
            for at, records in self.sent
            for _, value, _ in records
            if partition in (None, at)
        ]


class Recording:
    """The library's own batch, which also keeps what is appended."""

    def __init__(self, size: int) -> None:
        self.builder = BatchBuilder(size, 0, is_transactional=False)
        self.records: list[Any] = []

    def append(self, *, key: Any, value: bytes, timestamp: Any, headers: Any) -> Any:
        """As the library does."""
        found = self.builder.append(key=key, value=value, timestamp=timestamp, headers=headers)
        if found is not None:
            self.records.append((key, value, headers))
        return found


class Producer:
    """The part of a producer that the sink uses."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.client = SimpleNamespace(bootstrap=self.start)

    async def start(self) -> None:
        """Connected."""

    async def stop(self) -> None:
        """Left."""
        self._cluster.stopped += 1

    async def partitions_for(self, _: str) -> set[int]:
        """Two."""
        return {1, 0}

    def create_batch(self) -> Recording:
        """As large as was asked for."""
        return Recording(self._cluster.options[-1]["max_batch_size"])

    async def send_batch(self, batch: Recording, _: str, *, partition: int) -> asyncio.Future[None]:
        """Take it or fail."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._cluster.failures:
            future.set_exception(self._cluster.failures.pop(0))
        elif any(len(value) > self._cluster.size_max for _, value, _ in batch.records):
            future.set_exception(MessageSizeTooLargeError())
        else:
            self._cluster.sent.append((partition, batch.records))
            future.set_result(None)
        return future


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """In place of the library's producer."""
    found = Cluster()
    monkeypatch.setattr(aiokafka, "AIOKafkaProducer", found.producer)
    return found


async def test_rows_are_records_in_order_of_their_partition(cluster: Cluster) -> None:
    async with LiveSink("kafka", {**GIVEN, "batch_count": 10}) as live:
        live.rows(*[[n, "x"] for n in range(30)])
        await live.delivered(30)
    (options,) = cluster.options
    assert (options["acks"], options["enable_idempotence"]) == ("all", True)
    assert options["bootstrap_servers"] == ["127.0.0.1:1234"]
    assert [(at, len(records)) for at, records in cluster.sent] == [(0, 10), (1, 10), (0, 10)]
    assert cluster.numbers() == list(range(30))
    key, value, headers = cluster.sent[0][1][3]
    assert (key, value) == (None, b'{"n":3,"text":"x"}')
    ((name, event_id),) = headers
    epoch = live.engine.hidden[live.owner].records["epoch"].decode()
    assert (name, event_id.decode()) == (
        "X-Event-Id", f"{live.runner.definition.id}-{epoch}-0-3",
    )  # fmt: skip
    assert cluster.stopped == 1


async def test_a_failure_is_followed_by_a_new_producer_and_the_same_rows(cluster: Cluster) -> None:
    cluster.failures = [KafkaTimeoutError("no leader")]
    async with LiveSink("kafka", GIVEN) as live:
        live.rows([1, "x"], [2, "x"])
        await live.delivered(2)
        assert live.runner.stats(60_000, 60_000).errors == 1
        assert "Kafka at 127.0.0.1:1234 cannot be reached" in str(live.runner.log.newest(9))
        assert live.letters == []
    assert (len(cluster.options), cluster.stopped) == (2, 2)
    assert cluster.numbers() == [1, 2]


async def test_a_row_that_the_topic_does_not_take_is_a_letter(cluster: Cluster) -> None:
    cluster.size_max = 1_000
    async with LiveSink("kafka", GIVEN) as live:
        live.rows([1, "x"], [2, "x" * 2_000], [3, "x"])
        await live.delivered(3)
        await live.until(lambda: bool(live.letters), "letter")
        assert live.letters == ["The topic t does not take a record of this size."]
    assert cluster.numbers() == [1, 3]


async def test_batches_are_cut_to_what_a_broker_takes(cluster: Cluster) -> None:
    sizes = {1: 600_000, 2: 600_000, 3: 1_500_000, 4: 10}
    async with LiveSink("kafka", GIVEN) as live:
        live.rows(*[[n, "x" * size] for n, size in sizes.items()])
        await live.delivered(4)
        assert live.letters == []
    assert [[len(value) > 500_000 for _, value, _ in records] for _, records in cluster.sent] == [
        [True], [True], [True], [False],
    ]  # fmt: skip
    assert cluster.numbers() == [1, 2, 3, 4]


async def test_alerts_have_headers_of_the_incident(cluster: Cluster) -> None:
    async with LiveSink("redpanda", GIVEN, alert="too hot") as live:
        live.rows([1, "x"])
        await live.delivered(1)
    headers = {name: value.decode() for name, value in cluster.sent[0][1][0][2]}
    assert headers["X-Alert-Status"] == "triggered"
    assert headers["X-Event-Id"] == f"{headers['X-Incident-Id']}-triggered"


async def test_alerts_and_replays_shut_out_no_transactional_producer(cluster: Cluster) -> None:
    given = {**GIVEN, "transactional": True}
    async with LiveSink("kafka", given, alert="too hot") as live:
        live.rows([1, "x"])
        await live.delivered(1)
    config = properties.parse(kafka.Config, given)
    context = SinkContext(ID, SystemClock(), asyncio.sleep, HEADER, _nobody, True, is_replay=True)
    sink = kafka.KafkaSink(config, context)
    await sink.connect()
    # As of a letter: a row without a place, of the query whose rows the running sink writes.
    row = SinkRow(f"{ID}-4fd01b3a-3-0", Position(), [msgspec.Raw(b"7"), msgspec.Raw(b'"x"')])
    assert await sink.deliver([row]) == []
    await sink.close()
    assert not any("transactional_id" in options for options in cluster.options)
    assert cluster.numbers() == [1, 7]
    assert not kafka.delivery(config, context).exact


async def _nobody() -> Any:
    raise AssertionError


async def test_no_broker_is_connected_to_before_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[object] = []

    async def bootstrap(client: Any) -> None:
        client.cluster._brokers = {1: BrokerMetadata(1, "10.0.0.1", 9092, None)}

    async def connect(*address: object, **_: object) -> None:
        tried.append(address)
        raise OSError

    monkeypatch.setattr(aiokafka.client.AIOKafkaClient, "bootstrap", bootstrap)
    monkeypatch.setattr(aiokafka.client, "create_conn", connect)
    given = {**GIVEN, "brokers": "8.8.8.8:9092"}
    async with LiveSink("kafka", given, private=False) as live:
        assert "10.0.0.1 is in a private network" in await live.refused()
    with pytest.raises(UserError, match=r"10\.0\.0\.1 is in a private network"):
        await preview.topics(given, private=False)
    assert tried == []


async def test_a_cluster_that_is_away_is_a_message_and_rows_wait() -> None:
    away = {**GIVEN, "brokers": "127.0.0.1:1"}
    async with LiveSink("kafka", away) as live:
        live.rows([1, "x"])
        assert "Kafka at 127.0.0.1:1 cannot be reached" in await live.refused()
        assert live.letters == []
    async with LiveSink("confluent_cloud", away, private=False) as live:
        assert "allow_private_networks" in await live.refused()
