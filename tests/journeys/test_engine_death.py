"""A process of the engine or the connectors dies at work: who notices, for how long, what stays."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import Stopwatch, wait_until

OWN_SERVER = "its processes are killed and stopped"

QUERIES = (
    "select n from numbers",
    "select n, text from numbers where n % 2 = 0",
    "select window_start, count() from tumble(numbers, 1s) group by window_start",
    "select count() as c, max(n) as m from numbers",
)


@pytest.fixture(scope="module")
def numbers(server: Server) -> Server:
    """The server with a stream for what these tests send."""
    server.create("numbers", n="int64", text="string")
    return server


class Feeder(threading.Thread):
    """Sends one row after the other until it is told to stop; keeps what was answered."""

    def __init__(self, server: Server, first: int) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._next = first
        self._stopping = threading.Event()
        self.acked: list[int] = []
        self.answers: Counter[int] = Counter()

    def run(self) -> None:
        url = f"{self._server.api}/streams/numbers/ingest"
        with httpx.Client(headers=self._server.headers, timeout=30) as client:
            while not self._stopping.wait(0.005):
                self._next += 1
                body = {"columns": ["n", "text"], "data": [[self._next, "x" * 100]]}
                answer = client.post(url, json=body)
                self.answers[answer.status_code] += 1
                if answer.status_code == 200:
                    self.acked.append(self._next)
                elif answer.status_code == 429:
                    assert int(answer.headers["Retry-After"]) >= 1

    def __enter__(self) -> Feeder:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.join(60)
        assert not self.is_alive()


class Collected(threading.Thread):
    """Reads one query to its end."""

    def __init__(self, server: Server, sql: str) -> None:
        super().__init__(daemon=True)
        self.answer = Answer(server, sql)
        self.first_row = threading.Event()
        self.rows: list[list[Any]] = []
        self.last: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        for arrived in self.answer:
            if arrived.event.name == "rows":
                self.rows += arrived.event.data
                self.first_row.set()
            elif arrived.event.name == "query":
                self.last = arrived.event.data


def engine_answers(server: Server) -> bool:
    """Whether a request that needs the engine gets through."""
    answer = server.call("POST", "/sqlanalyze", {"sql": "select 1"})
    assert answer.status_code in (200, 429, 500), answer.text
    return answer.status_code == 200


def test_killed_engine_ends_queries_and_comes_back(numbers: Server) -> None:
    with Feeder(numbers, 0) as feeder:
        readers = [Collected(numbers, sql) for sql in QUERIES]
        for reader in readers:
            assert reader.first_row.wait(60), reader.last
        numbers.kill_engine()
        watch = Stopwatch()
        for path in ("/streams", "/streams/numbers", "/queries", "/sources"):
            asked = Stopwatch()
            assert numbers.call("GET", path).status_code == 200, path
            asked.within(0.5, f"GET {path} without an engine")
        assert numbers.ready("/healthz")
        wait_until(lambda: engine_answers(numbers), 5, "the engine's way back")
        watch.within(5, "the engine's way back")
        for reader in readers:
            reader.join(30)
            assert reader.last["status"] == "failed"
            assert reader.last["code"] == 503
            assert reader.last["message"].startswith("code 503: engine restarted")
        again = Collected(numbers, QUERIES[0])
        assert again.first_row.wait(60)
    assert set(feeder.answers) <= {200, 429, 500}
    stored = {n for (n,) in numbers.select("select n from table(numbers)")}
    assert stored >= set(feeder.acked)
    assert numbers.call("DELETE", f"/queries/{again.answer.id}").status_code == 204


def test_an_engine_that_dies_again_and_again_is_back_each_time(numbers: Server) -> None:
    for _ in range(7):
        numbers.kill_engine()
        watch = Stopwatch()
        wait_until(lambda: bool(numbers.children("engine.host")), 5, "another process")
        wait_until(lambda: engine_answers(numbers), 5, "the engine's way back")
        watch.within(5, "the engine's way back")
    wait_until(numbers.ready, 5, "readiness")


def test_an_engine_that_stands_still_is_replaced(numbers: Server) -> None:
    engine = numbers.children("engine.host")[0]
    engine.send_signal(signal.SIGSTOP)
    asked = Stopwatch()
    body = {"sql": "select 1", "type": "historical", "timeout_ms": 1000}
    answer = numbers.call("POST", "/exec", body)
    asked.within(2, "the answer of an engine that stands still")
    assert (answer.status_code, answer.json()["code"]) == (400, 159)
    wait_until(lambda: not engine.is_running(), 15, "its end")
    wait_until(lambda: engine_answers(numbers), 5, "the engine's way back")
    assert "answers nothing; it is killed" in numbers.log_text()
    wait_until(numbers.ready, 5, "readiness")


@pytest.fixture
def stopped_engine(numbers: Server) -> Iterator[psutil.Process]:
    """An engine process that starts, but gets no further for now."""
    numbers.kill_engine()
    found: list[psutil.Process] = []
    wait_until(lambda: bool(found.extend(numbers.children("engine.host"))) or bool(found), 5, "one")
    found[0].send_signal(signal.SIGSTOP)
    yield found[0]
    found[0].send_signal(signal.SIGCONT)


def test_requests_wait_five_seconds_for_an_engine(
    numbers: Server, stopped_engine: psutil.Process
) -> None:
    requests = (
        ("/exec", {"sql": "select 1", "type": "historical"}),
        ("/streams/numbers/ingest", {"columns": ["n"], "data": [[-1]]}),
        ("/queries", {"sql": "select n from numbers"}),
        ("/streams", {"name": "later", "columns": [{"name": "a", "type": "int8"}]}),
    )
    answers: dict[str, tuple[float, httpx.Response]] = {}

    def ask(path: str, body: dict[str, Any]) -> None:
        asked = time.monotonic()
        answer = httpx.post(f"{numbers.api}{path}", json=body, headers=numbers.headers, timeout=60)
        answers[path] = (time.monotonic() - asked, answer)

    asking = [threading.Thread(target=ask, args=request) for request in requests]
    watch = Stopwatch()
    for thread in asking:
        thread.start()
    assert numbers.call("GET", "/streams/numbers").json()["name"] == "numbers"
    assert "numbers" in [s["name"] for s in numbers.call("GET", "/streams").json()]
    assert not numbers.ready()
    for thread in asking:
        thread.join()
    watch.within(6, "the answers")
    for seconds, answer in answers.values():
        assert answer.status_code == 429, answer.text
        assert seconds >= 4.5
        assert int(answer.headers["Retry-After"]) >= 1
        assert set(answer.json()) == {"code", "message", "system"}
    stopped_engine.send_signal(signal.SIGCONT)
    wait_until(lambda: engine_answers(numbers), 5, "the engine's way back")
    assert numbers.select("select count() from table(numbers) where n = -1") == [[0]]
    wait_until(numbers.ready, 5, "readiness")


LONG = "select count() from table(numbers) as a cross join table(numbers) as b " \
    "cross join table(numbers) as c where a.n + b.n * c.n % 7 = length(b.text)"  # fmt: skip


def test_killed_query_worker_ends_its_query_alone(numbers: Server) -> None:
    rows = [[n, "y" * 50] for n in range(1_000_000, 1_008_000)]
    numbers.ingest("numbers", ["n", "text"], rows)
    tail = Answer(numbers, "select n from numbers where n < 0")
    found: list[httpx.Response] = []
    body = {"sql": LONG, "type": "historical", "timeout_ms": 60_000}
    asking = threading.Thread(target=lambda: found.append(numbers.call("POST", "/exec", body)))
    asking.start()
    busy: list[psutil.Process] = []

    def at_work() -> bool:
        for worker in numbers.children("engine.worker_main"):
            used = sum(worker.cpu_times()[:2])
            if used - spent.setdefault(worker.pid, used) > 0.3:
                busy.append(worker)
        return bool(busy)

    spent: dict[int, float] = {}
    wait_until(at_work, 10, "the worker's start on the query")
    busy[0].kill()
    watch = Stopwatch()
    asking.join(60)
    watch.within(3, "the answer after the worker's death")
    assert found[0].status_code in (400, 500), found[0].text
    assert set(found[0].json()) == {"code", "message", "system"}
    assert numbers.select("select count() from table(numbers) where n >= 1000000") == [[8000]]
    numbers.ingest("numbers", ["n"], [[-5]])
    assert tail.rows(1) == [[-5]]
    tail.close()


def test_killed_connector_process_comes_back(numbers: Server) -> None:
    tail = Answer(numbers, "select n from numbers where n < 0")
    numbers.children("connectors.host")[0].kill()
    assert numbers.call("GET", "/sources").json() == []
    numbers.ingest("numbers", ["n"], [[-6]])
    assert tail.rows(1) == [[-6]]
    wait_until(lambda: bool(numbers.children("connectors.host")), 5, "its restart")
    wait_until(numbers.ready, 5, "readiness")
    tail.close()
