"""Streams: definitions through the workspace's engine, reads from its snapshot."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from controlplane import problems
from controlplane.auth import Principal
from controlplane.services.engines import Engines
from controlplane.services.event_shapes import fits
from controlplane.services.names import check_name
from controlplane.services.uses import Uses
from engine.errors import Code, NotFound, UserError
from engine.protocol import Alteration, Definition, StreamStats

KINDS: Final = ("stream", "random_stream")
MODES: Final = ("append", "changelog", "changelog_kv", "versioned_kv")
KEYED_MODES: Final = ("changelog_kv", "versioned_kv")
# Streams whose statistics are asked for at once by a list with expand=true.
STATS_AT_ONCE: Final = 16
HISTORY_DAYS_MAX: Final = 7
# Events of one request to match: each is held against every stream, on the event loop.
MATCH_EVENTS_MAX: Final = 100


class StreamService:
    """Create, read, change, drop and measure streams of a workspace."""

    def __init__(self, engines: Engines, uses: Uses) -> None:
        self._engines = engines
        self._uses = uses

    async def create(self, principal: Principal, definition: Definition) -> Definition:
        """Create a stream; durable and listed on return."""
        check_name(definition.name, "stream")
        _check(definition)
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        created = await engine.create(definition, principal.caller)
        await workspace.refresh()
        return created

    async def list(self, principal: Principal) -> list[Definition]:
        """All streams by name, also while the engine restarts."""
        workspace = await self._engines.of(principal.workspace)
        if workspace.snapshot.revision < 0:
            await workspace.engine()
        found = [d for d in workspace.snapshot.definitions if d.kind in KINDS]
        return sorted(found, key=lambda definition: definition.name)

    async def matching(self, principal: Principal, events: list[dict[str, Any]]) -> list[str]:
        """Names of the streams whose columns take all keys of all events, those with the fewest
        other columns first; none without events."""
        if len(events) > MATCH_EVENTS_MAX:
            raise problems.bad_request(f"Give at most {MATCH_EVENTS_MAX} events to match.")
        keys = {key for event in events for key in event}
        found: list[tuple[int, str]] = []
        for stream in await self.list(principal) if events else ():
            types = {"_tp_time": "datetime64(3)"}
            types |= {c.name: c.type for c in stream.columns if c.kind == "default"}
            if stream.kind == "stream" and all(fits(event, types) for event in events):
                found.append((len(types.keys() - keys), stream.name))
        return [name for _, name in sorted(found)]

    async def get(self, principal: Principal, name: str) -> Definition:
        """One stream; 404 with code 60."""
        workspace = await self._engines.of(principal.workspace)
        if workspace.snapshot.revision < 0:
            await workspace.engine()
        definition = workspace.definition(name)
        if definition.kind not in KINDS:
            raise NotFound(f"Stream '{name}' does not exist.")
        return definition

    async def alter(self, principal: Principal, name: str, change: Alteration) -> Definition:
        """Change what may be changed; the stream as it is then. 501 for an external stream."""
        workspace = await self._engines.of(principal.workspace)
        if workspace.kind(name) == "external_stream":
            raise problems.Problem(501, f"The external stream '{name}' cannot be changed.")
        await self.get(principal, name)
        engine = await workspace.engine()
        altered = await engine.alter(name, change, principal.caller)
        await workspace.refresh()
        return altered

    async def drop(self, principal: Principal, name: str, *, force: bool) -> None:
        """Drop a stream and its rows; 400 names what uses it unless `force`."""
        await self.get(principal, name)
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        await self._uses.named(principal, engine.drop(name, force=force))
        await workspace.refresh()

    async def stats(self, principal: Principal, name: str, history_days: int | None) -> StreamStats:
        """Measured values; `history_days` 1 to 7 or None."""
        if history_days is not None and not 1 <= history_days <= HISTORY_DAYS_MAX:
            raise problems.bad_request("historyDays must be 1 to 7.")
        await self.get(principal, name)
        engine = await (await self._engines.of(principal.workspace)).engine()
        return await engine.stats(name, history_days or 0)

    async def all_stats(
        self, principal: Principal, definitions: list[Definition]
    ) -> dict[str, StreamStats]:
        """Statistics of many streams by name; one dropped meanwhile is left out."""
        engine = await (await self._engines.of(principal.workspace)).engine()
        room = asyncio.Semaphore(STATS_AT_ONCE)

        async def one(name: str) -> tuple[str, StreamStats | None]:
            async with room:
                try:
                    return name, await engine.stats(name)
                except NotFound:
                    return name, None

        found = await asyncio.gather(*(one(d.name) for d in definitions if d.kind == "stream"))
        return {name: stats for name, stats in found if stats is not None}


def _check(definition: Definition) -> None:
    if not definition.columns:
        raise UserError("A stream needs at least one column.", Code.BAD_ARGUMENTS)
    if definition.mode not in MODES:
        raise UserError(
            f"The mode '{definition.mode}' is not one of {', '.join(MODES)}.", Code.BAD_ARGUMENTS
        )
    needs_key = definition.mode in KEYED_MODES or definition.engine == "MutableStream"
    if needs_key and not definition.primary_key:
        raise UserError(
            f"A stream of mode {definition.mode} needs a primary_key.", Code.BAD_ARGUMENTS
        )
    if definition.engine not in ("Stream", "MutableStream"):
        raise UserError("The engine may only be MutableStream.", Code.BAD_ARGUMENTS)
