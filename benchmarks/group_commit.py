"""Group commit: ack p99 of single events while 1, 50 and 500 streams are written at once.

Measured twice: at a fixed rate that leaves the machine air, where the latency is that of the
commit, and as fast as answers come, where it is mostly the queue of 32 connections for the
processor and so the inverse of the throughput.
"""

from __future__ import annotations

import asyncio
import statistics

from benchmarks import http_load
from benchmarks.harness import Figure, Options, folder
from benchmarks.ingest_http import body, create
from tests.journeys.server import Server

STREAMS = (1, 50, 500)
CONNECTIONS = 32
RATE = 3_000.0  # requests a second, about a quarter of what one stream takes


def measure(options: Options) -> list[Figure]:
    """The same connections write to one stream, to 50, to 500 in turn."""
    seconds = 4.0 if not options.quick else 2.0
    figures: list[Figure] = []
    with folder() as place:
        server = Server(place / "data").start()
        try:
            names = [f"s{number}" for number in range(max(STREAMS))]
            create(server, *names)
            one = body(1)
            targets = [
                http_load.Target(f"{server.api}/streams/{name}/ingest", server.key, one)
                for name in names
            ]
            for rate, how in ((RATE, f" {RATE:,.0f} requests/s"), (0.0, " all that is answered")):
                figures += _figures(targets, seconds, options.repeats, rate, how)
        finally:
            server.stop()
    return figures


def _figures(
    targets: list[http_load.Target], seconds: float, repeats: int, rate: float, how: str
) -> list[Figure]:
    """Medians for each number of streams, and how far they are apart."""
    p99: dict[int, float] = {}
    for count in STREAMS:
        asyncio.run(http_load.own(targets[:count], CONNECTIONS, 1.0, rate))
        runs = [
            asyncio.run(http_load.own(targets[:count], CONNECTIONS, seconds, rate)).p99_ms
            for _ in range(repeats)
        ]
        p99[count] = statistics.median(runs)
    made = [Figure(f"ack p99, {n} streams at once,{how}", value, "ms") for n, value in p99.items()]
    ratio = max(p99.values()) / min(p99.values())
    return [*made, Figure(f"the largest by the smallest,{how}", ratio, "x", 1.5, lower=True)]
