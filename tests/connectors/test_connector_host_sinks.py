"""Sinks and alerts as the control plane sees them: commands over the socket, one id for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from background import BackgroundEngine, Target, fails
from virtual import VirtualTime

from connectors import registry
from connectors.contract import AlertDefinition, SinkDefinition
from connectors.control import ConnectorClient
from connectors.host import ConnectorHost, ControlServer
from connectors.metrics import SourceCounters
from connectors.sink_contract import Delivery
from engine.errors import NotFound, UserError
from engine.protocol import ResultColumn

COLUMNS = (ResultColumn("n", "int64"), ResultColumn("text", "string"))
SINK = SinkDefinition("s1", "default", "out", "target", {}, COLUMNS, ("select 1",))
ALERT = AlertDefinition("a1", "default", "hot", "target", 1, {}, COLUMNS, COLUMNS, ("a", "b"))


@dataclass
class Process:
    """A host on a real socket, in virtual time."""

    client: ConnectorClient
    engine: BackgroundEngine
    target: Target
    time: VirtualTime


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    time, engine, target = VirtualTime(), BackgroundEngine("sink:s1", "alert:a1"), Target()
    registry.sinks()["target"] = target.spec()
    host = ConnectorHost(engine.around(time))
    path = tmp_path / "connectors.sock"
    server = await asyncio.start_unix_server(ControlServer(host).serve_client, str(path))
    client = ConnectorClient(path)
    yield Process(client, engine, target, time)
    await client.close()
    await host.close()
    server.close()
    registry.sinks().pop("target")


async def test_life_of_a_sink(process: Process) -> None:
    client = process.client
    started = await client.start_sink(SINK, SourceCounters(sent=7, dropped=2))
    assert (started.id, started.status) == ("s1", "running")
    process.engine.append("sink:s1", (0, [[1, "x"], [2, "y"]]))
    await process.time.advance(500)
    stats = await client.stats("s1", 60_000, 60_000)
    assert (stats.sent, stats.dropped) == (9, 2)
    (sample,) = await client.samples(0)
    assert (sample.id, sample.counters.sent) == ("s1", 9)
    again = await client.start_sink(SINK)
    assert (again.start_ms, len(process.target.contexts)) == (started.start_ms, 2)
    assert "started to target" in (await client.log("s1", 9))[0]
    assert (await client.stop("s1")).status == "stopped"
    process.engine.append("sink:s1", (0, [[3, "z"]]))
    await process.time.advance(500)
    assert process.target.numbers() == [1, 2]
    await client.start_sink(SINK)
    await process.time.advance(500)
    assert process.target.numbers() == [1, 2, 3]
    await client.delete("s1")
    assert await client.status() == {}


async def test_a_changed_sink_replaces_the_running_one(process: Process) -> None:
    await process.client.start_sink(SINK)
    await process.time.advance(100)
    changed = msgspec.structs.replace(SINK, header=(ResultColumn("other", "int64"), COLUMNS[1]))
    await process.client.start_sink(changed)
    await process.time.advance(100)
    assert process.target.contexts[-1].columns[0].name == "other"
    assert process.target.open == 1


async def test_a_sink_that_cannot_be_is_refused(process: Process) -> None:
    with pytest.raises(UserError, match="not available"):
        await process.client.start_sink(msgspec.structs.replace(SINK, type="ably"))
    with pytest.raises(UserError, match="'url' is required") as caught:
        await process.client.validate_sink("http", {}, COLUMNS)
    assert caught.value.code == 400
    names = await process.client.validate_sink(
        "slack", {"url": "https://h.test", "resolve_template": "{{ .n }}"}, COLUMNS,
        alert=True, resolve_columns=COLUMNS[:1],
    )  # fmt: skip
    assert names == {"url"}


async def test_the_types_have_a_schema(process: Process) -> None:
    types = {found.name: found for found in await process.client.sink_types()}
    assert "payload_field" in types["http"].schema["properties"]
    assert types["slack"].schema["properties"]["url"]["writeOnly"] is True


async def test_life_of_an_alert(process: Process) -> None:
    client = process.client
    await client.start_alert(ALERT)
    process.engine.append("alert:a1", (0, [[1, "x"]]))
    await process.time.advance(100)
    assert process.target.numbers() == [1]

    def instance() -> dict[str, object]:
        return msgspec.json.decode(process.engine.hidden["alert:a1"].records["instance"])

    assert instance()["status"] == "triggered"
    await client.resolve_alert("default", "a1")
    await client.resolve_alert("default", "a1")
    assert instance()["status"] == "resolved"
    process.engine.append("alert:a1", (0, [[2, "x"]]))
    await process.time.advance(100)
    assert process.target.numbers() == [1, 2]
    assert (await client.stop("a1")).status == "stopped"
    assert instance()["status"] == "triggered"
    await client.resolve_alert("default", "a1")
    assert instance()["status"] == "resolved"
    stats = await client.stats("a1", 60_000, 60_000)
    assert (stats.sent, stats.dropped) == (2, 0)
    with pytest.raises(NotFound):
        await client.resolve_alert("default", "unknown")


async def test_all_are_stopped_together_and_one_that_fails_harms_no_other(
    process: Process,
) -> None:
    process.target.delivery = Delivery(interval=1000.0)
    process.target.answers = [fails("away")]
    await process.client.start_alert(ALERT)
    process.engine.append("alert:a1", (0, [[1, "x"]]))
    await process.time.advance(100)
    await process.client.start_sink(SINK)
    process.engine.append("sink:s1", (0, [[2, "y"]]))
    await process.time.advance(100)
    states = await process.client.status()
    assert (states["a1"].status, states["a1"].message) == ("failed", "away")
    assert states["s1"].status == "running"
    assert process.target.numbers() == [2]
