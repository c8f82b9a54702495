"""Source `kafka`: records of a topic, committed to the group once they are durable."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from connectors import kafka_cluster, messages
from connectors.contract import SourceBatch, SourceContext, SourceSpec
from engine.errors import UserError

POLL_MS: Final = 1_000
POLL_RECORDS: Final = 256
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
    """See `connectors.contract.Source`."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._consumer: Any = None

    async def connect(self) -> None:
        """Join the group."""
        from aiokafka import AIOKafkaConsumer
        from aiokafka.errors import KafkaError

        config = self._config
        await kafka_cluster.check_addresses(config, private=self._context.private)
        self._consumer = AIOKafkaConsumer(
            config.topic,
            group_id=config.group or GROUP_PREFIX + self._context.source_id,
            enable_auto_commit=False,
            auto_offset_reset=config.offset,
            client_id="tailrace",
            **kafka_cluster.options(config),
        )
        try:
            await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise kafka_cluster.unreachable(config, error) from None

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """A batch for each record, in the order of its partition."""
        from aiokafka.errors import KafkaError

        while True:
            try:
                polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            except (KafkaError, OSError) as error:
                raise kafka_cluster.unreachable(self._config, error) from None
            now = self._context.clock.monotonic()
            for partition, records in polled.items():
                for record in records:
                    token = (partition, record.offset + 1)
                    payload = record.value or b""
                    yield messages.batch(self._config.data_type, payload, now, token)

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """Commit the last offset of each partition."""
        from aiokafka.errors import KafkaError

        try:
            await self._consumer.commit(dict(tokens))  # type: ignore[arg-type]
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


spec = SourceSpec(
    name="kafka",
    title="Kafka",
    summary="Records of a Kafka topic.",
    guarantee="at least once",
    icon="kafka",
    config=Config,
    create=KafkaSource,
)
