"""Group commit: ack p99 of single events while 1, 50 and 500 streams are written at once."""

from __future__ import annotations

import asyncio
import statistics

from benchmarks import http_load
from benchmarks.harness import Figure, Options, folder
from benchmarks.ingest_http import body, create
from tests.journeys.server import Server

STREAMS = (1, 50, 500)
CONNECTIONS = 32


def measure(options: Options) -> list[Figure]:
    """The same connections write to one stream, to 50, to 500 in turn."""
    p99: dict[int, float] = {}
    seconds = 4.0 if not options.quick else 2.0
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
            for count in STREAMS:
                asyncio.run(http_load.own(targets[:count], CONNECTIONS, 1.0))
                runs = [
                    asyncio.run(http_load.own(targets[:count], CONNECTIONS, seconds)).p99_ms
                    for _ in range(options.repeats)
                ]
                p99[count] = statistics.median(runs)
        finally:
            server.stop()
    figures = [Figure(f"ack p99, {n} streams at once", value, "ms") for n, value in p99.items()]
    ratio = max(p99.values()) / min(p99.values())
    return [*figures, Figure("the largest by the smallest", ratio, "x", 1.5, lower=True)]
