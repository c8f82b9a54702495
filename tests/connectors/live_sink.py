"""A sink to a real remote system, from an engine whose rows the test gives, in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from background import BackgroundEngine

from connectors.alerts import AlertRunner
from connectors.contract import AlertDefinition, SinkDefinition
from connectors.sink_runner import SinkRunner
from connectors.surroundings import Surroundings
from engine.clock import SystemClock
from engine.protocol import ResultColumn

SECONDS_MAX = 20.0
ID = "0b2f9d7e-0000-4000-8000-000000000003"
HEADER = (ResultColumn("n", "int64"), ResultColumn("text", "string"))


class LiveSink:
    """A runner in real time; `alert`: of an alert whose action is the sink."""

    def __init__(
        self,
        type_: str,
        properties: dict[str, Any],
        *,
        header: Sequence[ResultColumn] = HEADER,
        private: bool = True,
        alert: str = "",
    ) -> None:
        self.owner = f"{'alert' if alert else 'sink'}:{ID}"
        self.engine = BackgroundEngine(self.owner)
        around = Surroundings(self._connect, SystemClock(), private=private)
        columns = tuple(header)
        self.runner: SinkRunner | AlertRunner
        if alert:
            definition = AlertDefinition(
                ID, "default", alert, type_, 2, properties, columns, columns
            )
            self.runner = AlertRunner(definition, around)
        else:
            self.runner = SinkRunner(
                SinkDefinition(ID, "default", "n", type_, properties, columns), around
            )

    async def _connect(self, _workspace: str) -> BackgroundEngine:
        return self.engine

    async def __aenter__(self) -> LiveSink:
        self.runner.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runner.stop()

    def rows(self, *rows: list[Any], query: int = 0) -> None:
        """One append."""
        self.engine.append(self.owner, (query, list(rows)))

    @property
    def letters(self) -> list[str]:
        """Why rows were given up."""
        return [letter.error for letter in self.engine.hidden[self.owner].letters]

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for it."""
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while not condition():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(
                f"{what}: {self.runner.status()}, {self.runner.log.newest(9)}"
            ) from None

    async def delivered(self, count: int) -> None:
        """Wait until so many rows were delivered or given up."""

        def done() -> bool:
            stats = self.runner.stats(60_000, 60_000)
            return stats.sent + stats.dropped >= count

        await self.until(done, f"{count} rows")

    async def refused(self) -> str:
        """Wait until it has failed; the message."""
        await self.until(lambda: self.runner.status().status == "failed", "failure")
        return self.runner.status().message
