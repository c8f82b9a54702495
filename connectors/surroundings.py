"""What all connectors of a process share: engines, time, bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from connectors.buffer import BufferLimits
from connectors.contract import Sleep
from connectors.letters import LettersEngine
from connectors.sink_contract import Writer
from connectors.source_writer import SourceEngine
from engine.clock import Clock
from engine.dead_letter import DeadLetter
from engine.protocol import BackgroundRows, Position


class WorkspaceEngine(Writer, SourceEngine, LettersEngine, Protocol):
    """The methods of the Engine protocol that connectors need; see there."""

    async def open_replay(self, owner: str) -> int:
        """See SourceAppends.open_replay."""
        ...

    async def source_letters(self, owners: tuple[str, ...]) -> dict[str, str]:
        """See SourceAppends.source_letters."""
        ...

    def read_background(self, owner: str, folds: bool = False) -> AsyncIterator[BackgroundRows]:
        """See Background.read_background."""
        ...

    async def advance(
        self,
        owner: str,
        to: Position,
        saved: dict[str, bytes] | None = None,
        letters: tuple[DeadLetter, ...] = (),
    ) -> None:
        """See Background.advance."""
        ...

    async def positions(self, owners: tuple[str, ...]) -> dict[str, Position]:
        """See Background.positions."""
        ...

    async def saved(self, owners: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
        """See Background.saved."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`engine` gives a workspace's engine or raises EngineUnavailable."""

    engine: Callable[[str], Awaitable[WorkspaceEngine]]
    clock: Clock
    sleep: Sleep = asyncio.sleep
    limits: BufferLimits = field(default_factory=BufferLimits)
    # Whether connectors may connect to addresses that are not public.
    private: bool = False


async def pause(stopping: asyncio.Event, sleep: Sleep, seconds: float) -> None:
    """Wait that long, or until a stop."""
    stop = asyncio.ensure_future(stopping.wait())
    nap = asyncio.ensure_future(sleep(seconds))
    try:
        await asyncio.wait([stop, nap], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (stop, nap):
            task.cancel()
        await asyncio.wait([stop, nap])
