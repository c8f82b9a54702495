"""Where the scans of a query begin: seeks resolved against what is durable at its acceptance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from engine.feeds import Storage
from engine.operators.operator import Start
from engine.physical import scans
from engine.running import Output
from engine.sql.logical import BoundedQuery, Scan, Seek, StreamingQuery
from engine.steps import SourceStart, StartRecord

Answers = Mapping[BoundedQuery, pa.Table]


@dataclass(frozen=True, slots=True)
class Starting:
    """A query that is about to start. `answers`: rows of its bounded sources."""

    plan: StreamingQuery
    start: Start
    record: StartRecord
    output: Output
    answers: Answers

    @property
    def rewinds(self) -> bool:
        """Whether window results wait until the past is read."""
        return self.start.rewinds


def source_starts(
    storage: Storage, plan: StreamingQuery, instant_ms: int
) -> tuple[SourceStart, ...]:
    """The start of every scan, in their order in the plan. May block on the disk."""
    return tuple(_source_start(storage, scan, instant_ms) for scan in scans(plan.root))


def _source_start(storage: Storage, scan: Scan, instant_ms: int) -> SourceStart:
    with storage.view(scan.stream_id) as view:
        accepted = view.next_sn
    return SourceStart(_first_sn(storage, scan, accepted, instant_ms), accepted)


def _first_sn(storage: Storage, scan: Scan, accepted: int, instant_ms: int) -> int:
    seek: Seek = scan.seek
    match seek.kind:
        case "latest":
            return accepted
        case "earliest":
            return 0
        case "sn":
            return max(0, seek.value)
        case "time":
            return min(accepted, storage.sn_at(scan.stream_id, seek.value))
        case "relative":
            return min(accepted, storage.sn_at(scan.stream_id, instant_ms + seek.value))
