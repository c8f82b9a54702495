"""The part of the Engine protocol about background queries, as the engine itself answers it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from engine.backgrounds import Backgrounds
from engine.dead_letter import DeadLetter
from engine.protocol import (
    BackgroundOpened,
    BackgroundQuery,
    BackgroundRows,
    Backtested,
    Caller,
    Position,
    ViewState,
)


class BackgroundCalls:
    """See `engine.background.Background`; whoever inherits it sets `backgrounds`."""

    backgrounds: Backgrounds

    async def check_background(self, queries: tuple[str, ...]) -> BackgroundOpened:
        """See Background.check_background."""
        return await self.backgrounds.check(queries)

    async def backtest_background(self, queries: tuple[str, ...], minutes: int) -> Backtested:
        """See Background.backtest_background."""
        return await self.backgrounds.backtests.run(queries, minutes)

    async def start_background(self, query: BackgroundQuery, caller: Caller) -> BackgroundOpened:
        """See Background.start_background."""
        return await self.backgrounds.start(query, caller)

    async def pause_background(self, owner: str) -> None:
        """See Background.pause_background."""
        await self.backgrounds.pause(owner)

    async def drop_background(self, owner: str) -> None:
        """See Background.drop_background."""
        await self.backgrounds.drop(owner)

    async def background_states(self, owners: tuple[str, ...]) -> dict[str, ViewState]:
        """See Background.background_states."""
        return await self.backgrounds.states(owners)

    def read_background(self, owner: str, folds: bool = False) -> AsyncGenerator[BackgroundRows]:
        """See Background.read_background."""
        return self.backgrounds.read(owner, folds)

    async def advance(
        self,
        owner: str,
        to: Position,
        saved: dict[str, bytes] | None = None,
        letters: tuple[DeadLetter, ...] = (),
    ) -> None:
        """See Background.advance."""
        await self.backgrounds.advance(owner, to, saved, letters)

    async def positions(self, owners: tuple[str, ...]) -> dict[str, Position]:
        """See Background.positions."""
        return await self.backgrounds.positions(owners)

    async def saved(self, owners: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
        """See Background.saved."""
        return await self.backgrounds.saved(owners)
