"""From ingest to SSE frame: a filter query at 1k events a second, 1 and 100 subscribers."""

from __future__ import annotations

import asyncio
import json
import statistics
import time

import httpx

from benchmarks.harness import Figure, Options, folder
from benchmarks.http_load import Poster
from benchmarks.sse import Rows, Subscriber
from tests.journeys.server import Server

RATE = 1_000
# Events a request: 1k events a second arrive as 500 requests, as from many small senders.
PER_REQUEST = 2
COLUMNS = [{"name": "sent", "type": "float64"}, {"name": "v", "type": "int64"}]
# Subscribers, p50 and p99 to reach in ms.
CASES: tuple[tuple[int, float, float | None], ...] = ((1, 6.0, 20.0), (100, 16.0, None))


async def send(server: Server, seconds: float) -> None:
    """Rows that carry their time of sending, at a steady rate, each request on time."""
    poster = Poster(f"{server.api}/streams/events/ingest", server.key, 16)
    await poster.open()
    began = time.perf_counter()
    for number in range(0, int(seconds * RATE), PER_REQUEST):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        now = time.perf_counter()
        rows = [[now, number + i] for i in range(PER_REQUEST)]
        poster.send(json.dumps({"columns": ["sent", "v"], "data": rows}).encode())
    await poster.close()


async def once(server: Server, subscribers: int, seconds: float) -> tuple[float, float]:
    """p50 and p99 in milliseconds over all rows of all subscribers."""
    taken: list[float] = []
    warm = False

    def on_rows(rows: Rows) -> None:
        now = time.perf_counter()
        if warm:
            taken.extend((now - row[0]) * 1_000 for row in rows)

    readers = [Subscriber(on_rows) for _ in range(subscribers)]
    for reader in readers:
        await reader.open(server.api, server.key, "select sent, v from events where v >= 0")
    await send(server, 1.0)
    warm = True
    await send(server, seconds)
    await asyncio.sleep(0.3)
    for reader in readers:
        reader.close()
    expected = int(seconds * RATE / PER_REQUEST) * PER_REQUEST * subscribers
    if len(taken) < expected:
        raise RuntimeError(f"{expected - len(taken)} of {expected} rows did not arrive")
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.99)]


def measure(options: Options) -> list[Figure]:
    """The sender and the readers share the machine with the server."""
    figures: list[Figure] = []
    seconds = 5.0 if not options.quick else 2.0
    with folder() as place:
        server = Server(place / "data").start()
        try:
            httpx.post(
                f"{server.api}/streams",
                headers=server.headers,
                json={"name": "events", "columns": COLUMNS},
                timeout=30,
            ).raise_for_status()
            for subscribers, p50, p99 in CASES:
                runs = [
                    asyncio.run(once(server, subscribers, seconds)) for _ in range(options.repeats)
                ]
                what = f"ingest to SSE frame, {subscribers} subscriber(s)"
                medians = [statistics.median(values) for values in zip(*runs, strict=True)]
                figures.append(Figure(f"{what}, p50", medians[0], "ms", p50, lower=True))
                figures.append(Figure(f"{what}, p99", medians[1], "ms", p99, lower=True))
        finally:
            server.stop()
    return figures
