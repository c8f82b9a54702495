"""A background query whose engine process is killed again and again: no row lost or changed."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.errors import EngineUnavailable
from engine.protocol import (
    BackgroundQuery,
    Caller,
    ColumnDef,
    Definition,
    IngestRequest,
    Position,
)
from engine.remote import RemoteEngine

ME = Caller("u1", "alice")
OWNER = "alert:1d7e4a52-8f6d-4e6b-9a35-5d3f0a8c1b22"
KILLS = 4


class Process:
    """An engine process over a folder."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "e.sock"
        self.data = folder / "ws"
        self.child: asyncio.subprocess.Process | None = None

    async def start(self) -> RemoteEngine:
        self.child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "engine.host"),
            *("--socket", str(self.socket), "--data", str(self.data)),
            stderr=asyncio.subprocess.DEVNULL,
        )
        for _ in range(600):
            with suppress(OSError):
                return await RemoteEngine.connect(str(self.socket))
            await asyncio.sleep(0.05)
        raise AssertionError("the engine does not start")

    async def kill(self) -> None:
        assert self.child is not None
        self.child.kill()
        await self.child.wait()


async def deliver(engine: RemoteEngine, got: dict[tuple[int, int], Any], rng: Any) -> None:
    """Take rows and move the position, as a runner does, until the engine is gone."""
    async for piece in engine.read_background(OWNER):
        for at, row in enumerate(json.loads(piece.payload)):
            key, value = (piece.sn, piece.first_row + at), (piece.query, row[0])
            assert got.setdefault(key, value) == value
        if rng.random() < 0.7:
            last = Position(piece.sn, piece.first_row + piece.count - 1)
            await engine.advance(OWNER, last, {"seen": str(last).encode()})


async def write(engine: RemoteEngine, rng: Any, done: list[int]) -> None:
    """Append until the engine is gone; what was acknowledged counts."""
    while True:
        first = done[-1] + 1 if done else 0
        numbers = list(range(first, first + rng.randint(1, 5)))
        body = json.dumps({"columns": ["n"], "data": [[n] for n in numbers]}).encode()
        # The id of the first row: an append that was stored and not acknowledged is not repeated.
        await engine.ingest(IngestRequest("s", "compact", f"from {first}"), body)
        done += numbers


async def test_nothing_is_lost_or_changed_by_kills(tmp_path: Path) -> None:
    rng, place = random.Random(7), Process(tmp_path)
    got: dict[tuple[int, int], Any] = {}
    done: list[int] = []
    engine = await place.start()
    await engine.create(Definition("", "s", "stream", (ColumnDef("n", "int64"),)), ME)
    queries = ("select n from s where n % 3 = 0", "select n from s where n % 3 > 0")
    await engine.start_background(BackgroundQuery(OWNER, queries, "a"), ME)
    for _ in range(KILLS):
        work = [
            asyncio.ensure_future(deliver(engine, got, rng)),
            asyncio.ensure_future(write(engine, rng, done)),
        ]
        await asyncio.sleep(0.3 + rng.random() / 2)
        await place.kill()
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            assert isinstance(outcome, EngineUnavailable), outcome
        engine = await place.start()
        stored = await engine.stats("s")
        done[:] = list(range(stored.row_count))  # the last append may be there unacknowledged
    reading = asyncio.ensure_future(deliver(engine, got, rng))
    async with asyncio.timeout(30):
        while len(got) < len(done):
            await asyncio.sleep(0.05)
    reading.cancel()
    found = [got[key] for key in sorted(got)]
    assert found == [(int(n % 3 > 0), n) for n in done]
    assert len(done) > 50
    await place.kill()
