"""What runs and what it counts, for rates and for "why no rows"; a part of `Engine`.

All of it comes from counters that are kept anyhow: nothing is read or run for it. Times are
milliseconds since the epoch. This module imports no Arrow, numpy or DuckDB.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Emits = Literal["close", "tick", "append"]


class StreamActivity(msgspec.Struct, frozen=True):
    """What was appended to a stream since the engine started; `newest_append_ms` 0 = nothing."""

    name: str
    written_rows: int = 0
    written_bytes: int = 0
    newest_append_ms: int = 0


class InputActivity(msgspec.Struct, frozen=True):
    """A scan of a query: the rows that it read and those that its filter let pass, since the query
    began or the engine started. `behind`: appends that it has not read. `read_ms`: when the newest
    one was appended that it has read, 0 = none."""

    stream: str
    scanned_rows: int = 0
    passed_rows: int = 0
    behind: int = 0
    read_ms: int = 0


class Work(msgspec.Struct, frozen=True):
    """A query that runs or should: of a client, a materialized view, a sink or an alert.

    `owner`: "query:<id>", "materialized_view:<name>", "sink:<id>" or "alert:<id>". `status` as in
    `ViewState`. `waiting`: for its own reader, which takes no more for now.
    """

    owner: str
    status: str = "ExecutingPipeline"
    message: str = ""
    scanned_rows: int = 0
    result_rows: int = 0
    late_rows: int = 0
    waiting: bool = False
    inputs: tuple[InputActivity, ...] = ()


class Activity(msgspec.Struct, frozen=True):
    """All of an engine at an instant."""

    now_ms: int
    streams: tuple[StreamActivity, ...] = ()
    works: tuple[Work, ...] = ()


class OpenWindows(msgspec.Struct, frozen=True):
    """Windows of an aggregate that are not sent yet.

    `open_groups`: groups of them in memory. `closes_at_ms`: the event time at which the first of
    them closes, if it is known; the `watermark_ms` is there when a row with it has come.
    `timeout_ms`: without rows they close after so long, 0 = never.
    """

    operator: str
    emits: Emits
    watermark_ms: int | None = None
    open_groups: int = 0
    closes_at_ms: int | None = None
    due_ms: int | None = None
    late_rows: int = 0
    timeout_ms: int = 0
    processing_time: bool = False


class Diagnosis(msgspec.Struct, frozen=True):
    """What is known of one query: `appended` tells of each of its streams in `work.inputs`."""

    now_ms: int
    began_ms: int
    work: Work
    newest_event_ms: int = 0
    state_rows: int = 0
    state_bytes: int = 0
    windows: tuple[OpenWindows, ...] = ()
    appended: tuple[StreamActivity, ...] = ()


class Activities(Protocol):
    """See `engine.protocol.Engine`."""

    async def activity(self) -> Activity:
        """Counters of all streams and of everything that runs; answers at once."""
        ...

    async def diagnose(self, owner: str) -> Diagnosis:
        """What is known of one of `Activity.works`; NotFound if there is none. Waits for a step."""
        ...
