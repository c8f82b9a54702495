"""SUBSCRIBE TO and RECOVER FROM over HTTP: cancel, disconnect, a planned stop, kill -9."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.test_kill_server import answers
from tests.journeys.waiting import wait_until
from tests.sse_parser import Violation

OWN_SERVER = "it is stopped and killed"
SECONDS = 30
SUBSCRIBE = "subscribe to select n from numbered settings checkpoint_interval=1"


@pytest.fixture
def numbered(server: Server) -> Iterator[Server]:
    server.create("numbered", n="int64")
    yield server
    for query in server.running():
        server.call("POST", f"/queries/{query['id']}/cancel")
    dropped = server.call("DELETE", "/streams/numbered?force=true")
    assert dropped.status_code == 204, dropped.text


def send(server: Server, *numbers: int) -> None:
    server.ingest("numbered", ["n"], [[n] for n in numbers])


def define(server: Server, sql: str) -> int:
    """The status of a statement without rows."""
    return server.call("POST", "/queries/exec", {"sql": sql}).status_code


class Reader(threading.Thread):
    """Reads a query to its end or until the connection breaks."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(daemon=True)
        self.answer = answer
        self.numbers: list[int] = []
        self.start()

    def run(self) -> None:
        """Take rows as they come."""
        try:
            for arrived in self.answer:
                if arrived.event.name == "rows":
                    self.numbers += [row[0] for row in arrived.event.data]
        except (Violation, OSError):
            return


def test_cancel_and_recover_under_the_same_id(numbered: Server) -> None:
    first = Answer(numbered, SUBSCRIBE)
    send(numbered, 1, 2)
    assert first.rows(2) == [[1], [2]]
    busy = Answer(numbered, f"recover from '{first.id}'")
    assert busy.status == 400
    assert numbered.call("POST", f"/queries/{first.id}/cancel").status_code == 204
    send(numbered, 3)
    again = Answer(numbered, f"recover from '{first.id}'")
    assert again.id == first.id
    send(numbered, 4)
    assert again.rows(2) == [[3], [4]]
    assert [query["id"] for query in numbered.running()] == [first.id]
    assert define(numbered, f"unsubscribe to '{first.id}'") == 200
    gone = Answer(numbered, f"recover from '{first.id}'")
    assert gone.status == 400 and b"2003" in gone.body()


def test_rows_that_a_lost_connection_did_not_take_come_again(numbered: Server) -> None:
    first = Answer(numbered, SUBSCRIBE)
    send(numbered, *range(10))
    assert first.rows(10) == [[n] for n in range(10)]
    first.close()
    wait_until(lambda: not numbered.running(), 5, "the end of the query")
    send(numbered, *range(10, 20))
    again = Answer(numbered, f"recover from '{first.id}'")
    assert again.rows(10) == [[n] for n in range(10, 20)]


def test_a_planned_stop_loses_and_doubles_nothing(numbered: Server) -> None:
    reader = Reader(Answer(numbered, SUBSCRIBE))
    for number in range(200):
        send(numbered, number)
    numbered.stop()
    reader.join(10)
    numbered.start()
    send(numbered, 200)
    again = Reader(Answer(numbered, f"recover from '{reader.answer.id}'"))
    wait_until(lambda: 200 in again.numbers, SECONDS, "the last row")
    assert reader.numbers + again.numbers == list(range(201))


@pytest.mark.timeout(300)
def test_after_a_kill_no_row_is_missing_and_few_come_again(numbered: Server) -> None:
    reader = Reader(Answer(numbered, SUBSCRIBE))
    query_id = reader.answer.id
    found: list[Any] = []
    number = 0
    for kill in (numbered.kill_engine, numbered.kill, numbered.kill_engine):
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            send(numbered, number)
            number += 1
            time.sleep(0.005)
        wait_until(lambda: number - 1 in reader.numbers, SECONDS, "the last row")  # noqa: B023
        time.sleep(0.3)  # what was read before the last 100 ms does not come again
        kill()
        reader.join(10)
        found += reader.numbers
        if kill == numbered.kill:
            numbered.start()
        wait_until(lambda: answers(numbered), SECONDS, "recovery")
        reader = Reader(Answer(numbered, f"recover from '{query_id}'"))
    send(numbered, number)
    wait_until(lambda: number in reader.numbers, SECONDS, "the last row")
    found += reader.numbers
    assert found == list(range(number + 1))
