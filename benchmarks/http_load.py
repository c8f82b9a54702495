"""Load over HTTP: wrk where it is installed, else a small client of our own on raw sockets."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-Api-Key"] = "{key}"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
local bad = 0
function response(status) if status ~= 200 then bad = bad + 1; wrk.thread:set("bad", bad) end end
local threads = {{}}
function setup(thread) thread:set("bad", 0); table.insert(threads, thread) end
function done(summary, latency)
  local sum = 0
  for _, thread in ipairs(threads) do sum = sum + (thread:get("bad") or 0) end
  print(string.format("RESULT %d %d %d %.3f %.3f", summary.requests, summary.duration,
    sum + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Target:
    """Where requests go."""

    url: str
    key: str
    body: bytes = b""
    method: str = "POST"


@dataclass(frozen=True)
class Load:
    """What a run of equal requests gave."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Answered requests a second."""
        return self.requests / self.seconds


def run(target: Target, connections: int, seconds: float, folder: Path) -> Load:
    """Send the same request over so many connections, one at a time on each.

    Raises RuntimeError when any request failed.
    """
    if shutil.which("wrk") and target.method == "POST":
        return _wrk(target, connections, seconds, folder)
    return asyncio.run(own([target], connections, seconds))


def _wrk(target: Target, connections: int, seconds: float, folder: Path) -> Load:
    body = folder / "body.json"
    body.write_bytes(target.body)
    script = folder / "post.lua"
    script.write_text(_SCRIPT.format(key=target.key, body=body))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script), target.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)", done.stdout)
    if found is None or int(found[3]):
        raise RuntimeError(f"requests failed:\n{done.stdout[-2_000:]}")
    return Load(int(found[1]), int(found[2]) / 1e6, float(found[4]), float(found[5]))


@dataclass
class _Connection(asyncio.Protocol):
    """One keep-alive connection that sends its next request when the last is answered.

    With a `pace` (seconds) a request has a time at which it is due, and its latency counts from
    then: one that waits for a slow answer before it is as late as that answer.
    """

    requests: list[bytes]
    until: float
    latencies: list[float]
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    pace: float = 0.0
    due: float = 0.0
    failed: str = ""
    sent: float = 0.0
    number: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.next()

    def next(self) -> None:
        """Send at once, or when the next request is due."""
        if not self.pace:
            return self.send()
        self.due += self.pace
        wait = self.due - time.perf_counter()
        if wait <= 0:
            return self.send()
        asyncio.get_running_loop().call_later(wait, self.send)

    def send(self) -> None:
        """The next request, in turn over the targets."""
        self.sent = time.perf_counter() if not self.pace else self.due
        self.transport.write(self.requests[self.number % len(self.requests)])
        self.number += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not mark:
            return
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if len(rest) < int(length[1] if length else 0):
            return
        if b" 200 " not in head.split(b"\r\n", 1)[0] + b" ":
            self.failed = (head + rest).decode(errors="replace")[:500]
        self._buffer.clear()
        now = time.perf_counter()
        self.latencies.append(now - self.sent)
        if now >= self.until or self.failed:
            self.transport.close()
            self.finished.set()
        else:
            self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.is_set():
            self.failed = f"connection lost: {exc}"
            self.finished.set()


def request_bytes(target: Target) -> bytes:
    """The request as it goes over the wire."""
    parts = urlsplit(target.url)
    head = (
        f"{target.method} {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"X-Api-Key: {target.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(target.body)}\r\n\r\n"
    )
    return head.encode() + target.body


async def own(
    targets: list[Target], connections: int, seconds: float, per_second: float = 0.0
) -> Load:
    """The same with our own client; requests go to the targets in turn.

    `per_second`: requests of all connections together, evenly in time; 0 = as many as are answered.
    """
    parts = urlsplit(targets[0].url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    requests = [request_bytes(target) for target in targets]
    latencies: list[float] = []
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    made: list[_Connection] = []
    pace = connections / per_second if per_second else 0.0
    for at in range(connections):
        turned = requests[at % len(requests) :] + requests[: at % len(requests)]
        one = _Connection(turned, began + seconds, latencies, asyncio.Event(), pace)
        one.due = time.perf_counter() + (pace * at / connections)
        await loop.create_connection(lambda c=one: c, host, port)
        made.append(one)
    await asyncio.gather(*(one.finished.wait() for one in made))
    failed = [one.failed for one in made if one.failed]
    if failed:
        raise RuntimeError(f"requests failed: {failed[0]}")
    spent = time.perf_counter() - began
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * q)] * 1_000 for q in (0.5, 0.99))
    return Load(len(latencies), spent, p50, p99)


class Poster:
    """A few keep-alive connections for requests at a chosen pace; light, so that the client's own
    work is not what is measured."""

    def __init__(self, url: str, key: str, connections: int) -> None:
        self._url = url
        self._key = key
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._free = asyncio.Queue()
        self._connections = connections
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect."""
        parts = urlsplit(self._url)
        for _ in range(self._connections):
            self._free.put_nowait(await asyncio.open_connection(parts.hostname, parts.port))

    async def post(self, body: bytes) -> None:
        """One request; raises RuntimeError unless it is answered with 200."""
        reader, writer = await self._free.get()
        writer.write(request_bytes(Target(self._url, self._key, body)))
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        rest = await reader.readexactly(int(length[1]) if length else 0)
        if b" 200 " not in head.split(b"\r\n", 1)[0] + b" ":
            raise RuntimeError((head + rest).decode(errors="replace")[:500])
        self._free.put_nowait((reader, writer))

    def send(self, body: bytes) -> None:
        """The same without waiting for the answer; `close` does."""
        task = asyncio.create_task(self.post(body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for the answers under way and disconnect."""
        await asyncio.gather(*self._tasks)
        while not self._free.empty():
            self._free.get_nowait()[1].close()
