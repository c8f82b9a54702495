"""Acceptance of a query: what is read once when it starts, or was read when it first started."""

from __future__ import annotations

from engine.clock import Clock
from engine.feeds import Storage
from engine.operators.operator import Start
from engine.physical import scans
from engine.sql.logical import StreamingQuery
from engine.starting import Answers, source_starts
from engine.steps import StartRecord


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


def start_of(record: StartRecord, state_bytes_max: int) -> Start:
    """What operators are told of the start."""
    return Start(
        record.instant_ms,
        record.seed,
        rewinds=record.rewinds,
        state_bytes_max=state_bytes_max,
    )
