"""Acceptance of a query: what is read once when it starts, or was read when it first started."""

from __future__ import annotations

from typing import Final

from engine.clock import Clock
from engine.feeds import Storage
from engine.flow_settings import FlowSettings
from engine.operators.operator import Start
from engine.sql.logical import StreamingQuery
from engine.sql.repeats import scans
from engine.starting import Answers, source_starts
from engine.steps import StartRecord

# Of the bytes that a state may have in all, the part that may be in memory if it cannot leave it.
STATE_MEMORY_PART: Final = 4


def accept(
    storage: Storage, query_id: str, plan: StreamingQuery, answers: Answers, now: tuple[int, Clock]
) -> StartRecord:
    """The start record of a new query at an instant. May block on the disk."""
    instant_ms, clock = now
    sources = source_starts(storage, plan, instant_ms, answers)
    rewinds = any(s.first_sn < s.accepted_sn for s in sources)
    # A past that is played is seen as it was: results come as they arise.
    played = any(scan.past.speed for scan in scans(plan.root))
    emit_in_past = played or plan.settings.get("emit_during_backfill", "0") not in ("0", "false")
    return StartRecord(query_id, instant_ms, clock.seed(), sources, rewinds and not emit_in_past)


def start_of(record: StartRecord, settings: FlowSettings) -> Start:
    """What operators are told of the start."""
    return Start(
        record.instant_ms,
        record.seed,
        rewinds=record.rewinds,
        state_bytes_max=settings.state_bytes_max,
        memory_bytes_max=max(
            settings.state_memory_bytes_max, settings.state_bytes_max // STATE_MEMORY_PART
        ),
    )
