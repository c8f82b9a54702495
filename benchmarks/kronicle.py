"""The Kronicle API: rows in over HTTP, beside plain ingest and the original; rows out, lists."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

from benchmarks import kronicle_original
from benchmarks.harness import Figure, Options, folder, median
from tests.journeys.server import Server

BATCH = 10_000
SCHEMA = {"time": "datetime", "temperature": "float", "humidity": "float", "n": "int"}
COLUMNS = ("time", "temperature", "humidity", "n")


def rows(first: int, count: int) -> list[dict[str, Any]]:
    """Rows a second apart."""
    return [
        {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_735_689_600 + n)),
            "temperature": 20.5 + n % 7,
            "humidity": 50.25,
            "n": n,
        }
        for n in range(first, first + count)
    ]


def channel(client: httpx.Client, **words: Any) -> str:
    """A new channel's id."""
    identity = str(uuid.uuid4())
    body = {"channel_id": identity, "channel_schema": SCHEMA, "channel_name": f"c{identity[:8]}"}
    client.post("/setup/v1/channels", json={**body, **words}).raise_for_status()
    return identity


def sent(client: httpx.Client, path: str, bodies: list[bytes], count: int) -> float:
    """Rows a second, one request after the other."""
    began = time.perf_counter()
    for body in bodies:
        headers = {"content-type": "application/json"}
        client.post(path, content=body, headers=headers).raise_for_status()
    return count / (time.perf_counter() - began)


def seconds(client: httpx.Client, path: str, repeats: int) -> float:
    """How long a GET takes."""

    def once() -> float:
        began = time.perf_counter()
        client.get(path).raise_for_status()
        return time.perf_counter() - began

    once()
    return median(once, repeats)


def ours(options: Options, place: Path) -> tuple[list[Figure], float]:
    """The figures of the API here, and the rows a second in."""
    count = options.size(1_000_000, 200_000)
    channels = options.size(1_000, 200)
    server = Server(place / "data").start()
    try:
        client = httpx.Client(base_url=server.url, headers=server.headers, timeout=60)
        parts = [rows(at, BATCH) for at in range(0, count, BATCH)]
        bodies = [json.dumps({"rows": part}).encode() for part in parts]
        identity = channel(client)
        into = sent(client, f"/data/v1/channels/{identity}/rows", bodies, count)
        server.create(
            "plain", time="datetime64(6,'UTC')", temperature="float64", humidity="float64",
            n="int64",
        )  # fmt: skip
        compact = [
            json.dumps({"columns": COLUMNS, "data": [list(r.values()) for r in part]}).encode()
            for part in parts
        ]
        plain = sent(client, "/default/api/v1beta2/streams/plain/ingest", compact, count)
        path = f"/api/v1/channels/{identity}"
        page = seconds(client, f"{path}/rows?limit=100&offset={count // 2}", options.repeats)
        whole = seconds(client, f"{path}/rows?limit=100000", options.repeats)
        began = time.perf_counter()
        for _ in range(channels):
            channel(client)
        made = (time.perf_counter() - began) / channels
        listed = seconds(client, "/api/v1/channels", options.repeats)
        figures = [
            Figure("rows in, requests of 10,000", into, "rows/s", 100e3),
            Figure("the same, plain ingest", plain, "rows/s", None, note=f"{into / plain:.2f}x"),
            Figure("a page of 100 rows in the middle", page * 1_000, "ms", None, lower=True),
            Figure("100,000 rows out", 100_000 / whole, "rows/s"),
            Figure("a channel made", made * 1_000, "ms", None, lower=True),
            Figure(f"list of {channels:,} channels", listed * 1_000, "ms", None, lower=True),
        ]
        return figures, into
    finally:
        server.stop()


def theirs(options: Options, place: Path, python: Path) -> dict[str, float]:
    """Rows a second into the original, and a page out of it."""
    count = options.size(100_000, 30_000)
    with kronicle_original.running(python, place) as url:
        client = httpx.Client(base_url=url, timeout=120)
        identity = channel(client)
        bodies = [
            json.dumps({"channel_id": identity, "rows": rows(at, BATCH)}).encode()
            for at in range(0, count, BATCH)
        ]
        into = sent(client, f"/data/v1/channels/{identity}/rows", bodies, count)
        found = client.get(f"/api/v1/channels/{identity}").raise_for_status().json()
        return {"into": into, "stored": float(found["op_details"]["available_rows"]) / count}


def measure(options: Options) -> list[Figure]:
    """Ours always; the original where TAILRACE_BENCH_KRONICLE names its environment."""
    with folder() as place:
        figures, into = ours(options, place)
    python = kronicle_original.original()
    if python is None:
        return figures
    with folder() as place:
        found = theirs(options, place, python)
    note = f"ours {into / found['into']:.1f}x; {found['stored']:.0%} of the rows stored"
    figures.append(Figure("rows into Kronicle 0.1.0 over PostgreSQL", found["into"], "rows/s"))
    ratio = Figure("ours to the original's", into / found["into"], "x", 5, note=note)
    return [*figures, ratio]
