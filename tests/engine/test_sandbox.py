"""The sandbox: no hostile statement reads, writes, connects or outlives its limits.

Two ways in: `worker` hands the statement to a query worker as it stands, as if the allow-list in
front were not there; `api` sends it to a real server, as a client would.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import TailraceError
from engine.jobs import BoundedJob
from engine.workers import WorkerPool
from tests.engine import sandbox_attacks
from tests.journeys.server import Server

ROOT = Path(__file__).resolve().parents[2]
SECRET = "planted-5e1ec7ed"
# The ways in are opened once: a server takes two seconds of a processor to start.
pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMIT_BYTES = 512 << 20
# The idle size is read at another moment than the worker reads it.
SPARE_SPACE_BYTES = 32 << 20
ARENAS_BYTES = 2 * (64 << 20)
TIME_MS = 1_000
# What reliability asks of every runaway; ours end at limit + grace + a busy machine.
ENDS_WITHIN_SECONDS = 20.0


@dataclass(frozen=True)
class Ground:
    """A folder with secrets, a history folder that must stay as it is, and a trap that listens."""

    folder: Path
    history: Path
    new: Path
    port: int
    connections: list[str]

    def fill(self, statement: str) -> str:
        """The statement with this ground's places in it."""
        places = {"dir": self.folder, "history": self.history, "new": self.new, "port": self.port}
        return statement.format_map(places)


@dataclass(frozen=True)
class Outcome:
    """All text that a statement gave back, its error included, and the error's code (0 = none)."""

    text: str
    code: int
    seconds: float


