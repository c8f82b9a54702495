"""The time-series APIs of one engine: which call goes where, when their streams come into being."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

from engine.errors import NotFound, TailraceError, UserError
from engine.owned_names import FIXED, KRONICLE, OPENSYNAPTIC, TIMEDB, SeriesCall
from engine.protocol import Caller
from engine.timeseries.ground import Ground, TimeSeriesApi
from engine.timeseries.kronicle import Kronicle
from engine.timeseries.opensynaptic import OpenSynaptic
from engine.timeseries.timedb import TimeDb

_log = logging.getLogger("tailrace.engine")


class TimeSeriesApis:
    """Owns them. For the loop's thread."""

    def __init__(self, ground: Ground) -> None:
        self._apis: dict[str, TimeSeriesApi] = {
            KRONICLE: Kronicle(ground),
            OPENSYNAPTIC: OpenSynaptic(ground),
            TIMEDB: TimeDb(ground),
        }
        self._lock = asyncio.Lock()
        self.ground = ground
        # Bounded by the requests under way: each holds one.
        self._under_way: set[asyncio.Future[None]] = set()

    async def open(self) -> None:
        """The engine has started: each takes up what its streams hold."""
        for api in self._apis.values():
            await api.open()

    async def call(self, call: SeriesCall, caller: Caller, body: bytes) -> bytes:
        """See SeriesApis.series."""
        api = self._apis.get(call.api)
        if api is None:
            raise UserError(f"There is no time-series API '{call.api[:40]}'.")
        await self.ensure(call.api)
        return await api.call(call.verb, call.arguments, caller, body)

    async def named_in(self, text: str) -> None:
        """Somebody names streams: those of an API that are missing come into being."""
        # In almost every text none is missing, or none is in it: it may be long.
        for name in FIXED:
            if self._missing(name) and name in text and re.search(rf"\b{name}\b", text):
                await self.ensure(FIXED[name])

    def _missing(self, name: str) -> bool:
        return name in FIXED and self.ground.catalog.get(name) is None

    def made_first(
        self, name: str, work: Callable[[], None], refuse: Callable[[Any], None]
    ) -> bool:
        """False unless a stream is of an API and not there yet: then it is made, and `work` is
        called afterwards, or `refuse` with the error."""
        if not self._missing(name):
            return False
        task = asyncio.ensure_future(self._then(name, work, refuse))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return True

    async def _then(
        self, name: str, work: Callable[[], None], refuse: Callable[[Any], None]
    ) -> None:
        try:
            await self.ensure(FIXED[name])
        except TailraceError as error:
            refuse(error)
            return
        except Exception as error:  # noqa: BLE001 - whoever waits is answered in any case
            _log.exception("the streams of a time-series API cannot be made")
            refuse(TailraceError(f"'{name}' cannot be made ({type(error).__name__})."))
            return
        if self._missing(name):
            refuse(NotFound(f"A stream named '{name}' does not exist."))
        else:
            work()

    async def ensure(self, name: str) -> None:
        """Make the streams of an API that are missing. It goes on when whoever asked goes away:
        the API knows what it made."""
        if name in self._apis:
            task = asyncio.ensure_future(self._ensure(self._apis[name]))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
            await asyncio.shield(task)

    async def _ensure(self, api: TimeSeriesApi) -> None:
        async with self._lock:
            await api.ensure()

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone away: it is heard here
