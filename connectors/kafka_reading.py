"""Consumers of Kafka whose brokers may go away: that is noticed, and their end is bounded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from connectors import kafka_cluster, kafka_unpacking
from connectors.kafka_closing import behind
from connectors.kafka_cluster import Cluster
from engine.clock import Clock
from engine.errors import UserError

POLL_SECONDS: Final = 1.0
# Without a record for so long it is looked whether a broker answers: the library never says.
QUIET_SECONDS: Final = 5.0
# One that restarts may miss a look.
MISSES_MAX: Final = 2
# For all brokers one after the other, each with the deadline of a request.
LOOK_SECONDS: Final = 3 * kafka_cluster.REQUEST_MS / 1_000
# A request of the coordinator of the group, which is known.
COMMIT_SECONDS: Final = kafka_cluster.REQUEST_MS / 1_000


class Polling:
    """Polls a consumer, and asks the cluster for a sign of life while nothing comes."""

    def __init__(self, cluster: Cluster, consumer: Any, clock: Clock) -> None:
        self._cluster = cluster
        self._consumer = consumer
        self._clock = clock
        self._misses = 0
        self._heard = clock.monotonic()

    async def poll(self) -> Mapping[Any, list[Any]]:
        """Records by partition, perhaps none. UserError when no broker answers."""
        from aiokafka.errors import KafkaError

        try:
            await kafka_unpacking.arrived(self._consumer, POLL_SECONDS)
            polled = await kafka_unpacking.take(self._consumer)
        except (KafkaError, OSError) as error:
            raise kafka_cluster.unreachable(self._cluster, error) from None
        now = self._clock.monotonic()
        if polled:
            self._heard, self._misses = now, 0
        elif now - self._heard >= QUIET_SECONDS:
            await self._look()
        return polled

    async def _look(self) -> None:
        answered = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                # Of any broker: others may have a partition whose leader went away.
                answered = await self._consumer._client.force_metadata_update()
        if answered:
            self._heard, self._misses = self._clock.monotonic(), 0
            return
        self._misses += 1
        if self._misses >= MISSES_MAX:
            error = TimeoutError("no broker answers")
            raise await kafka_cluster.explained(self._cluster, error)


async def commit(consumer: Any, offsets: Mapping[Any, int]) -> None:
    """Tell the group; not when others have the partitions now. UserError."""
    from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

    try:
        async with asyncio.timeout(COMMIT_SECONDS):
            await consumer.commit(offsets)
    except (CommitFailedError, IllegalStateError):
        return
    except TimeoutError:
        why = f"no broker answered within {COMMIT_SECONDS:g} s"
    except KafkaError as error:
        why = str(error) or type(error).__name__
    else:
        return
    raise UserError(f"Kafka took no commit: {why}.", 400, "orbit")


async def stopped(consumer: Any) -> None:
    """End a consumer; what takes it long goes on behind. Never raises."""
    await behind(_stop(consumer))


async def _stop(consumer: Any) -> None:
    from aiokafka.errors import KafkaError

    # A fetch that waits to be tried again hands its cancellation on, and the rest stays open.
    fetcher = consumer._fetcher
    try:
        with contextlib.suppress(KafkaError, OSError):
            await consumer.stop()
    except asyncio.CancelledError:
        waiting = list(getattr(fetcher, "_pending_tasks", ()))
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        with contextlib.suppress(KafkaError, OSError):
            await consumer._client.close()
