"""Sources alone and Kafka to Kafka: rows a second, and processor seconds by process for 1M rows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.connectors_load import free_port
from benchmarks.harness import Figure, Options, folder
from tests.journeys.server import Server
from tests.services.kafka import Kafka, start_kafka
from tests.services.nats import Nats, find_binary

COLUMNS = {"seq": "int64", "device": "string", "value": "float64"}
GENERATED = {
    "iot": {"device": "string", "number": "float32", "time": "string"},
    "devops": {"host": "string", "cpu": "float64", "memory": "float64", "requests": "int64",
               "status": "uint16", "time": "datetime64(3)"},
}  # fmt: skip
POLL_SECONDS = 0.2
# A run that stores nothing for so long has lost messages or hangs.
STALLED_SECONDS_MAX = 20.0
LOST_SECONDS = 5.0
LOAD = (sys.executable, "-m", "benchmarks.connectors_load")
# What the query keeps: three quarters of the rows.
FILTER = 25.0


def load(*words: object) -> subprocess.Popen[str]:
    """A command of `connectors_load` that runs beside."""
    return subprocess.Popen([*LOAD, *map(str, words)], stdout=subprocess.PIPE, text=True)


def said(child: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def done(child: subprocess.Popen[str]) -> None:
    """Wait until it has ended well."""
    if child.wait(600) != 0:
        raise RuntimeError(f"the load ended with {child.returncode}")


class Processors:
    """Processor seconds of the server by kind of process, and of services, from its making on."""

    def __init__(self, server: Server, **services: int) -> None:
        self._server = server
        self._services = services
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for process in self._server.family():
            command = process.cmdline()
            name = command[command.index("-m") + 1] if "-m" in command else "control plane"
            used = process.cpu_times()
            found[name] = found.get(name, 0.0) + used.user + used.system
        for name, pid in self._services.items():
            used = psutil.Process(pid).cpu_times()
            found[name] = used.user + used.system
        return found

    def per_million(self, rows: int) -> dict[str, float]:
        """What they used since, for each million of so many rows."""
        now = self._now()
        return {k: (v - self._before.get(k, 0.0)) * 1e6 / rows for k, v in sorted(now.items())}


@dataclass(frozen=True)
class Run:
    """Rows stored, in so many seconds, for so many processor seconds a million; of the client
    library alone for the same messages."""

    rows: int
    seconds: float
    used: dict[str, float]
    alone: float
    lost: int = 0

    def figures(self, what: str, target: float | None) -> list[Figure]:
        """As lines of the table."""
        parts = ", ".join(f"{name} {value:.2f}" for name, value in self.used.items() if value > 0.1)
        connector = self.used["connectors.host"]
        ratio = connector / self.alone if self.alone else 0.0
        lost = f"{self.lost:,} lost" if self.lost else ""
        note = f"client library alone {self.alone:.2f}, connector {ratio:.2f} times that"
        return [
            Figure(what, self.rows / self.seconds, "rows/s", target, note=lost),
            Figure(f"{what}: CPU", sum(self.used.values()), "s/1M rows", None, True, parts),
            Figure(f"{what}: connector process", connector, "s/1M rows", None, True, note),
        ]


class Measured:
    """A server whose one source is measured."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def source(
        self, kind: str, properties: dict[str, Any], columns: dict[str, str] = COLUMNS
    ) -> str:
        """A stream and a source into it, whose id is the answer."""
        self.server.create("s", **columns)
        body = {"name": "s", "type": kind, "stream": "s", "properties": properties}
        answer = self.server.call("POST", "/sources", body)
        if answer.status_code != 201:
            raise RuntimeError(answer.text)
        return str(answer.json()["id"])

    def drop(self, source: str) -> None:
        """Both go."""
        self.server.call("DELETE", f"/sources/{source}")
        self.server.call("DELETE", "/streams/s")

    def connected(self, source: str) -> None:
        """Wait for it."""
        deadline = time.monotonic() + STALLED_SECONDS_MAX
        while time.monotonic() < deadline:
            if "connected" in self.server.call("GET", f"/sources/{source}/logs?lines=9").text:
                return
            time.sleep(0.05)
        raise RuntimeError(self.server.call("GET", f"/sources/{source}").text)

    def stored(self, source: str) -> int:
        """Rows so far."""
        ranges = "metrics_time_range=1h&error_log_time_range=1h"
        return int(
            self.server.call("GET", f"/sources/{source}/stats?{ranges}").json()["success_count"]
        )

    def until(self, source: str, rows: int, began: float, *, lossy: bool = False) -> float:
        """Seconds until so many rows are stored; RuntimeError when that stalls, of a `lossy` one
        the seconds until the last row."""
        newest, moved = 0, time.monotonic()
        while (now := self.stored(source)) < rows:
            if now > newest:
                newest, moved = now, time.monotonic()
            if time.monotonic() - moved > (LOST_SECONDS if lossy else STALLED_SECONDS_MAX):
                if lossy and now:
                    return moved - began
                raise RuntimeError(f"{now} of {rows} rows are stored, and no more come")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began


