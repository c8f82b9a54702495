"""The part of the Engine protocol about time-series APIs, as the engine itself answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pyarrow as pa

from engine.owned_names import SeriesCall
from engine.protocol import Caller
from engine.runner import Runner
from engine.sql.planner import Planned
from engine.timeseries.apis import TimeSeriesApis


def tables(
    plan: Callable[[str], Awaitable[Planned]], runner: Runner
) -> Callable[[str], Awaitable[pa.Table]]:
    """What gives the rows of a bounded statement as Arrow."""

    async def table(sql: str) -> pa.Table:
        planned = await plan(sql)
        assert planned.bounded is not None, "the time-series APIs ask what has an end"
        return await runner.fetch(planned.bounded)

    return table


class TimeSeriesCalls:
    """See `engine.series_apis.SeriesApis`; whoever inherits it sets `timeseries`."""

    timeseries: TimeSeriesApis

    async def series(self, call: SeriesCall, caller: Caller, body: bytes) -> bytes:
        """See SeriesApis.series."""
        return await self.timeseries.call(call, caller, body)
