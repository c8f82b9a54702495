"""kill -9 under materialized views: a target has every row once, whenever the server dies."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.test_kill_server import answers
from tests.journeys.waiting import wait_until

ROUNDS = 4
ROUNDS_FULL = 40
RECOVERY_SECONDS_MAX = 30
SOURCE = "create stream k (b int64, i int64, t datetime64(3)) settings event_time_column='t'"
VIEWS = (
    "create stream target (b int64, i int64)",
    "create materialized view flat into target as select b, i from k",
    "create materialized view total as select count() as n, sum(b) as s from k emit on update "
    "settings checkpoint_interval=1",
    "create materialized view windows as select window_start as ws, count() as n, sum(b) as s "
    "from tumble(k, 2s) group by window_start settings checkpoint_interval=1",
)
WINDOWS = (
    "select window_start as ws, count() as n, sum(b) as s from tumble(table(k), 2s) group by ws"
)


class Writer(threading.Thread):
    """Sends batches of rising event times until told to stop; each again until it is acked."""

    def __init__(self, server: Server, first: int) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.next = first
        self.stopping = threading.Event()

    def run(self) -> None:
        """One batch after the other."""
        with httpx.Client(timeout=10) as client:
            while not self.stopping.is_set():
                self.next += self.send(client)

    def send(self, client: httpx.Client) -> bool:
        """Send the next batch; whether it was acknowledged."""
        at = 1_700_000_000 + self.next // 4
        rows = [[self.next, i, at] for i in range(3)]
        headers = {**self.server.headers, "x-timeplus-idempotent-id": str(self.next)}
        body = {"columns": ["b", "i", "t"], "data": rows}
        try:
            answer = client.post(f"{self.server.api}/streams/k/ingest", json=body, headers=headers)
        except httpx.HTTPError:
            self.stopping.wait(0.05)  # it is away: who asks at once takes its processor
            return False
        if answer.status_code != 200:
            self.stopping.wait(0.05)
        return answer.status_code == 200


def define(server: Server, sql: str) -> None:
    """A definition that must be accepted."""
    answer = server.call("POST", "/queries/exec", {"sql": sql})
    assert answer.status_code == 200, answer.text


def one(server: Server, sql: str) -> list[Any]:
    """The only row of a bounded query."""
    return server.select(sql)[0]


def check(server: Server) -> None:
    """What the views hold is what a run without kills holds."""
    rows, distinct = one(server, "select count(), count_distinct((b, i)) from table(k)")
    assert rows == distinct

    def caught_up() -> bool:
        return one(server, "select count() from table(target)")[0] >= rows and (
            one(server, "select max(n) from table(total)")[0] >= rows
        )

    wait_until(caught_up, RECOVERY_SECONDS_MAX, "the views to catch up")
    found = one(server, "select count(), count_distinct((b, i)), sum(b) from table(target)")
    assert found == [rows, rows, one(server, "select sum(b) from table(k)")[0]]
    count, distinct, most = one(
        server, "select count(), count_distinct(n), max(n) from table(total)"
    )
    assert count == distinct and most == rows, "an emission came twice or counted a row twice"
    closed = server.select("select ws, n, s from table(windows) order by ws")
    whole = server.select(f"{WINDOWS} order by ws")
    assert closed == whole[: len(closed)]
    assert len(closed) >= len(whole) - 1


@pytest.mark.timeout(1800)
def test_views_have_every_row_once_after_kills(tmp_path: Path, full: bool) -> None:
    """Rounds of kill -9, alternately of the whole server and of the engine process alone."""
    choose = random.Random(os.environ.get("SEED_KILL", "1"))
    server = Server(tmp_path / "data").start()
    for sql in (SOURCE, *VIEWS):
        define(server, sql)
    first = 0
    try:
        for number in range(ROUNDS_FULL if full else ROUNDS):
            writer = Writer(server, first)
            writer.start()
            time.sleep(choose.uniform(0.2, 2.5))
            if number % 2:
                server.kill()
                server.start()
            else:
                server.kill_engine()
            wait_until(lambda: answers(server), RECOVERY_SECONDS_MAX, "recovery")
            time.sleep(choose.uniform(0.1, 0.5))
            writer.stopping.set()
            writer.join(30)
            assert not writer.is_alive()
            first = writer.next
            check(server)
        assert first > 10
    finally:
        server.kill()
