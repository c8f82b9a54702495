"""External streams of type kafka: records of a topic, read without a group and written."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from connectors import kafka_cluster, kafka_codecs, kafka_reading
from connectors.contract import SourceBatch
from connectors.external.contract import ExternalSpec, ReadContext, Unreadable, expired
from connectors.external.kafka_writer import BATCH_ROWS, KafkaWriter
from connectors.external.places import Places
from connectors.external.rows import Event, EventWriter, format_of
from connectors.formats.contract import FormatContext
from connectors.kafka_cluster import Cluster
from connectors.properties import parse
from connectors.sink_contract import Delivery
from engine.errors import UserError
from engine.external_objects import External

# Of one answer of a broker; the client holds a few of them.
FETCH_BYTES_MAX: Final = 8 << 20
# How often it is looked for partitions that came later.
PARTITIONS_SECONDS: Final = 30.0
# How long it is asked about a topic that was not known at first: metadata may lag behind.
TOPIC_SECONDS: Final = 2.0
_MECHANISMS: Final = ("plain", "scram-sha-256", "scram-sha-512")
_TRUE: Final = ("true", "1", "yes")
_log = logging.getLogger(__name__)


def cluster_of(external: External) -> Cluster:
    """Where the brokers are; UserError for settings that cannot be."""
    settings = external.settings
    protocol = settings.get("security_protocol", "plaintext").lower()
    properties: dict[str, Any] = {
        "brokers": settings.get("brokers", ""),
        "tls": {
            "disable": not protocol.endswith("ssl"),
            "skip_verify_server": settings.get("skip_ssl_cert_check", "").lower() in _TRUE,
            "root_cas": settings.get("ssl_ca_pem", ""),
        },
    }
    if protocol.startswith("sasl"):
        mechanism = settings.get("sasl_mechanism", "plain").lower()
        if mechanism not in _MECHANISMS:
            raise UserError(
                f"The sasl_mechanism {mechanism[:40]!r} of {external.name} is not known; known: "
                "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.",
                400,
                "orbit",
            )
        properties |= {"sasl": mechanism, "username": settings.get("username", "")}
        properties["password"] = settings.get("password", "")
    return parse(Cluster, properties)


def topic_of(external: External) -> str:
    """The topic; UserError without one."""
    topic = external.settings.get("topic", "")
    if not topic:
        raise UserError(f"{external.name} needs the setting topic.", 400, "orbit")
    return topic


class KafkaReader:
    """See `connectors.contract.Source`. The offsets that are stored with the rows decide where it
    goes on; no group is joined."""

    def __init__(self, external: External, context: ReadContext) -> None:
        self._external = external
        self._context = context
        self._cluster = cluster_of(external)
        self._topic = topic_of(external)
        self._places = Places(context.saved, sorted(self._cluster.addresses()), self._topic)
        format_ = FormatContext(context.clock, context.sleep, context.private)
        self._writer = EventWriter(external, format_)
        self._consumer: Any = None
        self._look_at = 0.0

    async def connect(self) -> None:
        """Reach the cluster, and find out where each partition begins and, if it ends, where."""
        from aiokafka import AIOKafkaConsumer
        from aiokafka.errors import KafkaError

        await kafka_cluster.check_addresses(self._cluster, private=self._context.private)
        kafka_codecs.install()
        self._consumer = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            # What is gone is an error: skipped messages would be told to nobody.
            auto_offset_reset="none",
            isolation_level="read_committed",
            client_id="tailrace",
            fetch_max_bytes=FETCH_BYTES_MAX,
            **kafka_cluster.options(self._cluster),
        )
        client: Any = self._consumer._client
        kafka_cluster.guard(client, private=self._context.private)
        try:
            await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise await kafka_cluster.explained(self._cluster, error) from None
        try:
            await self._place()
        except (KafkaError, OSError, TimeoutError) as error:
            raise kafka_cluster.unreachable(self._cluster, error) from None

    async def _partitions(self) -> list[Any]:
        from aiokafka import TopicPartition

        client: Any = self._consumer._client
        found: set[int] | None = None
        deadline = self._context.clock.monotonic() + TOPIC_SECONDS
        while not found:
            await client.set_topics([self._topic])
            found = client.cluster.partitions_for_topic(self._topic)
            if not found:
                if self._context.clock.monotonic() >= deadline:
                    raise Unreadable(
                        f"The topic {self._topic} of {self._external.name} does not exist."
                    )
                await self._context.sleep(0.2)
        return [TopicPartition(self._topic, number) for number in sorted(found)]

    async def _place(self) -> None:
        """Begin each partition where its stored rows end, or where the reader is to begin."""
        partitions = await self._partitions()
        first = await self._consumer.beginning_offsets(partitions)
        last = await self._consumer.end_offsets(partitions)
        begun = self._places.begun
        for partition in partitions:
            number = partition.partition
            known = self._places.next(number)
            if known is not None and known < first[partition]:
                if not self._context.skip_to:
                    what = f"partition {number} of the topic {self._topic}"
                    raise expired(self._external, what, known, first[partition])
                known = (first if self._context.skip_to == "earliest" else last)[partition]
            if known is None or known > last[partition]:
                # A partition that came later, or another topic of the name: all of it is new.
                if known is not None:
                    _log.warning(
                        "partition %s of the topic %s ends at %s, before the stored offset %s: "
                        "it was made anew, and all of it is read",
                        *(number, self._topic, last[partition], known),
                    )
                known = first[partition]
                if not begun:
                    known = await self._start(partition, first[partition], last[partition])
            self._places.begin(number, max(known, first[partition]))
            if self._context.bounded:
                self._places.end(number, last[partition])
        # Together: one that is assigned and has no place yet is an error of the library.
        self._consumer.assign(partitions)
        for partition in partitions:
            self._consumer.seek(partition, self._places.next(partition.partition))
        self._look_at = self._context.clock.monotonic() + PARTITIONS_SECONDS

    async def _start(self, partition: Any, first: int, last: int) -> int:
        start = self._context.start
        match start.kind:
            case "earliest":
                return first
            case "latest":
                return last
            case "sn":
                return min(max(start.value, first), last)
            case "time":
                found = await self._consumer.offsets_for_times({partition: max(start.value, 0)})
                at = found.get(partition)
                return last if at is None else at.offset

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """Where it begins; then a batch for each answer."""
        from aiokafka.errors import KafkaError

        clock = self._context.clock
        yield SourceBatch([], clock.monotonic(), saved=self._places.saved())
        polling = kafka_reading.Polling(self._cluster, self._consumer, clock)
        while not (self._context.bounded and self._places.done):
            polled = await polling.poll()
            try:
                if clock.monotonic() >= self._look_at:
                    await self._look()
            except (KafkaError, OSError) as error:
                raise kafka_cluster.unreachable(self._cluster, error) from None
            batch = await self._batch(polled)
            if batch is not None:
                yield batch

    async def _look(self) -> None:
        """Read partitions that came later too."""
        known = self._consumer.assignment()
        if set(await self._partitions()) != known:
            await self._place()
        self._look_at = self._context.clock.monotonic() + PARTITIONS_SECONDS

    async def _batch(self, polled: Mapping[Any, Sequence[Any]]) -> SourceBatch | None:
        events: list[Event] = []
        for partition, records in polled.items():
            number = partition.partition
            begin, end = self._places.next(number) or 0, self._places.last(number)
            events += [
                Event(r.value, r.timestamp, number, r.offset, r.key, r.headers)
                for r in records
                if r.offset >= begin and (end is None or r.offset < end)
            ]
        moved = False
        for partition in self._consumer.assignment():
            # Beyond the last record there may be marks of transactions.
            place = await self._consumer.position(partition)
            moved = self._places.go_on(partition.partition, place) or moved
        if not moved:
            return None
        written = await self._writer.write(events)
        where = [(events[at].partition, events[at].offset) for at in written.places]
        return SourceBatch(
            written.messages,
            self._context.clock.monotonic(),
            saved=self._places.saved(),
            refused=written.refused,
            origin=lambda at: f"{self._topic}/{where[at][0]}@{where[at][1]}",
        )

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """Nobody else is told."""

    async def close(self) -> None:
        """Leave the cluster."""
        await self._writer.close()
        if self._consumer is not None:
            await kafka_reading.stopped(self._consumer)


def _check(external: External) -> None:
    cluster_of(external)
    topic_of(external)
    format_of(external)


spec = ExternalSpec(
    type="kafka",
    kind="external_stream",
    check=_check,
    writer=lambda external, context: KafkaWriter(
        external, cluster_of(external), topic_of(external), context
    ),
    delivery=lambda external: Delivery(rows=BATCH_ROWS, folds=external.is_typed()),
    reader=KafkaReader,
)
