"""Durable ingest over HTTP: 1,000, 100 and 1 events a body, authenticated and validated."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from benchmarks import http_load
from benchmarks.harness import Figure, Options, folder
from benchmarks.nexmark import bids
from tests.journeys.server import Server

COLUMNS = [
    {"name": "auction", "type": "int64"},
    {"name": "bidder", "type": "int64"},
    {"name": "price", "type": "int64"},
    {"name": "channel", "type": "string"},
]
# Events a body, connections, target in events a second.
CASES = ((1_000, 16, 1e6), (100, 32, 400e3), (1, 32, 8e3))


def body(events: int) -> bytes:
    """A compact body of so many bids."""
    names = [column["name"] for column in COLUMNS]
    rows = next(bids(50 * (events // 46 + 1))).select(names).slice(0, events)
    data = [list(row.values()) for row in rows.to_pylist()]
    return json.dumps({"columns": names, "data": data}, separators=(",", ":")).encode()


def stored(server: Server, stream: str) -> int:
    """Rows that the stream has."""
    sql = f"select count() from table({stream})"
    answer = httpx.post(
        f"{server.api}/exec",
        headers=server.headers,
        json={"sql": sql, "type": "historical"},
        timeout=60,
    )
    answer.raise_for_status()
    return int(answer.json()["data"][0][0])


def measure(options: Options) -> list[Figure]:
    """One server; the warm-up is not counted; acknowledged rows are compared with stored ones."""
    figures: list[Figure] = []
    seconds = 5.0 if not options.quick else 2.0
    with folder() as place:
        server = Server(place / "data").start()
        try:
            for events, connections, target in CASES:
                name = f"bids_{events}"
                create(server, name)
                address = f"{server.api}/streams/{name}/ingest"
                load = http_load.Target(address, server.key, body(events))
                made, sent = case(options, load, (events, connections, target, seconds), place)
                figures += made
                # Requests under way when a run ends are stored or not; acknowledged ones are.
                if stored(server, name) < sent:
                    raise RuntimeError(f"acknowledged rows are missing in {name}")
        finally:
            server.stop()
    return figures


def create(server: Server, *names: str) -> None:
    """Streams of bids."""
    with httpx.Client(headers=server.headers, timeout=30) as client:
        for name in names:
            made = client.post(f"{server.api}/streams", json={"name": name, "columns": COLUMNS})
            made.raise_for_status()


def case(
    options: Options,
    target: http_load.Target,
    shape: tuple[int, int, float, float],
    place: Path,
) -> tuple[list[Figure], int]:
    """Rate and latency of one size of body, and how many rows were acknowledged."""
    events, connections, reach, seconds = shape
    warm = http_load.run(target, connections, 2, place)
    runs = [http_load.run(target, connections, seconds, place) for _ in range(options.repeats)]
    rates = sorted(run.per_second * events for run in runs)
    p99 = sorted(run.p99_ms for run in runs)
    middle = len(runs) // 2
    what = f"durable ingest, {events:,} events a body"
    unit = "ev/s" if events > 1 else "req/s"
    made = [Figure(what, rates[middle], unit, reach, note=f"{connections} connections")]
    limit = 20.0 if events == 1 else None
    made.append(Figure(f"{what}, ack p99", p99[middle], "ms", limit, lower=True))
    return made, (warm.requests + sum(run.requests for run in runs)) * events
