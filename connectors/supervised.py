"""Keeps one connector running: sessions one after another with back-off, its state and counters."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from typing import Final

from connectors.backoff import Backoff
from connectors.connector_log import ConnectorLog
from connectors.contract import AskedToWait
from connectors.metrics import SourceCounters, SourceMetrics, SourceSample, SourceStats
from connectors.status import SourceState, SourceStatus
from connectors.surroundings import Surroundings, pause
from engine.errors import EngineUnavailable, TailraceError

log = logging.getLogger("tailrace.connectors")

# A session that lasted this long was healthy: the next failure waits from 0.5 s again.
HEALTHY_SECONDS: Final = 60.0
# The engine is a local process that is back within seconds: asking it often costs little.
ENGINE_RETRY_FIRST_SECONDS: Final = 0.1
ENGINE_RETRY_LAST_SECONDS: Final = 2.0
# How long a stop waits for what is on its way.
DRAIN_SECONDS: Final = 10.0


def sentence(error: Exception) -> str:
    """What users are told of an error; never the text of one that is not known."""
    if not isinstance(error, TailraceError | OSError):
        return f"Internal error ({type(error).__name__})."
    return getattr(error, "message", "") or str(error) or type(error).__name__


class Supervised(ABC):
    """Runs one connector's sessions until it is stopped; whatever fails is tried again.

    `kind` and `id` name it to operators. A subclass says what one session is.
    """

    def __init__(
        self,
        kind: str,
        id_: str,
        surroundings: Surroundings,
        begin: SourceCounters | None,
        log_: ConnectorLog | None,
    ) -> None:
        self._kind = kind
        self._id = id_
        self._around = surroundings
        self._clock = surroundings.clock
        self._metrics = SourceMetrics(self._clock, begin)
        self.log = log_ or ConnectorLog(self._clock)
        self._reconnect = Backoff(self._clock.seed())
        self._retry = Backoff(
            self._clock.seed(), ENGINE_RETRY_FIRST_SECONDS, ENGINE_RETRY_LAST_SECONDS
        )
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._state: SourceState = "stopped"
        self._message = ""
        self._refusal = ""  # the last event that was given up: it stays so when others succeed
        self._start_ms = 0

    @abstractmethod
    async def _session(self) -> None:
        """One life, from connecting on, until a stop; raises what ended it."""

    @abstractmethod
    def _begun(self) -> str:
        """What the log says at the start."""

    def start(self) -> None:
        """Begin to run; call once. Connecting goes on in the background."""
        self._start_ms = self._clock.now_ms()
        self._state = "running"
        self.log.add("INFO", self._begun())
        self._task = asyncio.create_task(self._supervise(), name=f"{self._kind} {self._id}")

    async def stop(self) -> None:
        """Take nothing more, finish what is on its way (at most 10 s), end. Safe to call twice."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=DRAIN_SECONDS)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._state != "stopped":
            self.log.add("INFO", "stopped")
        self._metrics.end()
        self._state = "stopped"
        self._message = self._refusal = ""

    def status(self) -> SourceStatus:
        """How it is now."""
        return SourceStatus(self._id, self._state, self._message or self._refusal, self._start_ms)

    def stats(self, range_ms: int, error_range_ms: int) -> SourceStats:
        """Its counters since the start."""
        return self._metrics.snapshot(range_ms, error_range_ms)

    def sample(self, since_minute: int) -> SourceSample:
        """Its counters as they are kept over a restart."""
        return self._metrics.sample(self._id, since_minute)

    async def _supervise(self) -> None:
        while not self._stopping.is_set():
            begun = self._clock.monotonic()
            waiting = self._reconnect
            at_least = 0.0
            try:
                await self._session()
            except EngineUnavailable as error:
                self._failed(error)
                waiting = self._retry
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # A client library let the cancellation of a task of its own out.
                self._trouble("The client of the connection was cut off.")
            except Exception as error:  # noqa: BLE001 - a failure of one connector only
                self._failed(error)
                at_least = error.after if isinstance(error, AskedToWait) else 0.0
            if self._stopping.is_set():
                return
            if self._clock.monotonic() - begun >= HEALTHY_SECONDS:
                self._reconnect.reset()
            await self._pause(max(waiting.next(), at_least))

    async def _pause(self, seconds: float) -> None:
        await pause(self._stopping, self._around.sleep, seconds)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, TailraceError | OSError):
            log.exception("%s %s failed", self._kind, self._id, exc_info=error)
        self._trouble(sentence(error))

    def _trouble(self, message: str) -> None:
        """It cannot go on for now, and why."""
        self._metrics.failed(message)
        self.log.add("ERROR", message)
        self._state, self._message = "failed", message

    def _recovered(self) -> None:
        self._state, self._message = "running", ""
