"""The OpenSynaptic API over HTTP: facts in, a page far behind, devices; beside the original.

The original is not among our packages. Install it once into an environment of its own and name
its Python in TAILRACE_BENCH_OPENSYNAPTIC: `python3 -m venv .opensynaptic`, then
`.opensynaptic/bin/pip install opensynaptic==1.4.2 psycopg[binary]`; the default is
`.opensynaptic/bin/python`. Its store is asked by its own methods, without HTTP, which is to its
advantage; its SQLite and its PostgreSQL get the same facts.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from benchmarks.harness import Figure, Options, folder
from tests.journeys.server import Server
from tests.services.postgres import Postgres, find_binaries

PACKETS = 1_000_000
BATCH = 10_000
DEVICES = 1_000
OFFSET = 100_000
START = 1_712_000_000
AHEAD = 5.0
# Of each store: 20 of its own load, then the bulk of a million facts and five of each page.
ORIGINAL_SECONDS_MAX = 900
PYTHON = Path(
    os.environ.get("TAILRACE_BENCH_OPENSYNAPTIC")
    or Path(__file__).resolve().parent.parent / ".opensynaptic/bin/python"
)
PAGES = {
    "packets": f"/api/data/packets?limit=50&offset={OFFSET}",
    "sensors": f"/api/data/sensors?limit=50&offset={OFFSET}",
    "device": "/api/data/packets?device_id=NODE_0007",
    "devices": "/api/data/devices",
}
TITLES = {
    "packets": f"packets, page at offset {OFFSET:,}",
    "sensors": f"values, page at offset {OFFSET:,}",
    "device": "packets of one device, first page",
    "devices": "devices, first page",
}


def measure(options: Options) -> list[Figure]:
    """Our server, then the original on both of its stores if it is there."""
    count = options.size(PACKETS, 120_000)
    ours = _ours(options, count)
    figures = [
        Figure(f"facts in by POST, {count:,} of two values", count / ours["load"], "facts/s")
    ]
    figures += [Figure(TITLES[name], ours[name] * 1000, "ms", 200.0, lower=True) for name in PAGES]
    for dialect, found in _originals(options, count):
        for name, seconds in found.items():
            what = "facts in" if name == "load" else TITLES[name]
            target = AHEAD if name in ("packets", "sensors") else None
            note = f"theirs {seconds * 1000:.0f} ms"
            figures.append(
                Figure(
                    f"{what}: ahead of {dialect}", seconds / ours[name], "times", target, note=note
                )
            )
    return figures


def batches(count: int) -> Iterator[bytes]:
    """Facts as nodes send them, a second apart, in bodies of BATCH."""
    for first in range(0, count, BATCH):
        facts = [
            {
                "id": f"NODE_{i % DEVICES:04d}", "s": "WARN" if i % 17 == 0 else "ONLINE",
                "t": START + i, "s1_id": "TEMP", "s1_s": "OK", "s1_u": "Cel",
                "s1_v": 20 + i % 100 / 10, "s2_id": "HUM", "s2_s": "OK", "s2_u": "%",
                "s2_v": 50 + i % 7,
            }
            for i in range(first, min(count, first + BATCH))
        ]  # fmt: skip
        yield json.dumps({"facts": facts}).encode()


def _ours(options: Options, count: int) -> dict[str, float]:
    with folder() as place:
        server = Server(place / "data").start()
        try:
            with httpx.Client(base_url=server.url, headers=server.headers, timeout=120) as client:
                return _asked(options, client, count)
        finally:
            server.stop()


def _asked(options: Options, client: httpx.Client, count: int) -> dict[str, float]:
    bodies = batches(count)
    spent = 0.0
    for body in bodies:  # what makes them does not count
        begun = time.perf_counter()
        client.post("/api/data/packets", content=body).raise_for_status()
        spent += time.perf_counter() - begun
    found = {"load": spent}
    for name, path in PAGES.items():
        times: list[float] = []
        for _ in range(options.repeats + 1):
            begun = time.perf_counter()
            answer: dict[str, Any] = client.get(path).raise_for_status().json()
            times.append(time.perf_counter() - begun)
            if name == "packets" and answer["total"] != count:
                raise RuntimeError(f"{answer['total']} packets are stored of {count}")
        found[name] = statistics.median(times[1:])
    return found


def _originals(options: Options, count: int) -> Iterator[tuple[str, dict[str, float]]]:
    if not PYTHON.exists():
        return
    with folder() as place:
        facts = place / "facts.ndjson"
        with facts.open("wb") as out:
            for body in batches(count):
                out.write(body + b"\n")
        driver = {"path": str(place / "opensynaptic.db")}
        yield "SQLite", _original(options, "sqlite", driver, facts)
        binaries = find_binaries()
        if binaries is None:
            return
        cluster = Postgres(binaries)
        cluster.start()
        try:
            driver = {"host": "127.0.0.1", "port": cluster.port("sql"), "user": "test"}
            yield (
                "PostgreSQL",
                _original(options, "postgresql", {**driver, "database": "postgres"}, facts),
            )
        finally:
            cluster.close()


def _original(
    options: Options, dialect: str, driver: dict[str, Any], facts: Path
) -> dict[str, float]:
    program = Path(__file__).with_name("opensynaptic_original.py")
    # -P: our module of its package's name must not stand before the package.
    command = [str(PYTHON), "-P", str(program), dialect, json.dumps(driver), str(options.repeats)]
    with facts.open("rb") as source:
        answer = subprocess.run(
            command, stdin=source, capture_output=True, text=True, check=True, cwd=facts.parent,
            timeout=ORIGINAL_SECONDS_MAX,
        )  # fmt: skip
    return json.loads(answer.stdout.splitlines()[-1])
