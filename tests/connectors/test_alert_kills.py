"""Kills of the real processes between the change of an alert and its message: none is missing."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from hostile import Hostile, Received, Reply, hostile

from connectors.contract import AlertAction, AlertDefinition
from connectors.control import ConnectorClient
from engine.errors import EngineUnavailable
from engine.protocol import (
    BackgroundQuery,
    Caller,
    ColumnDef,
    Definition,
    IngestRequest,
    ResultColumn,
)
from engine.remote import RemoteEngine, socket_name

ME = Caller("u1", "alice")
ID = "0b2f9d7e-0000-4000-8000-000000000005"
COLUMNS = (ResultColumn("i", "int32"),)
QUERIES = ("select i from s where i > 0", "select i from s where i < 0")
ROUNDS, ROUNDS_FULL = 20, 200
SECONDS_MAX = 20.0
START_SECONDS_MAX = 120.0


async def until(condition: Callable[[], bool], what: str, seconds: float = SECONDS_MAX) -> None:
    """Wait for it."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(what) from None


class Processes:
    """An engine process and a connector process that are killed and started again."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        actions = (AlertAction("http", {"url": f"{url}/second", "retry_interval": "5ms"}),)
        own = {"url": f"{url}/first", "retry_interval": "5ms"}
        self.alert = AlertDefinition(
            ID, "default", "hot", "http", 1, own, COLUMNS, COLUMNS, QUERIES, actions
        )
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self.engine: RemoteEngine
        self.client = ConnectorClient(folder / "control.sock")

    async def start(self, module: str, socket: Path, *arguments: str) -> None:
        """One of them, until it answers."""
        socket.unlink(missing_ok=True)
        said = self.folder / f"{module}.log"
        with said.open("ab") as log:
            self._running[module] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments, stderr=log
            )
        try:
            await until(socket.exists, f"{module} starts", START_SECONDS_MAX)
        except AssertionError as error:
            raise AssertionError(f"{error}: {said.read_text()[-2000:]}") from None

    async def kill(self, module: str) -> None:
        """Without a last word."""
        with contextlib.suppress(ProcessLookupError):
            self._running[module].send_signal(signal.SIGKILL)
        await self._running[module].wait()

    async def start_engine(self) -> None:
        """The engine, and a connection to it."""
        socket = self.folder / socket_name("default")
        data = str(self.folder / "data")
        await self.start("engine.host", socket, "--socket", str(socket), "--data", data)
        self.engine = await RemoteEngine.connect(socket)

    async def start_connectors(self) -> None:
        """The connector process, and the alert in it."""
        await self.client.close()
        socket = self.folder / "control.sock"
        await self.start(
            "connectors.host", socket, "--control", str(socket),
            "--engine-dir", str(self.folder), "--private",
        )  # fmt: skip
        for _ in range(100):
            with contextlib.suppress(EngineUnavailable):
                await self.client.start_alert(self.alert)
                return
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """End both."""
        await self.client.close()
        await self.engine.close()
        for module in self._running:
            await self.kill(module)


@asynccontextmanager
async def processes(folder: Path, url: str) -> AsyncIterator[Processes]:
    """Both, with a stream and the alert."""
    made = Processes(folder, url)
    await made.start_engine()
    try:
        stream = Definition("", "s", "stream", (ColumnDef("i", "int32"),))
        await made.engine.create(stream, ME)
        await made.engine.start_background(BackgroundQuery(f"alert:{ID}", QUERIES, "hot"), ME)
        await made.start_connectors()
        yield made
    finally:
        await made.close()


def told(server: Hostile, path: str) -> list[tuple[int, str]]:
    """The rows that came to an address, each with its event id."""
    return [
        (msgspec.json.decode(one.body)["i"], one.headers["x-event-id"])
        for one in server.received
        if one.path == path
    ]


@pytest.mark.timeout(1_800)
async def test_nothing_is_missing_after_kills(tmp_path: Path, full: bool) -> None:
    chance = random.Random(11)
    rounds = ROUNDS_FULL if full else ROUNDS
    doubled = 0
    async with hostile() as server, processes(tmp_path, server.url) as both:
        killing = asyncio.Event()

        def answer(_: Received) -> Reply:
            # The message has come, and its sender dies before it hears that.
            killing.set()
            return Reply(hang=at_arrival)

        at_arrival = False
        server.answering = answer
        for turn in range(1, rounds + 1):
            number = turn if turn % 2 else -turn
            at_arrival = turn % 3 == 0
            killing.clear()
            body = msgspec.json.encode({"columns": ["i"], "data": [[number]]})
            await both.engine.ingest(IngestRequest("s", "compact", ""), body)
            if at_arrival:
                await asyncio.wait_for(killing.wait(), SECONDS_MAX)
            else:
                await asyncio.sleep(chance.uniform(0.0, 0.02))
            await both.kill("connectors.host")
            at_arrival = False
            if turn % 7 == 0:
                await both.engine.close()
                await both.kill("engine.host")
                await both.start_engine()
            await both.start_connectors()
            for path in ("/first", "/second"):
                await until(
                    lambda path=path, number=number: number in dict(told(server, path)),
                    f"{number} at {path}",
                )
        wanted = [turn if turn % 2 else -turn for turn in range(1, rounds + 1)]
        for path in ("/first", "/second"):
            found = told(server, path)
            doubled += len(found) - rounds
            assert list(dict.fromkeys(number for number, _ in found)) == wanted
            assert len(set(found)) == rounds, "what comes twice has one id"
            incidents = [event_id[:36] for _, event_id in dict.fromkeys(found)]
            assert incidents[::2][: len(incidents) // 2] == incidents[1::2]
            assert len(set(incidents)) == (rounds + 1) // 2
        assert doubled <= 2 * rounds
        assert doubled, "some kills fell in between"
