"""Many queries over one stream of 10k events a second: 1,000 filters, 100 distinct queries."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field

import httpx
import psutil

from benchmarks.harness import Figure, Options, folder
from benchmarks.http_load import Poster
from benchmarks.sse import Rows, Subscriber
from tests.journeys.server import Server

RATE = 10_000
PER_REQUEST = 100
COLUMNS = [
    {"name": "sent", "type": "float64"},
    {"name": "k", "type": "int64"},
    {"name": "v", "type": "int64"},
]
SHAPES = (
    "select sent, k from events where k = {n}",
    "select sent, k, v * {n} as scaled from events where k = {n}",
    "select sent, v % ({n} + 2) as rest from events where k = {n} and v > 0",
    "select sent, to_string(v) as text from events where k = {n}",
    "select sent, k + v as total, {n} as n from events where k = {n} or k = {n} + 500",
)


@dataclass
class Outcome:
    """Latencies in ms, and CPU as a share of one core: all processes, the engine alone."""

    latencies: list[float] = field(default_factory=list)
    cpu: float = 0.0
    engine_cpu: float = 0.0


def cpu_seconds(server: Server) -> tuple[float, float]:
    """CPU time so far of the whole server and of its engine process."""
    assert server.process is not None
    top = psutil.Process(server.process.pid)
    every = [top, *top.children(recursive=True)]
    used = {p.pid: sum(p.cpu_times()[:2]) for p in every}
    return sum(used.values()), sum(used[p.pid] for p in server.children("engine.host"))


async def feed(server: Server, seconds: float) -> None:
    """Keys 0 to 999 in turn; each row carries its time of sending."""
    poster = Poster(f"{server.api}/streams/events/ingest", server.key, 8)
    await poster.open()
    began = time.perf_counter()
    for first in range(0, int(seconds * RATE), PER_REQUEST):
        await asyncio.sleep(max(0.0, began + first / RATE - time.perf_counter()))
        now = time.perf_counter()
        rows = [[now, (first + i) % 1_000, i + 1] for i in range(PER_REQUEST)]
        poster.send(json.dumps({"columns": ["sent", "k", "v"], "data": rows}).encode())
    await poster.close()


async def once(server: Server, queries: list[str], seconds: float) -> Outcome:
    """All queries open, then the feed."""
    outcome = Outcome()

    def on_rows(rows: Rows) -> None:
        now = time.perf_counter()
        outcome.latencies.extend((now - row[0]) * 1_000 for row in rows)

    readers = [Subscriber(on_rows) for _ in queries]
    for reader, sql in zip(readers, queries, strict=True):
        await reader.open(server.api, server.key, sql)
    await feed(server, 1.0)
    outcome.latencies.clear()
    before = cpu_seconds(server)
    began = time.perf_counter()
    await feed(server, seconds)
    spent = time.perf_counter() - began
    after = cpu_seconds(server)
    await asyncio.sleep(0.5)
    for reader in readers:
        reader.close()
    outcome.cpu = (after[0] - before[0]) / spent * 100
    outcome.engine_cpu = (after[1] - before[1]) / spent * 100
    outcome.latencies.sort()
    return outcome


def measure(options: Options) -> list[Figure]:
    """Latency of every row of every query; CPU of the server's processes."""
    cases = {
        "1,000 equal filters": [SHAPES[0].format(n=n) for n in range(1_000)],
        "100 distinct queries": [SHAPES[n % len(SHAPES)].format(n=n) for n in range(100)],
    }
    figures: list[Figure] = []
    seconds = 5.0 if not options.quick else 2.0
    for what, queries in cases.items():
        with folder() as place:
            server = Server(place / "data").start()
            try:
                httpx.post(
                    f"{server.api}/streams",
                    headers=server.headers,
                    json={"name": "events", "columns": COLUMNS},
                    timeout=30,
                ).raise_for_status()
                runs = [asyncio.run(once(server, queries, seconds)) for _ in range(options.repeats)]
            finally:
                server.stop()
        p99 = statistics.median(r.latencies[int(len(r.latencies) * 0.99)] for r in runs)
        cpu = statistics.median(r.cpu for r in runs)
        engine = statistics.median(r.engine_cpu for r in runs)
        figures.append(Figure(f"{what}, ingest to frame p99", p99, "ms", 250, lower=True))
        figures.append(
            Figure(
                f"{what}, CPU of all processes",
                cpu,
                "% of a core",
                80,
                lower=True,
                note=f"engine process {engine:.0f} %",
            )
        )
    return figures
