"""Looking at a Kafka cluster: topics, groups, the registry of schemas; nothing is changed there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final

from connectors import kafka_cluster, kafka_codecs
from connectors.checking import Reach, Step
from connectors.contract import Sleep
from connectors.formats.contract import Format, FormatContext, Undecodable
from connectors.formats.registry import SchemaRegistry
from connectors.kafka_cluster import Cluster
from engine.clock import Clock
from engine.errors import UserError

# How long a record is waited for: a right that is missing is told at once.
READ_MS: Final = 500
# A cluster that has had no group yet makes the place of their offsets first.
COORDINATOR_SECONDS: Final = 0.5
FETCH_BYTES_MAX: Final = 1 << 20
# Properties that a suggestion needs to reach the cluster.
REACHED_BY: Final = frozenset(("brokers", "sasl", "username", "password", "tls"))
SUGGESTS: Final = {"topic": REACHED_BY, "group": REACHED_BY}


class Look:
    """Clients of a cluster that only look, for one test. `sign_in` comes first."""

    def __init__(self, cluster: Cluster, clock: Clock, sleep: Sleep, *, private: bool) -> None:
        self._cluster = cluster
        self._clock = clock
        self._sleep = sleep
        self._private = private
        self._admin: Any = None
        self._consumer: Any = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The first steps of whatever reaches the cluster."""
        reach = Reach(self._cluster.addresses(), private=self._private)
        return (*reach.steps, ("sign-in", self.sign_in))

    async def sign_in(self) -> None:
        """Reach a broker and learn of the others; UserError."""
        from aiokafka.admin import AIOKafkaAdminClient
        from aiokafka.errors import KafkaError

        cluster = self._cluster
        await kafka_cluster.check_addresses(cluster, private=self._private)
        self._admin = AIOKafkaAdminClient(client_id="tailrace", **kafka_cluster.options(cluster))
        kafka_cluster.guard(self._admin._client, private=self._private)
        try:
            await self._admin.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise await kafka_cluster.explained(cluster, error) from None

    async def topic(self, name: str) -> str:
        """How many partitions it has; UserError without it, or without the right to see it."""
        await kafka_cluster.identity(self._cluster, self._admin._client, name)
        # It is there: to ask for it makes none.
        (found,) = await self._asked(lambda: self._admin.describe_topics([name]))
        count = len(found["partitions"])
        return f"{count} partition{'' if count == 1 else 's'}"

    async def group(self, name: str) -> None:
        """Ask for the coordinator of a group, which tells whether it may be used; UserError."""
        from aiokafka.errors import (
            GroupAuthorizationFailedError,
            GroupCoordinatorNotAvailableError,
            KafkaError,
        )

        while True:
            try:
                await self._admin.find_coordinator(name)
                return
            except GroupCoordinatorNotAvailableError:
                await self._sleep(COORDINATOR_SECONDS)  # the bound is that of all steps
            except GroupAuthorizationFailedError:
                why = f"Kafka does not let this user use the group {name!r}."
                raise UserError(why, 400, "orbit") from None
            except (KafkaError, OSError) as error:
                raise kafka_cluster.unreachable(self._cluster, error) from None

    async def read(self, topic: str) -> str:
        """Fetch from one partition, in no group; UserError without the right to."""
        from aiokafka import AIOKafkaConsumer, TopicPartition
        from aiokafka.errors import TopicAuthorizationFailedError

        kafka_codecs.install()
        consumer: Any = AIOKafkaConsumer(
            group_id=None,
            client_id="tailrace",
            fetch_max_bytes=FETCH_BYTES_MAX,
            **kafka_cluster.options(self._cluster),
        )
        self._consumer = consumer
        kafka_cluster.guard(consumer._client, private=self._private)

        async def fetched() -> None:
            await consumer.start()
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            await consumer.seek_to_end(partition)
            await consumer.getmany(timeout_ms=READ_MS, max_records=1)

        try:
            await self._asked(fetched)
        except TopicAuthorizationFailedError:
            why = f"Kafka does not let this user read the topic {topic!r}."
            raise UserError(why, 400, "orbit") from None
        return ""

    async def groups(self) -> list[str]:
        """Names of the groups that have offsets in the cluster."""
        found = await self._asked(self._admin.list_consumer_groups)
        return [str(each[0]) for each in found]

    async def registry(self, format_: Format, topic: str, *, needed: bool) -> str:
        """Ask the registry for the schema of the topic's values; UserError when it cannot be asked,
        or has none that is `needed`."""
        assert format_.registry is not None
        await asyncio.to_thread(import_module, "httpx")  # it takes longer than the loop may be held
        context = FormatContext(self._clock, self._sleep, self._private)
        registry = SchemaRegistry(format_.registry, context)
        subject = f"{topic}-value"
        try:
            found = await registry.latest(subject)
        except Undecodable as error:
            raise UserError(f"{str(error)[:1].upper()}{str(error)[1:]}.", 400, "orbit") from None
        finally:
            await registry.close()
        if found is not None:
            return f"The subject {subject} has a schema of type {found.type[:40]}."
        if needed:
            raise UserError(f"The schema registry has no subject {subject}.", 400, "orbit")
        return f"The registry has no subject {subject} yet."

    async def _asked(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """An answer; UserError for a failure of the library, but for a right that is missing."""
        from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

        try:
            return await ask()
        except TopicAuthorizationFailedError:
            raise
        except (KafkaError, OSError, TimeoutError) as error:
            raise kafka_cluster.unreachable(self._cluster, error) from None

    async def close(self) -> None:
        """End all clients; never raises."""
        from aiokafka.errors import KafkaError

        consumer, self._consumer = self._consumer, None
        admin, self._admin = self._admin, None
        with contextlib.suppress(KafkaError, OSError):
            if consumer is not None:
                await consumer.stop()
        with contextlib.suppress(KafkaError, OSError):
            if admin is not None:
                await admin.close()
