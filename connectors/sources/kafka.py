"""Source `kafka`: records of a topic, committed to the group once they are durable."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from connectors import kafka_cluster, messages
from connectors.contract import SourceBatch, SourceContext, SourceSpec
from connectors.guarantees import SOURCES
from connectors.kafka_positions import KafkaPositions
from engine.errors import UserError

log = logging.getLogger("tailrace.connectors")

POLL_MS: Final = 1_000
POLL_RECORDS: Final = 5_000
# Of one answer of a broker; the client holds a few of them.
FETCH_BYTES_MAX: Final = 8 << 20
PREVIEW: Final = "preview"
GROUP_PREFIX: Final = "timeplus-source-"


class Config(kafka_cluster.Cluster, frozen=True, kw_only=True):
    """Properties of a Kafka source."""

    topic: Annotated[str, msgspec.Meta(title="Topic", description="Which records.", min_length=1)]
    data_type: messages.DataType
    offset: Annotated[
        Literal["latest", "earliest"],
        msgspec.Meta(title="Offset", description="Where a new group begins."),
    ]
    group: Annotated[
        str,
        msgspec.Meta(title="Group", description="Consumer group; one of its own if empty."),
    ] = ""


class KafkaSource:
    """See `connectors.contract.Source`. The offsets that are stored with the rows decide what comes
    next; those of the group follow them, and are for others to see."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._consumer: Any = None
        self._is_preview = context.source_id == PREVIEW
        self._group = config.group or GROUP_PREFIX + context.source_id
        of = (sorted(config.addresses()), config.topic, self._group)
        self._positions = KafkaPositions(context.saved, *of)
        self._placed: set[Any] = set()  # partitions whose beginning was looked up
        self._failure: UserError | None = None

    async def connect(self) -> None:
        """Join the group."""
        from aiokafka import AIOKafkaConsumer
        from aiokafka.errors import KafkaError

        config = self._config
        await kafka_cluster.check_addresses(config, private=self._context.private)
        self._consumer = AIOKafkaConsumer(
            group_id=None if self._is_preview else self._group,
            enable_auto_commit=False,
            auto_offset_reset=config.offset,
            client_id="tailrace",
            fetch_max_bytes=FETCH_BYTES_MAX,
            **kafka_cluster.options(config),
        )
        try:
            await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise kafka_cluster.unreachable(config, error) from None
        self._consumer.subscribe([config.topic], listener=_listener(self._place))

    async def _place(self, assigned: Iterable[Any]) -> None:
        """Begin each partition where the stored rows end; a new one as `offset` says."""
        from aiokafka.errors import KafkaError

        self._placed.difference_update(assigned)
        try:
            for partition in assigned:
                await self._place_one(partition)
                self._placed.add(partition)
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
        consumer.seek(partition, begin)
        if committed is None and not self._is_preview:
            # So that a kill before the first record does not move the beginning.
            await consumer.commit({partition: begin})

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """A batch for each partition that has records."""
        from aiokafka.errors import KafkaError

        format_ = messages.FORMATS[self._config.data_type]
        while True:
            try:
                polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            except (KafkaError, OSError) as error:
                raise kafka_cluster.unreachable(self._config, error) from None
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
                batch = self._positions.batch(partition, records, format_, now)
                if batch is not None:
                    yield batch

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """Commit the last offset of each partition that this consumer still has."""
        from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

        has = self._consumer.assignment()
        done: dict[Any, int] = dict(tokens)  # type: ignore[arg-type]
        offsets = {partition: offset for partition, offset in done.items() if partition in has}
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return  # others have the partition now; what is stored is known by its offset
        except KafkaError as error:
            raise UserError(
                f"Kafka took no commit: {str(error) or type(error).__name__}.", 400, "orbit"
            ) from None

    async def close(self) -> None:
        """Leave the group."""
        from aiokafka.errors import KafkaError

        if self._consumer is not None:
            with contextlib.suppress(KafkaError, OSError):
                await self._consumer.stop()


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
)
