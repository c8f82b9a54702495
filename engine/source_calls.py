"""The part of the Engine protocol about sources, as the engine itself answers it."""

from __future__ import annotations

from engine.source_appends import SourceAck, SourceAppend, SourceOpened
from engine.sources import Sources


class SourceCalls:
    """See `engine.source_appends.SourceAppends`; whoever inherits it sets `sources`."""

    sources: Sources

    async def open_source(self, owner: str) -> SourceOpened:
        """See SourceAppends.open_source."""
        return await self.sources.open(owner)

    async def append_source(self, request: SourceAppend, body: bytes) -> SourceAck:
        """See SourceAppends.append_source."""
        return await self.sources.append(request, body)

    async def open_replay(self, owner: str) -> int:
        """See SourceAppends.open_replay."""
        return await self.sources.open_replay(owner)

    async def forget_source(self, owner: str) -> None:
        """See SourceAppends.forget_source."""
        await self.sources.forget(owner)

    async def source_letters(self, owners: tuple[str, ...]) -> dict[str, str]:
        """See SourceAppends.source_letters."""
        return await self.sources.letters(owners)
