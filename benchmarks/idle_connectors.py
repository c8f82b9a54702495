"""200 sources and sinks of one server with nothing to do, half of their targets unreachable."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.connectors_load import free_port
from benchmarks.connectors_throughput import Processors, load, nats_server, said
from benchmarks.harness import Figure, Options, folder
from tests.journeys.server import Server

# Number of each kind of source and sink, and whether its target can be reached.
SOURCES: tuple[tuple[str, int, bool], ...] = (
    ("nats", 20, True),
    ("nats_jetstream", 20, True),
    ("websocket", 10, True),
    ("nats", 20, False),
    ("websocket", 10, False),
    ("kafka", 20, False),
)
SINKS: tuple[tuple[str, int, bool], ...] = (
    ("nats", 25, True),
    ("nats_jetstream", 25, True),
    ("nats", 20, False),
    ("websocket", 10, False),
    ("kafka", 20, False),
)
COUNT = sum(count for _, count, _ in (*SOURCES, *SINKS))
# Waits between attempts grow to 0 to 60 s within this time.
SETTLE_SECONDS = 150.0
MEASURED_SECONDS = 60.0
CORE_PERCENT_MAX = 5.0
ARRIVES_SECONDS_MAX = 5.0


def properties(kind: str, url: str, port: int, *, reachable: bool) -> dict[str, Any]:
    """Those of a source or sink; what one of them does not have is ignored."""
    nowhere = "127.0.0.1:1"
    if kind == "kafka":
        topic = {"brokers": nowhere, "topic": "t", "offset": "latest", "tls.disable": True}
        return {**topic, "data_type": "json"}
    if kind == "websocket":
        address = f"127.0.0.1:{port}" if reachable else nowhere
        return {"url": f"ws://{address}/", "data_type": "json"}
    address = url if reachable else f"nats://{nowhere}"
    return {"url": address, "subject": kind, "data_type": "json"}


def create(server: Server, url: str, port: int) -> list[str]:
    """All of them; the ids of the sources."""
    server.create("s", v="int64")
    server.create("out", v="int64")
    ids: list[str] = []
    for plan, path in ((SOURCES, "/sources"), (SINKS, "/sinks")):
        for number, (kind, count, reachable) in enumerate(plan):
            given = properties(kind, url, port, reachable=reachable)
            for index in range(count):
                body: dict[str, Any] = {"name": f"c{number}_{index}", "type": kind}
                body["properties"] = {
                    **given,
                    **(
                        {"subject": f"out.{kind}"}
                        if path == "/sinks" and "subject" in given
                        else {}
                    ),
                }
                body |= {"stream": "s"} if path == "/sources" else {"query": "select v from out"}
                answer = server.call("POST", path, body)
                if answer.status_code != 201:
                    raise RuntimeError(answer.text)
                if path == "/sources":
                    ids.append(str(answer.json()["id"]))
    return ids


async def arrival(server: Server, url: str) -> tuple[float, float]:
    """Seconds from a message to the rows of all sources that have it, and from a row to the
    messages of all sinks."""
    import nats

    client = await nats.connect(url)
    listening = await client.subscribe("out.>")
    await client.flush()
    began = time.monotonic()
    await client.publish("nats", b'{"v":1}')
    await client.flush()
    wanted = next(count for kind, count, reachable in SOURCES if kind == "nats" and reachable)
    while (await asyncio.to_thread(server.select, "select count() from table(s)"))[0][0] < wanted:
        if time.monotonic() - began > 2 * ARRIVES_SECONDS_MAX:
            raise RuntimeError("the sources that are connected store nothing")
        await asyncio.sleep(0.02)
    stored = time.monotonic() - began
    began = time.monotonic()
    await asyncio.to_thread(server.ingest, "out", ["v"], [[1]])
    for _ in range(sum(count for _, count, reachable in SINKS if reachable)):
        await listening.next_msg(timeout=2 * ARRIVES_SECONDS_MAX)
    sent = time.monotonic() - began
    await client.close()
    return stored, sent


async def streams(url: str) -> None:
    """What the JetStream sources and sinks use."""
    import nats

    client = await nats.connect(url)
    await client.jetstream().add_stream(name="IN", subjects=["nats_jetstream"])
    await client.jetstream().add_stream(name="OUT", subjects=["out.nats_jetstream"])
    await client.close()


def measure(options: Options) -> list[Figure]:
    """Create, wait until back-off has grown, then count processor time."""
    port = free_port()
    sender = load("websocket", port, 0, 0, 1)
    said(sender)
    try:
        with folder() as place, nats_server() as broker:
            asyncio.run(streams(broker.url))
            server = Server(place / "data").start()
            try:
                create(server, broker.url, port)
                time.sleep(SETTLE_SECONDS if not options.quick else SETTLE_SECONDS / 5)
                processors, seconds = Processors(server), MEASURED_SECONDS
                time.sleep(seconds)
                used = processors.per_million(1_000_000)
                stored, sent = asyncio.run(arrival(server, broker.url))
            finally:
                server.stop()
    finally:
        sender.kill()
    parts = ", ".join(f"{name} {value / seconds:.1%}" for name, value in used.items())
    what = f"{COUNT} idle connectors"
    percent = sum(used.values()) / seconds * 100
    limit = ARRIVES_SECONDS_MAX
    return [
        Figure(f"{what}: CPU", percent, "% of a core", CORE_PERCENT_MAX, True, parts),
        Figure(f"{what}: a message to 20 sources", stored, "s", limit, True),
        Figure(f"{what}: a row to 50 sinks", sent, "s", limit, True),
    ]
