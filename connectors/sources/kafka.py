"""Source `kafka`: records of a topic, committed to the group once they are durable."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from connectors import checking, kafka_cluster, kafka_codecs, kafka_formats, kafka_reading
from connectors.checking import Step
from connectors.contract import CheckStep, SourceBatch, SourceContext, SourceSpec
from connectors.formats import decoders
from connectors.formats.contract import Decoder, FormatContext
from connectors.guarantees import SOURCES
from connectors.kafka_looks import SUGGESTS, Look
from connectors.kafka_positions import KafkaPositions
from engine.errors import UserError

log = logging.getLogger("tailrace.connectors")

# Of one answer of a broker; the client holds a few of them.
FETCH_BYTES_MAX: Final = 8 << 20
PREVIEW: Final = "preview"
GROUP_PREFIX: Final = "timeplus-source-"


class Config(kafka_formats.Schemas, frozen=True, kw_only=True):
    """Properties of a Kafka source."""

    topic: Annotated[str, msgspec.Meta(title="Topic", description="Which records.", min_length=1)]
    data_type: kafka_formats.DataType
    offset: Annotated[
        Literal["latest", "earliest"],
        msgspec.Meta(title="Offset", description="Where a new group begins."),
    ]
    group: Annotated[
        str,
        msgspec.Meta(title="Group", description="Consumer group; one of its own if empty."),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse what does not fit each other."""
        super().__post_init__()
        kafka_formats.check(self, self.data_type)


