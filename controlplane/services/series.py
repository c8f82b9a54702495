"""Calls of the time-series APIs into the engine of the caller's workspace."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

from controlplane.auth import Principal
from controlplane.last_used import LastUsed
from controlplane.services.engines import Engines
from engine.clock import Clock
from engine.errors import QueryFailed
from engine.owned_names import SeriesCall
from engine.protocol import QueryEnd, QueryOpened, QueryRequest, Rows

# Answers that the engines need not send again, of all workspaces.
KEPT_BYTES_MAX: Final = 16 << 20


class SeriesService:
    """What the adapters of the three APIs stand on."""

    def __init__(self, engines: Engines, clock: Clock) -> None:
        self._engines = engines
        self._clock = clock
        self.kept: LastUsed[Any, Any] = LastUsed(KEPT_BYTES_MAX)

    async def call(
        self, principal: Principal, call: SeriesCall, body: bytes = b"", *, defines: bool = False
    ) -> bytes:
        """One call: see `engine.series_apis.SeriesApis.series`. `defines`: it makes or changes
        streams, which v1beta2 lists on return."""
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        answer = await engine.series(call, principal.caller, body)
        if defines:
            await workspace.refresh()
        return answer

    async def refresh(self, principal: Principal) -> None:
        """A call made or changed streams: v1beta2 lists them on return."""
        await (await self._engines.of(principal.workspace)).refresh()

    def now_ms(self) -> int:
        """The instant, for answers that name it."""
        return self._clock.now_ms()

    async def rows(self, principal: Principal, sql: str) -> AsyncGenerator[QueryOpened | Rows]:
        """What a bounded statement opened, then its rows in batches. QueryFailed when it fails in
        the middle; the query ends when the generator is closed."""
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        request = QueryRequest(
            id=self._clock.uuid4(),
            sql=sql,
            caller=principal.caller,
            bounded_only=True,
            allow=("read",),
        )
        query = await engine.run(request)
        yield query.opened
        try:
            async for item in query.items():
                if isinstance(item, QueryEnd):
                    if item.code:
                        raise QueryFailed(item.message, item.code)
                else:
                    yield item
        finally:
            await query.cancel()
