"""kill -9 under concurrent ingest: nothing acked is lost or doubled, nothing is stored by half."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

# The issue asks for 50 rounds; one run of the suite does a fifth, `make test-full` all of them.
ROUNDS = 10
ROUNDS_FULL = 50
WRITERS = 4
# Writers from this number on give each batch an id and send it again until it is acknowledged.
FIRST_WITH_IDS = 2
ROWS = 7
RECOVERY_SECONDS_MAX = 20
STORED = "select w, b, count(), count_distinct(i) from table(k) group by w, b"


class Writer(threading.Thread):
    """Sends numbered batches until told to stop; remembers which were acknowledged."""

    def __init__(self, server: Server, number: int, first: int) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.number = number
        self.next = first
        self.acked: set[int] = set()
        self.sent: set[int] = set()
        self.stopping = threading.Event()

    @property
    def with_ids(self) -> bool:
        """Whether its batches carry an id."""
        return self.number >= FIRST_WITH_IDS

    def run(self) -> None:
        """One batch after the other."""
        with httpx.Client(timeout=10) as client:
            while not self.stopping.is_set():
                self.sent.add(self.next)
                if self.send(client, self.next):
                    self.acked.add(self.next)
                elif self.with_ids:
                    continue
                self.next += 1

    def send(self, client: httpx.Client, batch: int, rows: int = ROWS) -> bool:
        """Send a batch once; whether it was acknowledged."""
        headers = dict(self.server.headers)
        if self.with_ids:
            headers["x-timeplus-idempotent-id"] = f"{self.number}/{batch}"
        data = [[self.number, batch, i] for i in range(rows)]
        try:
            answer = client.post(
                f"{self.server.api}/streams/k/ingest",
                json={"columns": ["w", "b", "i"], "data": data},
                headers=headers,
            )
        except httpx.HTTPError:
            self.stopping.wait(0.05)  # it is away: who asks at once takes its processor
            return False
        assert answer.status_code in (200, 429, 500), answer.text
        if answer.status_code != 200:
            self.stopping.wait(0.05)
        return answer.status_code == 200

    def send_again(self, choose: random.Random) -> None:
        """What nobody acknowledged, and some of what was, with other rows: ids alone count."""
        again = sorted(self.sent - self.acked)
        again += choose.sample(sorted(self.acked), min(5, len(self.acked)))
        with httpx.Client(timeout=60) as client:
            for batch in again:
                rows = ROWS if batch not in self.acked else ROWS + 3
                assert self.send(client, batch, rows)
                self.acked.add(batch)


def stored(server: Server) -> dict[tuple[int, int], tuple[int, int]]:
    """(writer, batch) -> (rows, distinct rows) of what the server holds."""
    return {(w, b): (n, d) for w, b, n, d in server.select(STORED)}


def answers(server: Server) -> bool:
    """Whether bounded queries are answered."""
    body = {"sql": "select 1", "type": "historical"}
    try:
        return server.call("POST", "/exec", body).status_code == 200
    except httpx.HTTPError:
        return False


def one_round(server: Server, number: int, first: int, choose: random.Random) -> list[Writer]:
    """Write, kill in the middle, come back; the whole server in odd rounds, else the engine."""
    writers = [Writer(server, writer, first) for writer in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(choose.uniform(0.2, 1.0))
    if number % 2:
        server.kill()
    else:
        server.kill_engine()
        time.sleep(choose.uniform(0.1, 0.8))
    for writer in writers:
        writer.stopping.set()
    for writer in writers:
        writer.join(30)
        assert not writer.is_alive()
    if number % 2:
        server.start()
    wait_until(lambda: answers(server), RECOVERY_SECONDS_MAX, "recovery")
    return writers


@pytest.mark.timeout(1800)
def test_kill_under_ingest_loses_nothing(tmp_path: Path, full: bool) -> None:
    """Rounds of kill -9, alternately of the whole server and of the engine process alone."""
    choose = random.Random(os.environ.get("SEED_KILL", "1"))
    rounds = int(os.environ.get("ROUNDS_KILL", ROUNDS_FULL if full else ROUNDS))
    server = Server(tmp_path / "data").start()
    server.create("k", w="int64", b="int64", i="int64")
    acked: set[tuple[int, int]] = set()
    sent: set[tuple[int, int]] = set()
    first = 0
    try:
        for number in range(rounds):
            writers = one_round(server, number, first, choose)
            for writer in writers:
                if writer.with_ids:
                    writer.send_again(choose)
                acked |= {(writer.number, batch) for batch in writer.acked}
                sent |= {(writer.number, batch) for batch in writer.sent}
            first = max(writer.next for writer in writers) + 1
            found = stored(server)
            lost = [key for key in acked if key not in found]
            broken = {key: n for key, n in found.items() if n != (ROWS, ROWS)}
            assert not lost, f"round {number}: {len(lost)} acked batches lost"
            assert not broken, f"round {number}: half or doubled batches {broken}"
            assert set(found) <= sent
        assert len(acked) > rounds
    finally:
        server.kill()
