"""Ends clients of Kafka: what takes one long, as the brokers are away, goes on behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Final

# What waits in a client that is given up ends by itself within its own deadline.
CLOSE_SECONDS: Final = 3.0
_ending: Final[set[asyncio.Task[None]]] = set()


async def behind(ending: Coroutine[Any, Any, None]) -> None:
    """Wait for the end of a client, but no longer than CLOSE_SECONDS; it must not raise."""
    task = asyncio.create_task(ending)
    _ending.add(task)
    task.add_done_callback(_ending.discard)
    await asyncio.wait([task], timeout=CLOSE_SECONDS)


async def stopped(producer: Any) -> None:
    """End a producer. Never raises."""
    await behind(_stop(producer))


async def _stop(producer: Any) -> None:
    from aiokafka.errors import KafkaError

    with contextlib.suppress(KafkaError, OSError):
        await producer.stop()
