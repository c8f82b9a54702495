"""Definitions over REST: GET of small objects, and the list of 1,000 streams.

A core's requests are those that were answered by the CPU time of all processes of the server, so
that the load generator, which shares the machine, does not count.
"""

from __future__ import annotations

import asyncio
import statistics

import httpx
import psutil

from benchmarks import http_load
from benchmarks.harness import Figure, Options, folder
from tests.journeys.server import Server

CONNECTIONS = 8
STREAMS = 1_000
COLUMNS = [{"name": "sensor", "type": "string"}, {"name": "value", "type": "float64"}]


def measure(options: Options) -> list[Figure]:
    """One server on SQLite with 1,000 streams, a saved query and a dashboard."""
    with folder() as place:
        server = Server(place / "data").start()
        try:
            objects = made(server)
            figures = [f for what, path in objects for f in small(options, server, what, path)]
            return [*figures, *listed(options, server)]
        finally:
            server.stop()


def made(server: Server) -> list[tuple[str, str]]:
    """The objects, and the path of one of each kind."""
    query = {"name": "all", "sql": "select * from s0", "description": "", "tags": ["a"]}
    panels = [{"id": "p", "title": "Values", "viz_type": "chart", "viz_config": {"color": "red"}}]
    board = {"name": "sensors", "description": "", "panels": panels}
    with httpx.Client(headers=server.headers, base_url=server.api, timeout=30) as client:
        for number in range(STREAMS):
            given = client.post("/streams", json={"name": f"s{number}", "columns": COLUMNS})
            given.raise_for_status()
        paths = [("a stream", "/streams/s500")]
        for what, path, body in (
            ("a saved query", "/savedqueries", query),
            ("a dashboard", "/dashboards", board),
        ):
            given = client.post(path, json=body)
            given.raise_for_status()
            paths.append((what, f"{path}/{given.json()['id']}"))
    return paths


def small(options: Options, server: Server, what: str, path: str) -> list[Figure]:
    """Requests by CPU time, and the latency at a rate that the machine holds with ease."""
    target = http_load.Target(f"{server.api}{path}", server.key, method="GET")
    seconds = 2.0 if options.quick else 4.0
    rates: list[float] = []
    late: list[float] = []
    for _ in range(options.repeats):
        before = cpu_seconds(server)
        run = asyncio.run(http_load.own([target], CONNECTIONS, seconds))
        rates.append(run.requests / (cpu_seconds(server) - before))
        late.append(asyncio.run(http_load.own([target], CONNECTIONS, seconds, 500.0)).p99_ms)
    note = f"{CONNECTIONS} connections"
    rate = Figure(f"GET of {what}", statistics.median(rates), "req/CPU-s", 2_000, note=note)
    p99 = statistics.median(late)
    return [rate, Figure(f"GET of {what}, p99 at 500/s", p99, "ms", 10, lower=True)]


def listed(options: Options, server: Server) -> list[Figure]:
    """The list of all streams, one request at a time."""
    target = http_load.Target(f"{server.api}/streams", server.key, method="GET")
    runs = [asyncio.run(http_load.own([target], 1, 2.0)) for _ in range(options.repeats)]
    p99 = statistics.median(run.p99_ms for run in runs)
    return [Figure(f"list of {STREAMS:,} streams, p99", p99, "ms", 100, lower=True)]


def cpu_seconds(server: Server) -> float:
    """What all processes of the server have used."""
    assert server.process is not None
    first = psutil.Process(server.process.pid)
    every = [first, *first.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in every)
