"""From publish to SSE frame at 5,000 rows a second, through a source and a filter query."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from benchmarks.connectors_throughput import Measured, nats_server
from benchmarks.harness import Figure, Options, folder
from benchmarks.sse import Rows, Subscriber
from tests.journeys.server import Server
from tests.services.kafka import start_kafka

RATE = 5_000
TICK_SECONDS = 0.002
COLUMNS = {"sent": "float64", "v": "int64"}
P50_MS = 50.0

# Publishes some messages; on return they are on their way.
Publish = Callable[[Sequence[bytes]], Awaitable[None]]


async def paced(publish: Publish, seconds: float) -> int:
    """Messages that carry their time of sending, at a steady rate; how many."""
    began, sent = time.perf_counter(), 0
    while sent < int(seconds * RATE):
        due = min(int((time.perf_counter() - began) * RATE) + 1, int(seconds * RATE))
        now = time.perf_counter()
        await publish([b'{"sent":%f,"v":%d}' % (now, n) for n in range(sent, due)])
        sent = due
        await asyncio.sleep(TICK_SECONDS)
    return sent


async def once(server: Server, publish: Publish, seconds: float) -> tuple[float, float]:
    """p50 and p99 in milliseconds; all rows must arrive."""
    taken: list[float] = []
    warm = False

    def on_rows(rows: Rows) -> None:
        now = time.perf_counter()
        if warm:
            taken.extend((now - row[0]) * 1_000 for row in rows)

    reader = Subscriber(on_rows)
    await reader.open(server.api, server.key, "select sent, v from s where v >= 0")
    await paced(publish, 1.0)
    await asyncio.sleep(1.0)
    warm = True
    expected = await paced(publish, seconds)
    deadline = time.monotonic() + 20
    while len(taken) < expected and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    reader.close()
    if len(taken) < expected:
        raise RuntimeError(f"{expected - len(taken)} of {expected} rows did not arrive")
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.99)]


def figures(what: str, found: tuple[float, float]) -> list[Figure]:
    """As lines of the table."""
    name = f"publish to SSE frame, {what}, {RATE:,} rows/s"
    return [
        Figure(f"{name}, p50", found[0], "ms", P50_MS, lower=True),
        Figure(f"{name}, p99", found[1], "ms", None, lower=True),
    ]


def from_source(server: Server, kind: str, properties: dict[str, Any]) -> Measured:
    """A stream with a connected source of that kind."""
    measured = Measured(server)
    measured.connected(measured.source(kind, {"data_type": "json", **properties}, COLUMNS))
    return measured


async def _nats(server: Server, url: str, kind: str, seconds: float) -> tuple[float, float]:
    import nats

    client = await nats.connect(url)
    if kind == "nats_jetstream":
        await client.jetstream().add_stream(name="LATENCY", subjects=[kind])
    await asyncio.to_thread(from_source, server, kind, {"url": url, "subject": kind})

    async def publish(messages: Sequence[bytes]) -> None:
        for message in messages:
            await client.publish(kind, message)
        await client.flush()

    try:
        return await once(server, publish, seconds)
    finally:
        await client.close()


async def _kafka(server: Server, brokers: str, topic: str, seconds: float) -> tuple[float, float]:
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=brokers)
    await producer.start()
    given = {"brokers": brokers, "topic": topic, "offset": "latest", "tls.disable": True}
    await asyncio.to_thread(from_source, server, "kafka", given)

    async def publish(messages: Sequence[bytes]) -> None:
        for message in messages:
            await producer.send(topic, message)

    try:
        await publish([json.dumps({"sent": 0, "v": -1}).encode()])
        await asyncio.sleep(2)  # its consumer has joined the group
        return await once(server, publish, seconds)
    finally:
        await producer.stop()


def measure(options: Options) -> list[Figure]:
    """Cases `nats`, `nats_jetstream`, `kafka`; sender and reader share the machine."""
    seconds = 10.0 if not options.quick else 3.0
    found: list[Figure] = []
    with folder() as place, nats_server() as broker:
        for kind in ("nats", "nats_jetstream", "kafka"):
            if not options.takes(kind):
                continue
            server = Server(place / kind).start()
            try:
                if kind == "kafka":
                    cluster = start_kafka()
                    try:
                        topic = asyncio.run(cluster.new_topic(1))
                        run = _kafka(server, cluster.bootstrap, topic, seconds)
                        found += figures("Kafka", asyncio.run(run))
                    finally:
                        cluster.close()
                else:
                    run = _nats(server, broker.url, kind, seconds)
                    name = "core NATS" if kind == "nats" else "JetStream"
                    found += figures(name, asyncio.run(run))
            finally:
                server.stop()
    return found