class KafkaSource:
    """See `connectors.contract.Source`. The offsets that are stored with the rows decide what comes
    next; those of the group follow them, and are for others to see."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._consumer: Any = None
        self._is_preview = context.source_id == PREVIEW
        self._group = config.group or GROUP_PREFIX + context.source_id
        self._positions = KafkaPositions({})
        self._placed: set[Any] = set()  # partitions whose beginning was looked up
        self._failure: UserError | None = None
        self._look: Look | None = None
        format_ = kafka_formats.format_of(config, config.data_type, config.tls, context.definitions)
        self._format = format_
        self._decoder = decoders.decoder(
            format_, FormatContext(context.clock, context.sleep, context.private)
        )

    @property
    def decoder(self) -> Decoder:
        """What its records are decoded with; dead letters that are replayed too."""
        return self._decoder

    async def connect(self) -> None:
        """Join the group."""
        from aiokafka import AIOKafkaConsumer
        from aiokafka.errors import KafkaError

        config = self._config
        await kafka_cluster.check_addresses(config, private=self._context.private)
        kafka_codecs.install()
        self._consumer = AIOKafkaConsumer(
            group_id=None if self._is_preview else self._group,
            enable_auto_commit=False,
            auto_offset_reset=config.offset,
            client_id="tailrace",
            fetch_max_bytes=FETCH_BYTES_MAX,
            **kafka_cluster.options(config),
        )
        kafka_cluster.guard(self._consumer._client, private=self._context.private)
        try:
            await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise await kafka_cluster.explained(config, error) from None
        cluster = await kafka_cluster.identity(config, self._consumer._client, config.topic)
        self._positions = KafkaPositions(self._context.saved, cluster, config.topic, self._group)
        self._consumer.subscribe([config.topic], listener=_listener(self._place))

    def _looking(self) -> Look:
        context = self._context
        self._look = Look(self._config, context.clock, context.sleep, private=context.private)
        return self._look

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. No group is joined, nothing committed."""
        look, config = self._looking(), self._config
        wanted: list[Step] = [*look.steps, ("topic", lambda: look.topic(config.topic))]
        if config.group or not self._is_preview:
            wanted.append(("group", lambda: look.group(self._group)))
        wanted.append(("read", lambda: look.read(config.topic)))
        if self._format.registry is not None:
            wanted.append(
                ("registry", lambda: look.registry(self._format, config.topic, needed=False))
            )
        return checking.steps(self._context.clock, *wanted)

    async def suggest(self, field: str) -> list[str]:
        """Topics and groups of the cluster."""
        config = self._config
        if field == "topic":
            return await kafka_cluster.topics(config, private=self._context.private)
        look = self._looking()
        await look.sign_in()
        return await look.groups()

    async def _place(self, assigned: Iterable[Any]) -> None:
        """Begin each partition where the stored rows end; a new one as `offset` says."""
        from aiokafka.errors import KafkaError

        self._placed.difference_update(assigned)
        try:
            for partition in assigned:
                await self._place_one(partition)
        except (KafkaError, OSError, TimeoutError) as error:
            # The library would go on from anywhere; the next life tries again.
            self._failure = kafka_cluster.unreachable(self._config, error)

    async def _place_one(self, partition: Any) -> None:
        consumer = self._consumer
        committed = None if self._is_preview else await consumer.committed(partition)
        stored = self._positions.next(partition.partition)
        first = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
        if stored is not None and (stored > end or (committed or stored) > end):
            self._positions.forget(partition.partition)  # another topic of the name
            stored = committed = None
        if stored is None and committed is None:
            begin = first if self._config.offset == "earliest" else end
        else:
            begin = max(first, stored or 0, committed or 0)
        if committed is None and not self._is_preview:
            # So that a kill before the first record does not move the beginning.
            await consumer.commit({partition: begin})
        # Both at once: what is read between the two would be taken for what was read before.
        consumer.seek(partition, begin)
        self._placed.add(partition)

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """A batch for each partition that has records."""
        polling = kafka_reading.Polling(self._config, self._consumer, self._context.clock)
        while True:
            polled = await polling.poll()
            if self._failure is not None:
                raise self._failure
            now = self._context.clock.monotonic()
            # Others are from where the library begins; it is told another place soon.
            placed = set(polled) if self._is_preview else self._placed & set(polled)
            for partition in placed:
                records = polled[partition]
                if self._positions.is_behind(partition.partition, records):
                    log.warning("topic %s was made anew: read from its beginning", partition.topic)
                    self._positions.forget(partition.partition)
                batch = self._positions.batch(partition, records, self._decoder.format, now)
                if batch is not None:
                    yield await self._decoded(batch)

    async def _decoded(self, batch: SourceBatch) -> SourceBatch:
        """What cannot be decoded stays as it is and is given up. When the registry is away this
        life ends, and the next one reads the same records again."""
        found = await self._decoder.decode(batch.messages)
        return dataclasses.replace(batch, messages=found.messages, refused=found.refused)

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """Commit the last offset of each partition that this consumer still has."""
        has = self._consumer.assignment()
        done: dict[Any, int] = dict(tokens)  # type: ignore[arg-type]
        offsets = {partition: offset for partition, offset in done.items() if partition in has}
        if offsets:
            # What is stored is known by its offset, if others have the partition by now.
            await kafka_reading.commit(self._consumer, offsets)

    async def close(self) -> None:
        """Leave the group."""
        await self._decoder.close()
        if self._look is not None:
            await self._look.close()
        if self._consumer is not None:
            await kafka_reading.stopped(self._consumer)


def _listener(place: Callable[[Iterable[Any]], Awaitable[None]]) -> Any:
    """The library's listener, whose class is only known once it is loaded."""
    from aiokafka.abc import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):
        def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
            """What was handed over goes on; others may store it too."""

        def on_partitions_assigned(self, assigned: Iterable[Any]) -> Any:
            """Before the first record of these partitions; the library waits for it."""
            return place(assigned)

    return Listener()


spec = SourceSpec(
    name="kafka",
    title="Kafka",
    summary="Records of a Kafka topic.",
    guarantee=SOURCES["kafka"],
    icon="kafka",
    config=Config,
    create=KafkaSource,
    client=("aiokafka", "aiokafka.admin", "aiokafka.abc"),
    suggests=SUGGESTS,
)
