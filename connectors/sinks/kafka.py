"""Sink `kafka`: a record for each row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from connectors import (
    checking,
    kafka_closing,
    kafka_cluster,
    kafka_formats,
    kafka_looks,
    kafka_producing,
    kafka_records,
)
from connectors.checking import Step
from connectors.contract import CheckStep
from connectors.formats.contract import Encoder, Format, FormatContext
from connectors.formats.encoders import TYPED, encoder
from connectors.kafka_looks import Look
from connectors.kafka_records import Record
from connectors.kafka_transactions import TIMEOUT_MS, TooLarge, Transactions
from connectors.sink_contract import (
    Delivery,
    NotDelivered,
    Refusal,
    SinkContext,
    SinkRow,
    SinkSpec,
)
from engine.errors import UserError

TRANSACTION_PREFIX: Final = "tailrace-"
SUGGESTS: Final = {"topic": kafka_looks.REACHED_BY}


class Config(kafka_formats.Schemas, frozen=True, kw_only=True):
    """Properties of a Kafka sink."""

    topic: Annotated[
        str,
        msgspec.Meta(title="Topic", description="Where the records go."),
        msgspec.Meta(min_length=1, max_length=249),
    ]
    batch_count: Annotated[
        int,
        msgspec.Meta(title="Batch", description="Rows sent together.", ge=1, le=10_000),
    ] = 1000
    data_type: Annotated[
        Literal["json", "avro", "protobuf"],
        msgspec.Meta(
            title="Data type",
            description="json: the row as an object; avro: needs a schema registry; protobuf: "
            "needs a schema registry or a schema.",
        ),
    ] = "json"
    schema_registry_use_latest: Annotated[
        bool,
        msgspec.Meta(
            title="Use the newest schema",
            description="Write by the newest schema of the subject TOPIC-value, instead of "
            "registering one that the columns make.",
        ),
    ] = False
    transactional: Annotated[
        bool,
        msgspec.Meta(
            title="Transactional",
            description="Each batch is one transaction, which consumers that read committed "
            "records see once.",
        ),
    ] = False

    def __post_init__(self) -> None:
        """Refuse what does not fit each other."""
        super().__post_init__()
        kafka_formats.check(self, self.data_type)


class KafkaSink:
    """See `connectors.sink_contract.Sink`. Rows of a batch go to one partition, in order; the next
    batch to the next partition. An idempotent producer, acknowledged by all replicas."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        self._config = config
        self._context = context
        self._format = kafka_formats.format_of(config, config.data_type, config.tls)
        self._encoder = self._encoder_of(self._format)
        self._look: Look | None = None
        self._producer: Any = None
        self._transactions: Transactions | None = None
        self._turn = 0

    def _encoder_of(self, format_: Format) -> Encoder:
        config, context = self._config, self._context
        return encoder(
            format_,
            context.columns,
            config.topic,
            FormatContext(context.clock, context.sleep, context.private),
            use_latest=config.schema_registry_use_latest,
        )

    async def connect(self) -> None:
        """Reach the registry and the cluster, and find the topic."""
        config = self._config
        if kafka_formats.workspace_name(config, config.data_type):
            definitions = (await (await self._context.engine()).definitions()).definitions
            format_ = kafka_formats.format_of(config, config.data_type, config.tls, definitions)
            self._encoder = self._encoder_of(format_)
        await self._encoder.connect()
        await kafka_cluster.check_addresses(config, private=self._context.private)
        await self._open()

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. No producer, transaction or schema is made."""
        context, config = self._context, self._config
        look = Look(config, context.clock, context.sleep, private=context.private)
        self._look = look

        async def topic() -> str:
            return f"{await look.topic(config.topic)}; writing is not tried."

        wanted: list[Step] = [*look.steps, ("topic", topic)]
        if self._format.registry is not None:
            needed = config.schema_registry_use_latest
            wanted.append(
                ("registry", lambda: look.registry(self._format, config.topic, needed=needed))
            )
        return checking.steps(context.clock, *wanted)

    async def suggest(self, field: str) -> list[str]:
        """Topics of the cluster."""
        return await kafka_cluster.topics(self._config, private=self._context.private)

    async def _open(self) -> None:
        """A producer, in place of the one before."""
        config, name = self._config, self._context.sink_id
        transactional = is_transactional(config, self._context)
        more: dict[str, Any] = {}
        if transactional:
            more["transactional_id"] = TRANSACTION_PREFIX + name
            more["transaction_timeout_ms"] = TIMEOUT_MS
        await self._leave()
        self._producer = await kafka_producing.started(
            config, config.topic, private=self._context.private, **more
        )
        if transactional:
            self._transactions = Transactions(self._producer, config.topic, name)
            with kafka_producing.told(config, config.topic):
                await self._transactions.begin()

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Send them and wait until all replicas have them."""
        from aiokafka.errors import KafkaError

        records, refused = await kafka_records.records_of(rows, self._encoder)
        try:
            partitions = sorted(await self._producer.partitions_for(self._config.topic))
            partition = partitions[self._turn % len(partitions)]
            self._turn += 1
            if self._transactions is None:
                large = await self._send(records, partition)
            else:
                given_up = [refusal.index for refusal in refused]
                large = await self._transact(rows, records, given_up, partition)
        except UserError as error:  # of a new producer
            raise NotDelivered(error.message, reconnect=True) from None
        except (KafkaError, OSError, TimeoutError, AssertionError) as error:
            # Whatever the producer's own state is now: a new one has a clean one.
            failure = kafka_cluster.unreachable(self._config, error)
            raise NotDelivered(failure.message, reconnect=True) from None
        topic = self._config.topic
        why = f"The topic {topic} does not take a record of this size."
        return refused + [Refusal(index, why) for index in large]

    async def _send(self, records: Sequence[Record], partition: int) -> list[int]:
        """The rows that the topic does not take."""
        from aiokafka.errors import MessageSizeTooLargeError

        large: list[int] = []
        packs = await kafka_records.packs(self._producer, records)
        while packs:
            pack = packs.pop(0)
            try:
                await (
                    await self._producer.send_batch(
                        pack.builder, self._config.topic, partition=partition
                    )
                )
            except MessageSizeTooLargeError:
                await self._open()  # the numbers of the old one have a gap
                alone: list[Record] = []
                if len(pack.records) == 1:
                    large.append(pack.records[0].index)
                else:
                    alone = pack.records
                rest = [record for each in packs for record in each.records]
                packs = await kafka_records.packs(self._producer, alone, alone=True)
                packs += await kafka_records.packs(self._producer, rest)
        return large

    async def _transact(
        self,
        rows: Sequence[SinkRow],
        records: Sequence[Record],
        given_up: Sequence[int],
        partition: int,
    ) -> list[int]:
        """The same in one transaction, of what no former one wrote."""
        assert self._transactions is not None
        done = self._transactions.known(rows)
        before = set(given_up)
        large = [at for at in self._transactions.given_up(rows) if at not in before]
        records = [record for record in records if record.index >= done]
        alone = False
        while done < len(rows):
            gone = [*given_up, *large]
            try:
                await self._transactions.write(rows, records, gone, partition, alone=alone)
                break
            except TooLarge as error:
                if alone:
                    large += [record.index for pack in error.packs for record in pack.records]
                    records = [record for record in records if record.index not in set(large)]
                alone = True
                await self._open()
        return large

    async def close(self) -> None:
        """Leave the registry and the cluster."""
        await self._encoder.close()
        if self._look is not None:
            await self._look.close()
        await self._leave()

    async def _leave(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await kafka_closing.stopped(producer)


def is_transactional(config: Config, context: SinkContext) -> bool:
    """Whether batches are transactions: of rows that have a place in their query. The messages of
    alerts and dead letters have none, and a second producer of the name would shut out the first.
    """
    return config.transactional and context.purpose == "rows" and not context.is_replay


def delivery(config: Config, context: SinkContext) -> Delivery:
    """In order, until the cluster takes them. A transaction that comes again must have the same
    rows."""
    exact = is_transactional(config, context)
    return Delivery(rows=config.batch_count, exact=exact, folds=config.data_type in TYPED)


spec = SinkSpec(
    name="kafka",
    title="Kafka",
    summary="A record of a Kafka topic for each row.",
    guarantee="at least once",
    icon="kafka",
    config=Config,
    create=KafkaSink,
    delivery=delivery,
    client=("aiokafka", "aiokafka.admin", "aiokafka.abc"),
    suggests=SUGGESTS,
)
