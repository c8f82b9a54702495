"""Attempts to deliver batches to one sink: connecting, trying again, giving up, letting it rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from connectors.backoff import Backoff
from connectors.contract import Sleep
from connectors.sink_contract import Delivery, NotDelivered, Refusal, Sink, SinkRow, Unfit
from connectors.supervised import sentence
from connectors.surroundings import pause
from engine.clock import Clock
from engine.errors import TailraceError

log = logging.getLogger("tailrace.connectors")

# The longest rest that a remote system can ask for.
REST_SECONDS_MAX: Final = 3600.0


class Stopped(Exception):
    """The connector stops: this batch was not delivered."""


class NotWhole(Exception):
    """None of these rows is known to have arrived; each is to be tried alone."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told: `failed` of each failed attempt with why, `delivered` when one went well."""

    failed: Callable[[str], None]
    delivered: Callable[[], None]


class Deliverer:
    """Owns the connection of one sink and makes a new one when it is lost. For one loop.

    `create` makes a sink without I/O. As many tasks as `delivery.parallel` may call `deliver`.
    """

    def __init__(
        self,
        create: Callable[[], Sink],
        delivery: Delivery,
        clock: Clock,
        sleep: Sleep,
        stopping: asyncio.Event,
        watch: Watch,
    ) -> None:
        self._create = create
        self._delivery = delivery
        self._clock = clock
        self._sleep = sleep
        self._stopping = stopping
        self._watch = watch
        self._sink: Sink | None = None
        self._connecting = asyncio.Lock()
        self._rest_until = 0.0

    async def connect(self) -> None:
        """Connect, however often that takes; Stopped."""
        backoff = Backoff(self._clock.seed())
        while True:
            try:
                await self._connected()
            except (NotDelivered, TailraceError, OSError) as error:
                await self._failed(_failure(error))
                await self._wait(backoff.next())
            else:
                self._watch.delivered()
                return

    async def deliver(self, rows: Sequence[SinkRow], *, whole: bool = False) -> Sequence[Refusal]:
        """The rows that are given up; the remote system has the others. Stopped.

        A failure that is not of the tree of errors is one of the row that it happens with: rows
        then go one by one, or if they are to go as a `whole`, the caller does it: NotWhole.
        """
        backoff: Backoff | None = None
        attempts = 0
        while True:
            if self._rest_until or self._stopping.is_set():
                await self._wait(self._rest_until - self._clock.monotonic())
            sink: Sink | None = None
            try:
                sink = await self._connected()
                refused = await sink.deliver(rows)
            except (NotDelivered, TailraceError, OSError) as error:
                failure = _failure(error)
            except Exception as error:
                if sink is None:  # no row's fault
                    raise
                if len(rows) == 1:
                    return (Refusal(0, _why(error)),)
                if not isinstance(error, Unfit):
                    log.exception("a batch cannot be delivered; each row is tried alone")
                if whole:
                    raise NotWhole from None
                break
            else:
                self._watch.delivered()
                return refused
            await self._failed(failure, sink)
            if self._delivery.retries is not None and attempts >= self._delivery.retries:
                return [Refusal(index, failure.message) for index in range(len(rows))]
            attempts += 1
            backoff = backoff or Backoff(self._clock.seed())
            interval = self._delivery.interval
            await self._wait(backoff.next() if interval is None else interval)
        return await self._one_by_one(rows)

    async def close(self) -> None:
        """Close the connection."""
        sink, self._sink = self._sink, None
        if sink is not None:
            await sink.close()

    async def _one_by_one(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        found: list[Refusal] = []
        for index, row in enumerate(rows):
            found += [Refusal(index, refusal.message) for refusal in await self.deliver((row,))]
        return found

    async def _connected(self) -> Sink:
        async with self._connecting:
            if self._sink is None:
                sink = self._create()
                try:
                    await sink.connect()
                except BaseException:
                    await sink.close()
                    raise
                self._sink = sink
            return self._sink

    async def _failed(self, failure: NotDelivered, sink: Sink | None = None) -> None:
        self._watch.failed(failure.message)
        rest = min(failure.after, REST_SECONDS_MAX)
        self._rest_until = max(self._rest_until, self._clock.monotonic() + rest)
        if failure.reconnect and sink is not None and sink is self._sink:
            await self.close()

    async def _wait(self, seconds: float) -> None:
        if seconds > 0 and not self._stopping.is_set():
            await pause(self._stopping, self._sleep, seconds)
        if self._stopping.is_set():
            raise Stopped


def _failure(error: Exception) -> NotDelivered:
    if isinstance(error, NotDelivered):
        return error
    return NotDelivered(sentence(error), reconnect=isinstance(error, OSError))


def _why(error: Exception) -> str:
    if isinstance(error, Unfit):
        return error.message
    log.exception("a row cannot be delivered", exc_info=error)
    return sentence(error)