@dataclass(frozen=True)
class Entry:
    """A way in: runs a statement; names the worker processes behind it."""

    run: Callable[[str], Awaitable[Outcome]]
    workers: Callable[[], tuple[int, ...]]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A planted machine, for all attacks: none of them may leave anything on it."""
    folder = tmp_path_factory.mktemp("ground") / "around" / "planted"
    folder.mkdir(parents=True)
    (folder / "secret.csv").write_text(f"k,v\n1,{SECRET}\n")
    (folder / "secret.json").write_text(f'{{"k":1,"v":"{SECRET}"}}\n')
    (folder / "secret.txt").write_text(SECRET)
    (folder / "secret.duckdb").write_bytes(SECRET.encode() * 1_000)
    pq.write_table(pa.table({"k": [1], "v": [SECRET]}), folder / "secret.parquet")
    history = folder / "history"
    history.mkdir()
    other = folder / "history-other"
    other.mkdir()
    (other / "secret.txt").write_text(SECRET)
    (history / "link.txt").symlink_to(folder / "secret.txt")
    (history / "link").symlink_to(folder)
    with pytest.MonkeyPatch.context() as environment, trap() as (port, connections):
        environment.setenv("PLANTED_SECRET", SECRET)
        yield Ground(folder, history, folder.parent / "made-by-attack", port, connections)


@contextmanager
def trap() -> Iterator[tuple[int, list[str]]]:
    """A listening socket that notes who connects."""
    connections: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    stop = threading.Event()

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, address = listener.accept()
            except TimeoutError:
                continue
            connections.append(str(address))
            connection.close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1], connections
    finally:
        stop.set()
        thread.join()
        listener.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["worker", "api"])
async def entry(request: pytest.FixtureRequest, ground: Ground) -> AsyncIterator[Entry]:
    """A way in for statements."""
    opened = {"worker": worker_entry, "api": api_entry}[request.param]
    async with opened(ground) as made:
        yield made


@asynccontextmanager
async def worker_entry(ground: Ground) -> AsyncIterator[Entry]:
    """Straight into a query worker over the planted history folder."""
    settings = EngineSettings(worker_memory_bytes=LIMIT_BYTES)
    pool = WorkerPool(settings, SystemClock(), ground.history)
    await pool.start()

    async def run(sql: str) -> Outcome:
        started = time.monotonic()
        parts: list[str] = []
        code = 0
        job = BoundedJob(sql, (), output="arrow", time_ms_max=TIME_MS)
        try:
            async for item in pool.run(job):
                rows = item.slice(0, 100).to_pylist() if isinstance(item, pa.RecordBatch) else []
                parts.append(str(rows)[:100_000])
        except TailraceError as error:
            parts.append(error.message)
            code = error.code
        return Outcome("\n".join(parts), code, time.monotonic() - started)

    try:
        yield Entry(run, lambda: pool.process_ids)
    finally:
        await pool.close()


@asynccontextmanager
async def api_entry(ground: Ground) -> AsyncIterator[Entry]:
    """Through HTTP, as a bounded query; any answer of 5xx or a silent API fails the test."""
    limits = {
        "TAILRACE_WORKER_MEMORY_BYTES": str(LIMIT_BYTES),
        "TAILRACE_BOUNDED_QUERY_MS_MAX": str(TIME_MS),
    }
    server = await asyncio.to_thread(Server(ground.folder.parent.parent / "served", **limits).start)
    client = httpx.AsyncClient(headers=server.headers, timeout=ENDS_WITHIN_SECONDS)

    async def run(sql: str) -> Outcome:
        started = time.monotonic()
        request = {"sql": sql, "type": "historical"}
        try:
            answer = await client.post(f"{server.api}/exec", json=request)
        except httpx.ReadTimeout:
            raise AssertionError(f"does not end: {sql[:100]}") from None
        seconds = time.monotonic() - started
        assert answer.status_code < 500, (sql[:100], answer.text[:300])
        code = 0 if answer.status_code == 200 else int(answer.json().get("code", -1))
        text = answer.text if code == 0 else answer.json()["message"]
        return Outcome(text, code, seconds)

    def workers() -> tuple[int, ...]:
        return tuple(p.pid for p in server.children("engine.worker_main"))

    try:
        yield Entry(run, workers)
        assert server.ready()
    finally:
        await client.aclose()
        await asyncio.to_thread(server.stop)


def files_below(folder: Path) -> set[str]:
    """Every name below a folder, links not followed."""
    return {
        f"{root}/{name}" for root, folders, files in os.walk(folder) for name in (*folders, *files)
    }


async def attack(entry: Entry, ground: Ground, statements: tuple[str, ...]) -> list[Outcome]:
    """Run all; then nothing is read, made or connected, and no error names a path of the machine
    that the statement does not name."""
    before = files_below(ground.folder.parent)
    server = str(ground.folder.parent.parent / "served")
    outcomes: list[Outcome] = []
    for statement in statements:
        outcome = await entry.run(ground.fill(statement))
        assert SECRET not in outcome.text, statement
        assert outcome.seconds < ENDS_WITHIN_SECONDS, statement
        assert files_below(ground.folder.parent) == before, statement
        if outcome.code:
            assert server not in outcome.text, statement
            assert str(ROOT) not in outcome.text, statement
            assert "\n" not in outcome.text, statement
        outcomes.append(outcome)
    assert ground.connections == []
    return outcomes


async def test_no_statement_reads_a_file(entry: Entry, ground: Ground) -> None:
    outcomes = await attack(entry, ground, sandbox_attacks.READS)
    harmless = [s for s, o in zip(sandbox_attacks.READS, outcomes, strict=True) if o.code == 0]
    # These answer, with nothing of the machine in the answer.
    assert set(harmless) <= {
        "SELECT content FROM duckdb_secrets()",
        "SELECT current_setting('home_directory')",
    }


async def test_no_statement_writes_a_file(entry: Entry, ground: Ground) -> None:
    outcomes = await attack(entry, ground, sandbox_attacks.WRITES)
    assert all(outcome.code for outcome in outcomes)


async def test_no_statement_connects(entry: Entry, ground: Ground) -> None:
    outcomes = await attack(entry, ground, sandbox_attacks.CONNECTS)
    assert all(outcome.code for outcome in outcomes)


async def test_no_statement_changes_settings_or_session(entry: Entry, ground: Ground) -> None:
    outcomes = await attack(entry, ground, sandbox_attacks.SETTINGS)
    assert all(outcome.code for outcome in outcomes)


@pytest.mark.turns(3)
@pytest.mark.timeout(400)
async def test_runaways_end_within_limits(entry: Entry, ground: Ground) -> None:
    """Every runaway ends in time, in memory, and the next statement is answered."""
    peak: dict[int, tuple[int, int]] = {}
    slow: list[tuple[str, float]] = []
    first: dict[int, tuple[int, int]] = {}
    await entry.run("SELECT 42 AS n")
    for pid in entry.workers():
        size = psutil.Process(pid).memory_info()
        first[pid] = (size.vms, size.rss)
    watcher = asyncio.create_task(watch_memory(entry, peak))
    try:
        for statement in sandbox_attacks.RUNAWAYS:
            outcome = await entry.run(ground.fill(statement))
            if outcome.seconds > ENDS_WITHIN_SECONDS:
                slow.append((statement[:60], outcome.seconds))
            # Refused, refused by a bound of the function, out of time, or out of memory.
            assert outcome.code not in (1, -1, 503), (statement[:60], outcome.text[:300])
        assert "42" in (await entry.run("SELECT 42 AS n")).text
    finally:
        watcher.cancel()
    assert slow == []
    # The kernel bounds the address space: idle size and the limit, whatever job came before.
    idle_space = min(space for space, _ in first.values())
    spaces = [space for space, _ in peak.values()]
    assert max(spaces) <= idle_space + LIMIT_BYTES + SPARE_SPACE_BYTES
    # Resident memory may also fill what was only reserved at idle: two heap arenas and stacks.
    idle = max(resident for _, resident in first.values())
    assert max(resident for _, resident in peak.values()) < idle + LIMIT_BYTES + ARENAS_BYTES


async def watch_memory(entry: Entry, peak: dict[int, tuple[int, int]]) -> None:
    """Note the largest address space and resident size of each worker, 20 times a second."""
    while True:
        for pid in entry.workers():
            try:
                size = psutil.Process(pid).memory_info()
            except psutil.NoSuchProcess:
                continue
            space, resident = peak.get(pid, (0, 0))
            peak[pid] = (max(space, size.vms), max(resident, size.rss))
        await asyncio.sleep(0.05)