def core_nats(measured: Measured, broker: Nats, count: int, rows: int, rate: float) -> Run:
    """Messages at a steady rate, since what nobody takes in time is lost."""
    given = {"url": broker.url, "subject": "load", "data_type": "json"}
    source = measured.source("nats", given)
    measured.connected(source)
    sender = load("nats", broker.url, "load", count, rate, rows)
    said(sender)
    processors, began = Processors(measured.server), time.monotonic()
    seconds = measured.until(source, count * rows, began, lossy=True)
    stored = measured.stored(source)
    used = processors.per_million(stored)
    done(sender)
    measured.drop(source)
    alone = load("nats_alone", broker.url, "load", count)
    said(alone)
    sender = load("nats", broker.url, "load", count, rate, rows)
    library = float(said(alone))
    done(sender)
    lost = count * rows - stored
    return Run(stored, seconds, used, library * 1e6 / (count * rows), lost)


def jetstream(measured: Measured, broker: Nats, count: int, rows: int) -> Run:
    """All messages are there when the source begins."""
    asyncio.run(_jetstream_stream(broker.url, count, rows))
    given = {"url": broker.url, "subject": "stored", "data_type": "json"}
    processors, began = Processors(measured.server), time.monotonic()
    source = measured.source("nats_jetstream", given)
    seconds = measured.until(source, count * rows, began)
    used = processors.per_million(count * rows)
    measured.drop(source)
    alone = load("jetstream_alone", broker.url, "stored", count)
    return Run(count * rows, seconds, used, float(said(alone)) * 1e6 / (count * rows))


async def _jetstream_stream(url: str, count: int, rows: int) -> None:
    import nats

    client = await nats.connect(url)
    context = client.jetstream()
    names = [info.config.name for info in await context.streams_info()]
    if "LOAD" in names:
        await context.delete_stream("LOAD")
    await context.add_stream(name="LOAD", subjects=["stored"])
    await asyncio.to_thread(done, load("nats", url, "stored", count, 50_000, rows))
    while (await context.stream_info("LOAD")).state.messages < count:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    await client.close()


def websocket(measured: Measured, count: int, rows: int) -> Run:
    """As fast as it is read: the server waits."""
    port = free_port()
    sender = load("websocket", port, count, 0, rows)
    try:
        said(sender)
        url = f"ws://127.0.0.1:{port}/"
        processors, began = Processors(measured.server), time.monotonic()
        source = measured.source("websocket", {"url": url, "data_type": "json"})
        seconds = measured.until(source, count * rows, began)
        used = processors.per_million(count * rows)
        measured.drop(source)
        alone = float(said(load("websocket_alone", url, count)))
    finally:
        sender.kill()
    return Run(count * rows, seconds, used, alone * 1e6 / (count * rows))


def kafka(measured: Measured, broker: Kafka, count: int) -> Run:
    """From a full topic through a filter and windows into another one, the broker included."""
    from_topic, to_topic = asyncio.run(_topics(broker))
    done(load("kafka", broker.bootstrap, from_topic, count))
    given = {"brokers": broker.bootstrap, "data_type": "json", "tls.disable": True}
    begin = {"topic": from_topic, "offset": "earliest", **given}
    measured.server.create("s", **COLUMNS)
    query = (
        "select window_start, device, count() as n, sum(value) as total from tumble(s, 1s) "
        f"where value >= {FILTER} group by window_start, device"
    )
    sink = {"name": "out", "type": "kafka", "query": query}
    made = measured.server.call(
        "POST", "/sinks", {**sink, "properties": {"topic": to_topic, **given}}
    )
    if made.status_code != 201:
        raise RuntimeError(made.text)
    source = {"name": "s", "type": "kafka", "stream": "s", "properties": begin}
    processors = Processors(measured.server, kafka=broker.child.pid)
    began = time.monotonic()
    answer = measured.server.call("POST", "/sources", source)
    if answer.status_code != 201:
        raise RuntimeError(answer.text)
    seconds = measured.until(answer.json()["id"], count, began)
    used = processors.per_million(count)
    time.sleep(1.5)  # so that the rows after it end the last window
    measured.server.ingest("s", ["seq", "device", "value"], [[-1, "end", FILTER + 1]])
    asyncio.run(_counted(broker, to_topic, sum(n % 1000 / 10 >= FILTER for n in range(count))))
    measured.server.call("DELETE", f"/sinks/{made.json()['id']}")
    measured.drop(answer.json()["id"])
    alone = float(said(load("kafka_alone", broker.bootstrap, from_topic, count)))
    return Run(count, seconds, used, alone * 1e6 / count)


