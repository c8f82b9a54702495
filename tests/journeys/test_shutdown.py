"""SIGTERM while rows come in and readers listen: farewells, everything acked is there, in time."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import Stopwatch

WRITERS = 4
ROWS = 10
STOP_SECONDS = 20
QUERIES = (
    "select w, b, i from load",
    "select window_start, count() from tumble(load, 1s) group by window_start",
    "select count() from load",
    "select w, max(b) from load group by w",
)
STORED = "select w, b, count(), count_distinct(i) from table(load) group by w, b"


class Writer(threading.Thread):
    """Sends numbered batches until the server does not answer any more."""

    def __init__(self, server: Server, number: int, first: int) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._number = number
        self._first = first
        self.acked: set[tuple[int, int]] = set()
        self.statuses: set[int] = set()
        self.start()

    def run(self) -> None:
        url = f"{self._server.api}/streams/load/ingest"
        with httpx.Client(headers=self._server.headers, timeout=30) as client:
            for batch in range(self._first, self._first + 1_000_000):
                rows = [[self._number, batch, i] for i in range(ROWS)]
                try:
                    answer = client.post(url, json={"columns": ["w", "b", "i"], "data": rows})
                except httpx.HTTPError:
                    return
                self.statuses.add(answer.status_code)
                if answer.status_code == 200:
                    self.acked.add((self._number, batch))


class Reader(threading.Thread):
    """Reads one query to its end."""

    def __init__(self, server: Server, sql: str) -> None:
        super().__init__(daemon=True)
        self._answer = Answer(server, sql)
        self.last: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        self.last = self._answer.rest()[1]


@pytest.mark.timeout(900)
def test_stop_under_load(tmp_path: Path, full: bool) -> None:
    server = Server(tmp_path / "data").start()
    acked: set[tuple[int, int]] = set()
    server.create("load", w="int64", b="int64", i="int64")
    for round_number in range(50 if full else 2):
        writers = [Writer(server, number, round_number * 1_000_000) for number in range(WRITERS)]
        readers = [Reader(server, QUERIES[n % len(QUERIES)]) for n in range(20)]
        time.sleep(1.0)
        watch = Stopwatch()
        assert server.stop(STOP_SECONDS) == 0
        print(f"stopped after {watch.seconds:.1f} s")
        for reader in readers:
            reader.join(10)
            assert reader.last["status"] == "canceled"
            assert reader.last["message"] == "code 503: server stopping"
        for writer in writers:
            writer.join(10)
            acked |= writer.acked
            assert writer.statuses <= {200, 429, 500}
            assert writer.acked
        assert not list((tmp_path / "data" / "run").glob("*.sock"))
        server.start()
        found = server.select(STORED)
        assert {(w, b) for w, b, _, _ in found} >= acked
        assert {(n, d) for _, _, n, d in found} == {(ROWS, ROWS)}
    check_interrupt(server)


def check_interrupt(server: Server) -> None:
    """One from the terminal stops it too."""
    assert server.process is not None
    children = server.family()[1:]
    server.process.send_signal(signal.SIGINT)
    assert server.stop(STOP_SECONDS) == 0
    assert still_running(children) == []


def still_running(children: list[psutil.Process]) -> list[psutil.Process]:
    """Children that live on; those killed with the server may take a moment to be gone."""
    _, alive = psutil.wait_procs(children, timeout=2)
    return [c for c in alive if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]
