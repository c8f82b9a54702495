"""A source over a real connection into an engine of lists, in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from virtual import ListEngine

from connectors.contract import SourceDefinition
from connectors.runner import SourceRunner
from connectors.surroundings import Surroundings
from engine.clock import SystemClock

SECONDS_MAX = 60.0


class Live:
    """A runner, and the rows that it stored."""

    def __init__(self, type_: str, properties: dict[str, Any], *, private: bool = True) -> None:
        self.engine = ListEngine(("a", "raw"))
        around = Surroundings(self._connect, SystemClock(), private=private)
        definition = SourceDefinition("id1", "default", "n", type_, "s", properties)
        self.runner = SourceRunner(definition, around)

    async def _connect(self, _workspace: str) -> ListEngine:
        return self.engine

    async def __aenter__(self) -> Live:
        self.runner.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runner.stop()

    def texts(self) -> list[str]:
        """All messages that were stored."""
        return [message.decode() for message in self.engine.messages]

    def objects(self) -> list[Any]:
        """The same, decoded; of an array its elements."""
        found = [msgspec.json.decode(text) for text in self.texts()]
        return [one for each in found for one in (each if isinstance(each, list) else [each])]

    def letters(self) -> list[str]:
        """The messages that were given up."""
        return [letter.raw for letter in self.engine.letters]

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for it."""
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while not condition():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(
                f"{what}: {self.runner.status()}, {self.runner.log.newest(9)}"
            ) from None

    async def connected(self) -> None:
        """Wait until it is connected."""
        await self.until(lambda: "connected" in str(self.runner.log.newest(9)), "connection")

    async def refused(self) -> str:
        """Wait until it has failed; the message."""
        await self.until(lambda: self.runner.status().status == "failed", "failure")
        return self.runner.status().message
