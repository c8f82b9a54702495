"""Readers that go away without a word: their queries end, and nothing of them stays."""

from __future__ import annotations

import pytest

from engine.workers import KEPT_BYTES_MAX
from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import wait_until

OWN_SERVER = "the memory of its processes is measured"

CYCLES = 300
CYCLES_FULL = 10_000
WARM_UP = 60
# More than the queries that are kept after their end: a full list is no leak.
WARM_UP_FULL = 1_500
GROWTH_BYTES_MAX = 20 << 20
WORKER = "engine.worker_main"
QUERIES = (
    "select n from visits",
    "select n * {k} as m from visits where n > {k}",
    "select window_start, count() from tumble(visits, 1s) group by window_start",
    "select count() from visits",
    "select n from table(visits) order by n",
)


@pytest.fixture(scope="module")
def visits(server: Server) -> Server:
    """The server with a small stream."""
    server.create("visits", n="int64")
    server.ingest("visits", ["n"], [[n] for n in range(100)])
    return server


@pytest.mark.parametrize("sql", QUERIES[:4])
def test_disconnect_frees_the_query_within_two_seconds(sql: str, visits: Server) -> None:
    answer = Answer(visits, sql.format(k=1), tags=["left"])
    visits.ingest("visits", ["n"], [[7]])
    assert [query["id"] for query in visits.running("left")] == [answer.id]
    answer.close()
    wait_until(lambda: not visits.running("left"), 2, "the end of the query")
    ended = visits.call("GET", f"/queries/{answer.id}").json()
    assert ended["status"] == "canceled"


def come_and_go(server: Server, times: int) -> None:
    """Readers one after the other, some of them gone before they have read a row."""
    for n in range(times):
        answer = Answer(server, QUERIES[n % len(QUERIES)].format(k=n))
        if n % 3 == 0 and "table" in answer.query["sql"]:
            answer.rows(1)
        answer.close()


@pytest.mark.timeout(900)
def test_many_readers_leave_nothing(visits: Server, full: bool) -> None:
    come_and_go(visits, WARM_UP_FULL if full else WARM_UP)
    wait_until(lambda: not visits.running(), 5, "the end of the first readers")
    before = {process.pid: process.memory_info().rss for process in visits.family()}
    handles = {process.pid: process.num_fds() for process in visits.family()}
    come_and_go(visits, CYCLES_FULL if full else CYCLES)
    wait_until(lambda: not visits.running(), 5, "the end of the readers")
    lasting = [process for process in visits.family() if process.pid in before]
    growth = {process: process.memory_info().rss - before[process.pid] for process in lasting}
    print({p.cmdline()[2:4][-1]: f"{size / (1 << 20):.1f} MiB" for p, size in growth.items()})
    # A query worker may have been a spare that met its first query only after the first look: it
    # has a bound of its own, after which the pool replaces it.
    workers = {process for process in lasting if WORKER in process.cmdline()}
    assert sum(size for p, size in growth.items() if p not in workers) <= GROWTH_BYTES_MAX
    assert all(growth[process] <= KEPT_BYTES_MAX for process in workers)
    for process in lasting:
        assert process.num_fds() <= handles[process.pid] + 5, process.cmdline()
