"""Replays of dead letters while processes are killed; dead-letter streams at their bound."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.seeds import first_seed
from tests.journeys.receiver import Receiver
from tests.journeys.sender import Sender
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

OWN_SERVER = "its processes are killed, and its dead-letter streams are small"

SECONDS = 30.0
LETTERS = 500
# Of one replay: several commits for each kill.
LIMIT = 25
BOUND = 2 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One whose dead-letter streams are soon full."""
    data: Path = tmp_path_factory.mktemp("letters") / "data"
    made = Server(data, TAILRACE_DEAD_LETTER_BYTES_MAX=str(BOUND)).start()
    yield made
    made.stop()


@pytest.fixture
def sender() -> Iterator[Sender]:
    """What a source reads."""
    with Sender() as made:
        yield made


def source(server: Server, sender: Sender, stream: str) -> str:
    """A source; its address."""
    body = {
        "name": f"from_{stream}", "type": "websocket", "stream": stream,
        "properties": {"url": sender.url, "data_type": "json"},
    }  # fmt: skip
    made = server.call("POST", "/sources", body)
    assert made.status_code == 201, made.text
    return f"/sources/{made.json()['id']}"


def letters(server: Server, path: str, where: str = "true") -> int:
    """How many dead letters there are."""
    stream = server.call("GET", path).json().get("dead_letter_stream")
    if stream is None:
        return 0
    return int(server.select(f"select count() from table({stream}) where {where}")[0][0])


def make_room(server: Server, stream: str) -> None:
    """Delete all letters."""
    body = {"sql": f"delete from {stream} where origin != ''", "type": "ddl"}
    answer = server.call("POST", "/exec", body)
    assert answer.status_code == 204, answer.text


class Replayer(threading.Thread):
    """Asks for replays until nothing is left, whatever the answers are."""

    def __init__(self, server: Server, path: str) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._url = f"{server.api}{path}/dlq/replay"
        self.answers: list[dict[str, int]] = []
        self.failures = 0

    def run(self) -> None:
        deadline = time.monotonic() + 4 * SECONDS
        with httpx.Client(headers=self._server.headers, timeout=40) as client:
            while time.monotonic() < deadline:
                try:
                    answer = client.post(self._url, json={"limit": LIMIT})
                except httpx.HTTPError:
                    answer = None
                if answer is None or answer.status_code != 200:
                    self.failures += 1
                    time.sleep(0.1)
                    continue
                self.answers.append(answer.json())
                if self.answers[-1] == {"replayed": 0, "failed": 0}:
                    return


@pytest.mark.timeout(300)
def test_each_letter_is_stored_once_over_kills(server: Server, sender: Sender, full: bool) -> None:
    server.create("numbers", n="int32")
    server.create("texts", n="string")
    path = source(server, sender, "numbers")
    sender.send(*(f'{{"n": "text {number}"}}' for number in range(LETTERS)))
    wait_until(lambda: letters(server, path) == LETTERS, SECONDS, "the letters")
    assert server.call("POST", f"{path}/stop").status_code == 204
    assert server.call("PUT", path, {"stream": "texts"}).status_code == 200
    assert server.call("POST", f"{path}/start").status_code == 204

    chance = random.Random(first_seed())
    replayer = Replayer(server, path)
    replayer.start()
    for turn in range(20 if full else 4):
        time.sleep(chance.uniform(0.1, 0.5))
        if turn % 2:
            server.kill_engine()
        else:
            for process in server.children("connectors.host"):
                process.kill()
        wait_until(server.ready, SECONDS, "a server that is back")
    replayer.join(4 * SECONDS)
    assert replayer.answers[-1] == {"replayed": 0, "failed": 0}, replayer.failures
    found = server.select("select count(), count_distinct(n) from table(texts)")
    assert [int(value) for value in found[0]] == [LETTERS, LETTERS]
    assert letters(server, path, "replayed_at is not null") == LETTERS
    assert sum(answer["replayed"] for answer in replayer.answers) <= LETTERS
    # The source runs, and its place in its own order was never lost.
    sender.send('{"n": "new"}')
    sql = "select n from table(texts) where n = 'new'"
    wait_until(lambda: server.select(sql) == [["new"]], SECONDS, "a new row")
    assert server.call("DELETE", path).status_code == 204


def test_a_full_dead_letter_stream_is_waited_for(server: Server, sender: Sender) -> None:
    server.create("small", n="int32")
    path = source(server, sender, "small")
    # Texts that no file makes smaller.
    chance = random.Random(7)
    big = [chance.randbytes(300_000).hex() for _ in range(5)]
    for number, text in enumerate(big):
        sender.send(f'{{"n": "{text}"}}')
        if number < 4:
            wait_until(lambda n=number: letters(server, path) == n + 1, SECONDS, "a letter")
    sender.send('{"n": 7}')

    def status(wanted: str) -> bool:
        shown = server.call("GET", path).json()
        return shown["status"] == wanted

    wait_until(lambda: status("failed"), SECONDS, "its pause")
    shown = server.call("GET", path).json()
    for word in (shown["dead_letter_stream"], "dead_letter_bytes_max", str(BOUND), "DELETE"):
        assert word in shown["message"]
    assert letters(server, path) == 4
    assert server.select("select n from table(small)") == []
    make_room(server, shown["dead_letter_stream"])
    wait_until(lambda: server.select("select n from table(small)") == [[7]], SECONDS, "the rest")
    assert status("running")
    assert letters(server, path) == 1
    assert server.call("DELETE", path).status_code == 204


def test_a_sink_waits_too(server: Server) -> None:
    server.create("rows", text="string")
    with Receiver() as receiver:
        receiver.status = 400
        body: dict[str, Any] = {
            "name": "refused", "type": "http", "query": "select text from rows",
            "properties": {"url": f"{receiver.url}/"},
        }  # fmt: skip
        made = server.call("POST", "/sinks", body)
        assert made.status_code == 201, made.text
        path = f"/sinks/{made.json()['id']}"
        chance = random.Random(8)
        for number in range(6):
            server.ingest("rows", ["text"], [[chance.randbytes(300_000).hex()]])
            if number < 4:
                wait_until(lambda n=number: letters(server, path) == n + 1, SECONDS, "a letter")
        wait_until(
            lambda: server.call("GET", path).json()["status"] == "error", SECONDS, "its pause"
        )
        shown = server.call("GET", path).json()
        assert "dead_letter_bytes_max" in shown["message"]
        assert letters(server, path) == 4
        make_room(server, shown["dead_letter_stream"])
        wait_until(lambda: letters(server, path) == 2, 3 * SECONDS, "the rest")
        assert server.call("GET", path).json()["status"] == "running"
    assert server.call("DELETE", path).status_code == 204
