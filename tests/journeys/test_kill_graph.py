"""kill -9 under a chain of views and a reader: every stage is what a batch over its input gives."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.test_kill_server import answers
from tests.journeys.test_kill_views import SOURCE, Writer, define
from tests.journeys.waiting import wait_until
from tests.sse_parser import Violation

ROUNDS = 5
ROUNDS_FULL = 50
SECONDS = 60
WEIGHTS = {0: 1, 1: 10, 2: 100, 3: 1000}
GRAPH = (
    "create stream weights (g int64, w int64) primary key g settings mode = 'versioned_kv'",
    "insert into weights (g, w) values " + "".join(f"({g}, {w})" for g, w in WEIGHTS.items()),
    "create materialized view sums as select window_start as ws, b % 4 as g, count() as n, "
    "sum(b) as s from tumble(k, 2s) group by window_start, g settings checkpoint_interval = 1",
    "create materialized view weighed as select ws, sums.g as g, n * w as n, s from sums "
    "inner join weights on sums.g = weights.g settings checkpoint_interval = 1",
    "create stream totals (g int64, n int64, s int64) primary key g settings mode='changelog_kv'",
    "create materialized view counting into totals as select g, sum(n) as n, sum(s) as s, "
    "_tp_delta from weighed group by g emit changelog periodic 200ms "
    "settings checkpoint_interval = 1",
)
SUBSCRIBE = "subscribe to select g, n, s, _tp_delta from totals settings checkpoint_interval = 1"


class Reader(threading.Thread):
    """Reads the changes of the totals until its connection breaks."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(daemon=True)
        self.answer = answer
        self.rows: list[list[int]] = []
        self.start()

    def run(self) -> None:
        """Take rows as they come."""
        try:
            for arrived in self.answer:
                if arrived.event.name == "rows":
                    self.rows += arrived.event.data
        except (Violation, OSError):
            return


def current(changes: list[list[int]]) -> list[list[int]]:
    """The row of each key after changes of which the last may have come twice."""
    last = {g: [g, n, s] for g, n, s, delta in changes if delta > 0}
    return [last[g] for g in sorted(last)]


def stages(server: Server) -> tuple[list[Any], ...]:
    """What the stages hold, and what they should hold over what the stage before holds."""
    sums = server.select("select ws, g, n, s from table(sums) order by ws, g")
    weighed = server.select("select ws, g, n, s from table(weighed) order by ws, g")
    totals = server.select("select g, n, s from table(totals) order by g")
    weights = [[ws, g, n * WEIGHTS[g], s] for ws, g, n, s in sums]
    totalled = [
        [
            g,
            sum(n for _, of, n, _ in weighed if of == g),
            sum(s for _, of, _, s in weighed if of == g),
        ]
        for g in sorted({g for _, g, _, _ in weighed})
    ]
    return sums, weighed, weights, totals, totalled


def check(server: Server, changes: list[list[int]], reader: Reader) -> None:
    """All stages come to what a run without kills gives; nothing more follows."""
    whole = server.select(
        "select window_start as ws, b % 4 as g, count(), sum(b) from tumble(table(k), 2s) "
        "group by ws, g order by ws, g"
    )
    open_window = max((ws for ws, *_ in whole), default="")
    closed = [row for row in whole if row[0] != open_window]
    seen: tuple[Any, ...] = ()

    def whole_and_exact() -> bool:
        nonlocal seen
        sums, weighed, weights, totals, totalled = stages(server)
        found = current([*changes, *reader.rows])
        seen = sums[-3:], weighed[-3:], totals, totalled, found
        return sums == closed and weighed == weights and totals == totalled and found == totals

    try:
        wait_until(whole_and_exact, SECONDS, "the stages to be exact")
    except AssertionError as error:
        raise AssertionError(f"{closed[-3:]}: {seen}") from error


@pytest.mark.timeout(3600)
def test_a_chain_of_views_and_its_reader_are_exact_after_kills(tmp_path: Path, full: bool) -> None:
    """Rounds of kill -9, of the whole server and of the engine process alone."""
    choose = random.Random(os.environ.get("SEED_KILL", "1"))
    server = Server(tmp_path / "data").start()
    try:
        for sql in (SOURCE, *GRAPH):
            define(server, sql)
        reader = Reader(Answer(server, SUBSCRIBE))
        query_id = reader.answer.id
        changes: list[list[int]] = []
        first = 0
        for number in range(ROUNDS_FULL if full else ROUNDS):
            writer = Writer(server, first)
            writer.start()
            time.sleep(choose.uniform(0.2, 2.0))
            if number % 2:
                server.kill()
                server.start()
            else:
                server.kill_engine()
            wait_until(lambda: answers(server), SECONDS, "recovery")
            reader.join(SECONDS)
            changes += reader.rows
            reader = Reader(Answer(server, f"recover from '{query_id}'"))
            time.sleep(choose.uniform(0.1, 0.5))
            writer.stopping.set()
            writer.join(30)
            first = writer.next
            check(server, changes, reader)
        assert first > 10 and changes
    finally:
        server.kill()
