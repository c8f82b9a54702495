"""The TimeDB API over HTTP: bulk inserts, a flat read, series by label; beside the original.

The original is not among our packages. Install its February server once into an environment of
its own and name its Python in TAILRACE_BENCH_TIMEDB:
`python3 -m venv .timedb && .timedb/bin/pip install timedb==0.1.2 uvicorn`; the default is
`.timedb/bin/python`. It runs over a real PostgreSQL whose commits do not wait for the disk and
without TimescaleDB's chunks, both of which are to its advantage. Both get the same requests.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.harness import Figure, Options, folder
from tests.journeys.server import Server, free_port
from tests.services.postgres import Postgres, find_binaries

VALUES = 1_000_000
BATCH = 10_000
CLIENTS = 2
READ_VALUES, REVISIONS = 100_000, 3
SERIES = 1_000
START = datetime(2025, 1, 1, tzinfo=UTC)
PYTHON = Path(
    os.environ.get("TAILRACE_BENCH_TIMEDB")
    or Path(__file__).resolve().parent.parent / ".timedb/bin/python"
)
START_SECONDS_MAX = 60.0
# The original's own tables; what it asks of TimescaleDB is left out.
CREATE = """
import os, psycopg
from timedb.db.create import DDL_TABLES
with psycopg.connect(os.environ["TIMEDB_DSN"]) as connection:
    connection.execute(DDL_TABLES.replace("CREATE EXTENSION IF NOT EXISTS timescaledb;", ""))
"""


def measure(options: Options) -> list[Figure]:
    """Our figures, then each as a multiple of the original's if that can run here."""
    with contextlib.ExitStack() as stack:
        mine = stack.enter_context(ours())
        if not PYTHON.exists():
            note = "not compared: the original is not where TAILRACE_BENCH_TIMEDB says"
            return [*shown(figures(options, [mine])[0]), Figure("the original", 0, "", note=note)]
        found, theirs = figures(options, [mine, stack.enter_context(original())])
    return [*shown(found), *(compared(*pair) for pair in zip(found, theirs, strict=True))]


Found = tuple[str, float, str, float, bool]


def shown(found: list[Found]) -> list[Figure]:
    """Our figures with what is to be reached."""
    return [Figure(what, value, unit, goal, lower) for what, value, unit, goal, lower in found]


def compared(mine: Found, theirs: Found) -> Figure:
    """How far ahead of the original."""
    what, value, unit, _, lower = mine
    ratio = theirs[1] / value if lower else value / theirs[1]
    note = f"the original: {theirs[1]:,.3g} {unit}"
    return Figure(f"{what}, against the original", ratio, "times", 5, note=note)


def figures(options: Options, clients: list[httpx.Client]) -> list[list[Found]]:
    """The three claims against each server; reads take turns, so that what else the machine does
    is felt by all."""
    sizes = [options.size(VALUES, VALUES // 5), options.size(VALUES // 5, VALUES // 20)]
    rates = [bulk(client, size) for client, size in zip(clients, sizes, strict=False)]
    repeats = options.size(15, 7)
    reads = timed([flat_read(client) for client in clients], repeats)
    lists = timed([series_by_label(client) for client in clients], 3 * repeats)
    what = f"flat read of {READ_VALUES:,} values over {REVISIONS} revisions"
    return [
        [
            (f"values inserted in batches of {BATCH:,}", rate, "values/s", 200_000, False),
            (what, read, "s", 1, True),
            (f"GET of {SERIES:,} series by label", listed * 1000, "ms", 100, True),
        ]
        for rate, read, listed in zip(rates, reads, lists, strict=True)
    ]


def bulk(client: httpx.Client, values: int) -> float:
    """Values a second into one overlapping series, over HTTP, each batch acknowledged."""
    series = made(client, "bulk", {"kind": "bulk"})
    bodies = [batch(series, number, 0) for number in range(values // BATCH)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        began = time.perf_counter()
        list(pool.map(lambda body: sent(client, body), bodies))
        return values / (time.perf_counter() - began)


def flat_read(client: httpx.Client) -> Callable[[], None]:
    """One read of the newest values, the answer decoded by nobody."""
    series = made(client, "read", {"kind": "read"})
    for revision in range(REVISIONS):
        for number in range(READ_VALUES // BATCH):
            sent(client, batch(series, number, revision))

    def read() -> None:
        answer = client.get("/values", params={"series_id": series})
        answer.raise_for_status()
        assert answer.content.count(b'"valid_time"') == READ_VALUES

    return read


def series_by_label(client: httpx.Client) -> Callable[[], None]:
    """One list of series that a label chooses."""
    for number in range(SERIES):
        made(client, f"series {number}", {"site": "north", "number": str(number)})
        if not number % 10:
            made(client, f"series {number}", {"site": "south", "number": str(number)})

    def read() -> None:
        answer = client.get("/series", params={"labels": json.dumps({"site": "north"})})
        answer.raise_for_status()
        assert answer.content.count(b'"retention"') == SERIES

    return read


def timed(works: list[Callable[[], None]], repeats: int) -> list[float]:
    """The median of some runs of each, in seconds; the first round is not counted."""
    found: list[list[float]] = [[] for _ in works]
    for turn in range(repeats + 1):
        for work, times in zip(works, found, strict=True):
            began = time.perf_counter()
            work()
            if turn:
                times.append(time.perf_counter() - began)
    return [statistics.median(times) for times in found]


def made(client: httpx.Client, name: str, labels: dict[str, str]) -> int:
    """The number of a new overlapping series."""
    body = {"name": name, "unit": "MW", "labels": labels, "overlapping": True}
    answer = client.post("/series", json=body)
    answer.raise_for_status()
    return answer.json()["series_id"]


def batch(series: int, number: int, revision: int) -> bytes:
    """A body of POST /values."""
    first = START + timedelta(minutes=number * BATCH)
    known = START + timedelta(hours=revision, seconds=number)
    data = [
        {"valid_time": (first + timedelta(minutes=at)).isoformat(), "value": at * 0.25 + revision}
        for at in range(BATCH)
    ]
    return json.dumps(
        {"series_id": series, "knowledge_time": known.isoformat(), "data": data}
    ).encode()


def sent(client: httpx.Client, body: bytes) -> None:
    """One batch that must be stored."""
    answer = client.post("/values", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text


@contextmanager
def ours() -> Generator[httpx.Client]:
    """A server of ours."""
    with folder() as place:
        server = Server(place / "data").start()
        try:
            with httpx.Client(base_url=server.url, headers=server.headers, timeout=120) as client:
                yield client
        finally:
            server.stop()


@contextmanager
def original() -> Generator[httpx.Client]:
    """The original's server over a PostgreSQL of its own."""
    binaries = find_binaries()
    assert binaries is not None, "PostgreSQL is not installed"
    database = Postgres(binaries)
    database.start()
    port = free_port()
    environment = {**os.environ, "TIMEDB_DSN": database.address("postgres")}
    how: dict[str, Any] = {"env": environment, "stdout": subprocess.DEVNULL}
    try:
        subprocess.run([str(PYTHON), "-c", CREATE], check=True, **how)
        command = [str(PYTHON), "-m", "uvicorn", "timedb.api:app", "--port", str(port)]
        process = subprocess.Popen([*command, "--log-level=warning"], **how)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
                wait(client)
                yield client
        finally:
            process.terminate()
            process.wait(10)
    finally:
        database.close()


def wait(client: httpx.Client) -> None:
    """Until the server answers."""
    end = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            client.get("/").raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < end, "the original does not start"
            time.sleep(0.1)
