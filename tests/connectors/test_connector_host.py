"""The connector process as the control plane sees it: commands over the socket, life and death."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from virtual import ListEngine, VirtualTime

from connectors.contract import SourceDefinition
from connectors.control import ConnectorClient
from connectors.host import ConnectorHost, ControlServer
from connectors.surroundings import Surroundings
from engine.errors import EngineUnavailable, UserError

IOT = {"template": "iot", "interval": "100ms"}


def source(id_: str = "id1", **properties: object) -> SourceDefinition:
    return SourceDefinition(id_, "default", "gen", "stream_generator", "s", {**IOT, **properties})


@dataclass
class Process:
    """A host on a real socket, in virtual time."""

    client: ConnectorClient
    host: ConnectorHost
    engine: ListEngine
    time: VirtualTime


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    time, engine = VirtualTime(), ListEngine()

    async def connect(_workspace: str) -> ListEngine:
        return engine

    host = ConnectorHost(Surroundings(connect, time.clock, time.sleep))
    path = tmp_path / "connectors.sock"
    server = await asyncio.start_unix_server(ControlServer(host).serve_client, str(path))
    client = ConnectorClient(path)
    yield Process(client, host, engine, time)
    await client.close()
    await host.close()
    server.close()


async def test_life_of_a_source(process: Process) -> None:
    client = process.client
    started = await client.start(source())
    assert (started.id, started.status) == ("id1", "running")
    assert started.start_ms == process.time.clock.now_ms()
    await process.time.advance(950)
    assert len(process.engine.rows()) == 10
    stats = await client.stats("id1", 600_000, 600_000)
    assert (stats.received, stats.sent, stats.errors) == (10, 10, 0)
    assert (await client.stop("id1")).status == "stopped"
    await process.time.advance(1000)
    assert len(process.engine.rows()) == 10
    assert (await client.status())["id1"].status == "stopped"
    await client.delete("id1")
    assert await client.status() == {}
    assert (await client.stats("id1", 1000, 1000)).sent == 0


async def test_starting_again_is_harmless_and_a_change_replaces(process: Process) -> None:
    client = process.client
    first = await client.start(source())
    await process.time.advance(450)
    again = await client.start(source())
    assert again.start_ms == first.start_ms
    await client.start(source(interval="10s"))
    await process.time.advance(5_000)
    # Five of the first life, one of the second.
    assert len(process.engine.rows()) == 6


async def test_stopping_and_deleting_the_unknown_is_harmless(process: Process) -> None:
    assert (await process.client.stop("none")).status == "stopped"
    await process.client.delete("none")


async def test_validate_tells_what_is_secret(process: Process) -> None:
    given = {"url": "http://h", "data_type": "json", "headers": {"X-Api-Key": "k", "Accept": "x"}}
    names = await process.client.validate("http_pull", given)
    assert names == {"headers.X-Api-Key", "oauth2.client_secret"}


async def test_validate_and_start_refuse_bad_properties(process: Process) -> None:
    await process.client.validate("stream_generator", IOT)
    with pytest.raises(UserError, match="'template' is required") as caught:
        await process.client.validate("stream_generator", {})
    assert (caught.value.code, caught.value.system) == (400, "orbit")
    with pytest.raises(UserError, match="'ably' is not available"):
        await process.client.validate("ably", {})
    with pytest.raises(UserError, match="'interval'"):
        await process.client.start(source(interval="soon"))


async def test_preview_shows_events_without_a_stream(process: Process) -> None:
    task = asyncio.create_task(process.client.preview("stream_generator", IOT, 3, 30_000))
    for _ in range(40):
        await process.time.advance(100)
        await asyncio.sleep(0.001)
    events = await task
    assert len(events) == 3
    assert {"device", "number", "time"} <= set(events[0])
    assert process.engine.appends == []


async def test_preview_answers_what_it_has_when_the_time_is_over(process: Process) -> None:
    slow = {**IOT, "interval": "1h"}
    assert len(await process.client.preview("stream_generator", slow, 5, 50)) == 1
    with pytest.raises(UserError, match="template"):
        await process.client.preview("stream_generator", {}, 1, 1000)


async def test_types_carry_the_schema_of_their_properties(process: Process) -> None:
    types = {kind.name: kind for kind in await process.client.types()}
    assert types["stream_generator"].schema["properties"]["interval"]["default"] == "200ms"


async def test_client_says_that_the_process_is_away_and_finds_it_again(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    client = ConnectorClient(path)
    assert not await client.ready()
    with pytest.raises(EngineUnavailable) as caught:
        await client.status()
    assert caught.value.system == "orbit"
    time = VirtualTime()

    async def connect(_workspace: str) -> ListEngine:
        return ListEngine()

    host = ConnectorHost(Surroundings(connect, time.clock, time.sleep))
    for _ in range(2):
        server = await asyncio.start_unix_server(ControlServer(host).serve_client, str(path))
        assert await client.ready()
        server.close()
        await client.close()
        path.unlink(missing_ok=True)


def test_process_serves_retries_its_engine_and_stops_on_sigterm(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    command = [sys.executable, "-m", "connectors.host", "--control", str(path)]
    process = subprocess.Popen([*command, "--engine-dir", str(tmp_path)], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while not path.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert path.stat().st_mode & 0o077 == 0

        async def drive() -> str:
            client = ConnectorClient(path)
            await client.start(source())
            message = ""
            while not message:
                message = (await client.status())["id1"].message
                await asyncio.sleep(0.01)
            await client.close()
            return message

        assert "engine is starting" in asyncio.run(drive())
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=15)
    assert process.returncode == 0, errors.decode()
    assert not path.exists()


def test_the_control_plane_stays_small() -> None:
    code = (
        "import sys, connectors.control, connectors.properties, connectors.duration;"
        "heavy = {'numpy', 'pyarrow', 'duckdb', 'httpx', 'litestar', 'engine.remote'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert out.stdout.strip() == "[]"
