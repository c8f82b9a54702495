"""Durable append of Arrow batches of 10k rows to the commit log, in process."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path

from benchmarks import nexmark
from benchmarks.engine_flow import with_time
from benchmarks.harness import Figure, Options, folder, median
from engine.clock import SystemClock
from engine.log.records import Append, Receipt
from engine.storage import Storage, StorageSettings

BATCH_ROWS = 10_000
# Appends under way at once: what several writers would have.
WAITING_MAX = 8


def once(place: Path, events: int, seed: int) -> float:
    """Events a second from the first append to the last acknowledgement."""
    storage = Storage.open(place, SystemClock(), StorageSettings())
    try:
        made = nexmark.bids(events, nexmark.Shape(seed))
        parts = [with_time(p, "date_time") for p in nexmark.batches(made, BATCH_ROWS)]
        waiting: deque[Future[Receipt]] = deque()
        began = time.perf_counter()
        for part in parts:
            if len(waiting) == WAITING_MAX:
                waiting.popleft().result()
            waiting.append(storage.append(Append.single("bids", part, "")))
        for future in waiting:
            future.result()
        return len(parts) * BATCH_ROWS / (time.perf_counter() - began)
    finally:
        storage.close()


def measure(options: Options) -> list[Figure]:
    """Bids with all seven columns."""
    events = options.size(5_000_000, 1_000_000)

    def run() -> float:
        with folder() as place:
            return once(place, events, options.seed)

    value = median(run, options.repeats)
    return [Figure("durable append of Arrow batches of 10k", value, "ev/s", 2e6)]
