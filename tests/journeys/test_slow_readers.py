"""Two hundred readers that stop reading: each is ended, nobody else and no memory suffers."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import Stopwatch, pace, wait_until

READERS = 200
WINDOW_BYTES = 4096
ROWS = 200
TEXT = "z" * 1000
PAST_ROWS = 8000
SQL = "select n, text from busy"
# No two of these share their results.
DISTINCT_SQL = "select n, text, {at} as reader from busy"
# The bound of memory, and the time after which a reader that stands still is ended.
GROWTH_BYTES_MAX = 256 << 20
STALL_SECONDS = 12.0
# Until the buffers of kernel and server are full a reader does not stand still.
FILL_SECONDS = 8.0


class Traffic(threading.Thread):
    """Keeps the stream busy and remembers the slowest answer."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._stopping = threading.Event()
        self.sent = 0
        self.slowest = 0.0

    def run(self) -> None:
        url = f"{self._server.api}/streams/busy/ingest"
        with httpx.Client(headers=self._server.headers, timeout=60) as client:
            while not self._stopping.wait(0.1):
                rows = [[self.sent + i, TEXT] for i in range(ROWS)]
                asked = time.monotonic()
                answer = client.post(url, json={"columns": ["n", "text"], "data": rows})
                assert answer.status_code == 200, answer.text
                self.slowest = max(self.slowest, time.monotonic() - asked)
                self.sent += ROWS

    def stop(self) -> None:
        self._stopping.set()
        if self.is_alive():
            self.join(60)


class Fast(threading.Thread):
    """A reader that reads."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.answer = Answer(server, "select n from busy")
        self.seen = 0
        self.gaps: list[int] = []
        self.start()

    def run(self) -> None:
        while self.seen >= 0:
            for (n,) in self.answer.rows(1):
                if n < 0:
                    return
                if n != self.seen:
                    self.gaps.append(n)
                self.seen = n + 1


def ended(server: Server) -> list[dict[str, Any]]:
    """The stalled readers' queries that have ended."""
    queries = server.call("GET", "/queries?tag=stalled").json()
    return [query for query in queries if query["status"] != "running"]


@pytest.mark.timeout(300)
@pytest.mark.turns(2)
@pytest.mark.parametrize("sql", [SQL, DISTINCT_SQL], ids=["one query", "queries of their own"])
def test_stalled_readers_are_ended_and_bounded(sql: str, tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    traffic = Traffic(server)
    try:
        server.create("busy", n="int64", text="string")
        server.ingest("busy", ["n", "text"], [[-1, TEXT]])
        fast = Fast(server)
        before = server.memory()
        stalled = [
            Answer(server, sql.format(at=at), window=WINDOW_BYTES, tags=["stalled"])
            for at in range(READERS)
        ]
        assert len(server.running("stalled")) == READERS
        opened = server.memory()
        traffic.start()
        watch = Stopwatch()
        most = 0
        while len(gone := ended(server)) < READERS:
            most = max(most, server.memory())
            watch.within(STALL_SECONDS + FILL_SECONDS, f"the end of {READERS - len(gone)} readers")
            time.sleep(0.5)
        started, grown = opened - before >> 20, most - opened >> 20
        print(f"ended after {watch.seconds:.1f} s, {started} MiB to start, {grown} MiB more")
        assert {query["status"] for query in gone} == {"failed"}
        assert {query["message"] for query in gone} == {"code 429: slow consumer"}
        # What 200 plans cost before they have read a row is no matter of readers that stand still.
        assert most - (before if sql == SQL else opened) <= GROWTH_BYTES_MAX
        traffic.stop()
        assert traffic.slowest <= 2.0 * pace()
        wait_until(lambda: fast.seen == traffic.sent, 5, "the fast reader")
        assert fast.gaps == []
        rows, last = stalled[0].rest()
        assert [row[0] for row in rows] == list(range(len(rows)))
        assert (last["status"], last["message"]) == ("failed", "code 429: slow consumer")
        for reader in stalled:
            reader.close()
        server.ingest("busy", ["n", "text"], [[-1, "the end"]])
        fast.join(30)
        fast.answer.close()
        wait_until(lambda: not server.running(), 2, "the end of the last reader")
    finally:
        traffic.stop()
        server.kill()


@pytest.fixture(scope="module")
def past(server: Server) -> Server:
    """The server with eight megabytes of history."""
    server.create("past", n="int64", text="string")
    for start in range(0, PAST_ROWS, 1000):
        rows = [[n, TEXT] for n in range(start, start + 1000)]
        server.ingest("past", ["n", "text"], rows)
    return server


@pytest.mark.parametrize(
    "sql",
    [
        "select n, text from table(past) order by n",
        "select n, text from past where _tp_time > now() - 1h",
        "select n, text from past where _tp_time > now() - 1h limit 8000",
    ],
)
def test_slow_reader_of_history_is_not_ended_while_it_reads(sql: str, past: Server) -> None:
    """Slow is not stalled: whoever takes something goes on, without a gap or a double."""
    reader = Answer(past, sql, window=WINDOW_BYTES)
    seen: list[int] = []
    for arrived in reader:
        if arrived.event.name == "rows":
            seen += [n for n, _ in arrived.event.data]
            time.sleep(0.1)
        elif arrived.event.name == "query":
            assert arrived.event.data["status"] == "finished", arrived.event.data
        if len(seen) == PAST_ROWS and "limit" not in sql and "table" not in sql:
            break
    reader.close()
    assert seen == list(range(PAST_ROWS))
