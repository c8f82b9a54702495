"""Bounds of a flow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Each with its reason."""

    # Rows of one step: below it calls into DuckDB dominate, above it latency grows.
    batch_rows_max: int = 10_000
    # Bytes of one step: rows may be wide, and readers many.
    batch_bytes_max: int = 2 << 20
    # The same over the own past of a query that hands most rows on: what one step makes is held
    # for a reader that stands still.
    replay_bytes_max: int = 256 << 10
    # Commits that wait; beyond them live rows are let go and queries read them from storage.
    pending_rows_max: int = 500_000
    # A step is followed by a rest of its own length, up to this, so that rows gather into larger
    # batches when steps are dear; not when a full batch waits already.
    rest_ms_max: float = 50.0
    # State of one query, that on disk with it; beyond it the query fails with code 241.
    state_bytes_max: int = 4 << 30
    # State of one query in memory; what is beyond it goes to the folder, if there is one.
    state_memory_bytes_max: int = 256 << 20
    spill_folder: Path | None = None
    # Counters of ended queries that can still be asked for.
    ended_max: int = 4_096
    # The table that names the query at work (`engine.charge`); None = none is kept.
    charge_path: Path | None = None
