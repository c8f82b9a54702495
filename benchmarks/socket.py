"""The console's socket: 24 live subscriptions, requests meanwhile, ingest to frame against SSE."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.harness import Figure, Options, folder
from benchmarks.latency import COLUMNS, RATE, once, send
from tests.journeys.server import Server

SUBSCRIPTIONS = 24
# A page draws ten times a second; the latency is measured without that pause.
PAGE_HZ, QUICK_HZ = 10, 1_000
# A request like those of a page, each after the other with a pause.
PAUSE_SECONDS = 0.02
SETTLE_SECONDS = 0.5
# What a browser's page took beside 24 streams in the trial of the design, and SSE to one reader.
REQUEST_MS, FRAME_MS = 21.0, 6.0

Frame = dict[str, Any]


@dataclass
class Tab:
    """One socket that acknowledges what it gets; `on_rows` gets the rows of each batch."""

    connection: ClientConnection
    on_rows: Callable[[str, list[Any]], None]
    rows: dict[str, int] = field(default_factory=dict[str, int])
    dropped: int = 0
    bytes: int = 0

    async def subscribe(self, identity: str, sql: str, max_hz: int) -> None:
        """Run a query."""
        self.rows[identity] = 0
        message = {"op": "sub", "id": identity, "sql": sql, "max_hz": max_hz, "max_rows": 1_000}
        await self.connection.send(json.dumps(message))

    async def read(self) -> None:
        """Take frames until it is cancelled."""
        decode = msgspec.json.Decoder(Frame).decode
        async for message in self.connection:
            self.bytes += len(message)
            frame = decode(message)
            if frame["ev"] == "data":
                identity = frame["id"]
                self.rows[identity] += len(frame["rows"])
                self.on_rows(identity, frame["rows"])
                ack = {"op": "ack", "id": identity, "n": frame["n"]}
                await self.connection.send(json.dumps(ack))
            elif frame["ev"] == "dropped":
                self.dropped += frame["rows"]
            elif frame["ev"] in ("error", "end"):
                raise RuntimeError(f"a subscription is over: {frame}")


async def requests(server: Server, taken: list[float]) -> None:
    """Ordinary requests one after the other; their times in milliseconds."""
    async with httpx.AsyncClient(headers=server.headers, timeout=30) as client:
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            asked = time.perf_counter()
            answer = await client.get(f"{server.api}/streams/events")
            taken.append((time.perf_counter() - asked) * 1_000)
            answer.raise_for_status()


def percentile(values: list[float], part: float) -> float:
    """The value below which that part of all lies."""
    return sorted(values)[int(len(values) * part)]


async def page(server: Server, seconds: float) -> tuple[float, float, float, float]:
    """Rows a second of the slowest subscription, part that was dropped, p50 and p99 of requests."""
    asked: list[float] = []
    async with connect(_address(server), additional_headers=server.headers) as connection:
        tab = Tab(connection, lambda _, __: None)
        works = [asyncio.create_task(tab.read())]
        for number in range(SUBSCRIPTIONS):
            sql = f"select sent, v, 'device-{number}' as device from events where v >= -{number}"
            await tab.subscribe(str(number), sql, PAGE_HZ)
        await send(server, 1.0)
        await asyncio.sleep(SETTLE_SECONDS)
        before = dict(tab.rows)
        works.append(asyncio.create_task(requests(server, asked)))
        await send(server, seconds)
        await asyncio.sleep(SETTLE_SECONDS)
        await _stop(works)
        slowest = min(tab.rows[one] - before[one] for one in tab.rows) / seconds
        dropped = tab.dropped / max(1, tab.dropped + sum(tab.rows.values()))
        return slowest, dropped, percentile(asked, 0.5), percentile(asked, 0.99)


async def frames(server: Server, seconds: float) -> tuple[float, float]:
    """p50 and p99 from ingest to frame in milliseconds: one subscription, as fast as it can."""
    taken: list[float] = []
    warm = False

    def on_rows(_: str, rows: list[Any]) -> None:
        now = time.perf_counter()
        if warm:
            taken.extend((now - row[0]) * 1_000 for row in rows)

    async with connect(_address(server), additional_headers=server.headers) as connection:
        tab = Tab(connection, on_rows)
        works = [asyncio.create_task(tab.read())]
        await tab.subscribe("a", "select sent, v from events where v >= 0", QUICK_HZ)
        await send(server, 1.0)
        warm = True
        await send(server, seconds)
        await asyncio.sleep(SETTLE_SECONDS)
        await _stop(works)
    if len(taken) < seconds * RATE:
        raise RuntimeError(f"only {len(taken)} rows of {seconds * RATE:.0f} arrived")
    return percentile(taken, 0.5), percentile(taken, 0.99)


def _address(server: Server) -> str:
    return server.api.replace("http", "ws", 1) + "/ws"


async def _stop(works: list[asyncio.Task[None]]) -> None:
    for work in works:
        if work.done():
            work.result()
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


def measure(options: Options) -> list[Figure]:
    """The sender and the readers share the machine with the server."""
    seconds = 5.0 if not options.quick else 2.0
    with folder() as place:
        server = Server(place / "data").start()
        try:
            body = {"name": "events", "columns": COLUMNS}
            answer = server.call("POST", "/streams", body)
            answer.raise_for_status()
            pages = [asyncio.run(page(server, seconds)) for _ in range(options.repeats)]
            quick = [asyncio.run(frames(server, seconds)) for _ in range(options.repeats)]
            sse = [asyncio.run(once(server, 1, seconds)) for _ in range(options.repeats)]
        finally:
            server.stop()
    rows, dropped, p50, p99 = (statistics.median(run) for run in zip(*pages, strict=True))
    many = f"{SUBSCRIPTIONS} subscriptions at {RATE} rows/s on one socket"
    figures = [
        Figure(f"{many}: slowest one", rows, "rows/s", 0.98 * RATE),
        Figure(f"{many}: dropped", dropped, "of all rows", 0.0, lower=True),
        Figure(f"{many}: request p50", p50, "ms", REQUEST_MS, lower=True),
        Figure(f"{many}: request p99", p99, "ms"),
    ]
    for what, runs, target in (("socket", quick, FRAME_MS), ("SSE", sse, None)):
        medians = [statistics.median(values) for values in zip(*runs, strict=True)]
        name = f"ingest to frame, 1 reader by {what}"
        figures.append(Figure(f"{name}, p50", medians[0], "ms", target, lower=True))
        figures.append(Figure(f"{name}, p99", medians[1], "ms", lower=True))
    return figures
