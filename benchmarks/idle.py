"""At rest: memory of all processes (shared pages counted once), and the time of a second start."""

from __future__ import annotations

import statistics
import time

import psutil

from benchmarks.harness import Figure, Options, folder
from tests.journeys.server import Server

SETTLE_SECONDS = 8.0


def memory(server: Server) -> dict[str, float]:
    """PSS in MB by kind of process."""
    assert server.process is not None
    top = psutil.Process(server.process.pid)
    found: dict[str, float] = {}
    for process in (top, *top.children(recursive=True)):
        command = process.cmdline()
        name = command[command.index("-m") + 1] if "-m" in command else "control plane"
        found[name] = found.get(name, 0.0) + process.memory_full_info().pss / 1e6
    return found


def measure(options: Options) -> list[Figure]:
    """Start, stop, start again; then nothing but time."""
    starts: list[float] = []
    with folder() as place:
        server = Server(place / "data").start()
        server.stop()
        for _ in range(options.repeats):
            began = time.perf_counter()
            server.start()
            starts.append(time.perf_counter() - began)
            server.stop()
        server.start()
        try:
            time.sleep(SETTLE_SECONDS)
            parts = memory(server)
        finally:
            server.stop()
    note = ", ".join(f"{name} {size:.0f}" for name, size in sorted(parts.items()))
    return [
        Figure("idle PSS of all processes", sum(parts.values()), "MB", 330, lower=True, note=note),
        Figure("ready on a second start", statistics.median(starts), "s", 2.0, lower=True),
    ]