async def _topics(broker: Kafka) -> tuple[str, str]:
    return await broker.new_topic(2), await broker.new_topic(1)


async def _counted(broker: Kafka, topic: str, expected: int) -> None:
    """The windows that arrived hold each row once; RuntimeError when they do not."""
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    total, deadline = 0, time.monotonic() + STALLED_SECONDS_MAX
    while total < expected and time.monotonic() < deadline:
        polled = await consumer.getmany(timeout_ms=500)
        for records in polled.values():
            total += sum(json.loads(record.value or b"{}")["n"] for record in records)
    await consumer.stop()
    if total != expected:
        raise RuntimeError(f"the windows hold {total} rows of {expected}")


@contextmanager
def nats_server() -> Generator[Nats]:
    """One of the benchmark's own; RuntimeError without the program."""
    binary = find_binary()
    if binary is None:
        raise RuntimeError("nats-server is not installed")
    server = Nats(binary)
    try:
        yield server.start()
    finally:
        server.close()


def generator(measured: Measured, template: str, seconds: float) -> Run:
    """The highest rate that can be asked for, into a stream with some columns of the template."""
    columns = GENERATED[template]
    source = measured.source("stream_generator", {"template": template, "interval": "2us"}, columns)
    time.sleep(1)
    processors, before, began = (
        Processors(measured.server),
        measured.stored(source),
        time.monotonic(),
    )
    time.sleep(seconds)
    rows, passed = measured.stored(source) - before, time.monotonic() - began
    used = processors.per_million(rows)
    measured.drop(source)
    return Run(rows, passed, used, 0.0)


def _generator_cases(options: Options, measured: Measured) -> Iterator[Figure]:
    for template, columns in GENERATED.items():
        run = generator(measured, template, 10.0 if not options.quick else 3.0)
        what = f"stream_generator, {template}, {len(columns)} columns"
        yield from run.figures(what, 500_000 * 0.99)[:2]


def _nats_cases(options: Options, measured: Measured) -> Iterator[Figure]:
    with nats_server() as broker:
        count = options.size(1_000_000, 200_000)
        if options.takes("nats"):
            run = core_nats(measured, broker, count, 1, 75_000)
            yield from run.figures("core NATS, a row a message", 50_000)
            run = core_nats(measured, broker, count // 10, 10, 15_000)
            yield from run.figures("core NATS, 10 rows a message", None)
        if options.takes("jetstream"):
            run = jetstream(measured, broker, count // 2, 1)
            yield from run.figures("JetStream, a row a message", None)
            run = jetstream(measured, broker, count // 10, 10)
            yield from run.figures("JetStream, 10 rows a message", None)


def _websocket_cases(options: Options, measured: Measured) -> Iterator[Figure]:
    count = options.size(600_000, 200_000)
    run = websocket(measured, count, 1)
    yield from run.figures("websocket, a row a message", 30_000)
    run = websocket(measured, count // 10, 10)
    yield from run.figures("websocket, 10 rows a message", None)


def _kafka_cases(options: Options, measured: Measured) -> Iterator[Figure]:
    broker = start_kafka()
    try:
        run = kafka(measured, broker, options.size(3_000_000, 500_000))
        yield from run.figures("Kafka through filter and tumble to Kafka", 120_000)
    finally:
        broker.close()


def measure(options: Options) -> list[Figure]:
    """Cases `generator`, `nats`, `jetstream`, `websocket`, `kafka`; one run each: they are long."""
    cases: dict[str, Callable[[Options, Measured], Iterator[Figure]]] = {
        "generator": _generator_cases,
        "nats": _nats_cases,
        "websocket": _websocket_cases,
        "kafka": _kafka_cases,
    }
    figures: list[Figure] = []
    with folder() as place:
        server = Server(Path(place) / "data").start()
        try:
            for name, case in cases.items():
                if options.takes(name) or (name == "nats" and options.takes("jetstream")):
                    figures += case(options, Measured(server))
        finally:
            server.stop()
    return figures
