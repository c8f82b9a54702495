"""Listing the types loads no client library, and starting one loads its own and no other."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from connectors import properties, registry
from connectors.contract import SourceContext
from connectors.sink_contract import NotDelivered, SinkContext, SinkSpec
from engine.clock import SystemClock
from engine.errors import UserError
from engine.protocol import ResultColumn
from tests.tidy.sources import ROOT

CLIENTS = ("aiokafka", "nats", "websockets", "httpx", "_pulsar", "pulsar", "aiosmtplib",
           "fastavro", "google", "asyncpg", "aiomysql")  # fmt: skip
NOWHERE = "127.0.0.1:1"
_KAFKA = {"brokers": NOWHERE, "topic": "t", "data_type": "json", "offset": "latest",
          "tls.disable": True}  # fmt: skip
_NATS = {"url": f"nats://{NOWHERE}", "subject": "s", "data_type": "json"}
_WEBSOCKET = {"url": f"ws://{NOWHERE}/", "data_type": "json"}
_PULSAR = {"broker_url": f"pulsar://{NOWHERE}", "topic": "t"}
_MAIL = {"host": "127.0.0.1", "port": 1, "from": "a@example.org", "to": ["b@example.org"]}
# Of each type: properties whose target is away, and what a start may load.
TYPES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "stream_generator": ({"template": "iot"}, set()),
    "timeplus": ({"stream_name": "s"}, set()),
    **dict.fromkeys(("kafka", "redpanda", "confluent_cloud"), (_KAFKA, {"aiokafka"})),
    **dict.fromkeys(("nats", "nats_jetstream"), (_NATS, {"nats"})),
    "websocket": (_WEBSOCKET, {"websockets"}),
    **dict.fromkeys(("http", "slack"), ({"url": f"http://{NOWHERE}/"}, {"httpx"})),
    "http_pull": ({"url": f"http://{NOWHERE}/", "data_type": "json"}, {"httpx"}),
    "pulsar": (_PULSAR, {"_pulsar", "pulsar"}),
    "email": (_MAIL, {"aiosmtplib"}),
}
# What a client library loads for itself where it is installed.
THEIRS = {"pulsar": {"fastavro", "google"}}
START_SECONDS_MAX = 5.0


def loaded() -> set[str]:
    """The client libraries that this process has loaded."""
    return {name.split(".")[0] for name in sys.modules} & set(CLIENTS)


def kinds() -> list[tuple[str, str]]:
    """Every type, as source and as sink."""
    found = [("source", name) for name in registry.sources()]
    return found + [("sink", name) for name in registry.sinks()]


async def start(kind: str, name: str) -> None:
    """Connect as a runner does; that nobody is there does not matter."""
    spec = registry.source(name) if kind == "source" else registry.sink(name)
    clock = SystemClock()
    config = properties.parse(spec.config, TYPES[name][0])
    await registry.load(spec)
    if isinstance(spec, SinkSpec):
        columns = (ResultColumn("v", "int64"),)
        context = SinkContext("i", clock, asyncio.sleep, columns, _no_engine, private=True)
        made: Any = spec.create(config, context)
    else:
        wanted = ("device",)
        made = spec.create(config, SourceContext("i", clock, asyncio.sleep, wanted, private=True))
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            await made.connect()
    except (UserError, NotDelivered, TimeoutError):
        pass
    await made.close()


async def _no_engine() -> Any:
    raise UserError("no engine")


def report() -> None:
    """What is loaded after listing; then, each in a process of its own, after a start."""
    for kind, name in kinds():
        registry.describe(registry.source(name) if kind == "source" else registry.sink(name))
    print(json.dumps(["list", "", sorted(loaded())]), flush=True)
    for kind, name in kinds():
        child = os.fork()
        if not child:
            asyncio.run(start(kind, name))
            print(json.dumps([kind, name, sorted(loaded())]), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


@pytest.mark.timeout(120)
def test_listing_loads_none_and_a_start_its_own_client_alone() -> None:
    here = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    code = f"{here}; from tests.connectors import test_loaded_clients as t; t.report()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    found = {
        (kind, name): set(have) - THEIRS.get(name, set())
        for kind, name, have in map(json.loads, done.stdout.split("\n")[:-1])
    }
    assert found.pop(("list", "")) == set()
    assert set(found) == set(kinds()), done.stderr[-2_000:]
    assert found == {(kind, name): TYPES[name][1] for kind, name in found}
