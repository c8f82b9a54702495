"""Remote and Python functions on a real server: over kills, over REST, and with secrets."""

from __future__ import annotations

import http.server
import itertools
import json
import threading
import time
from collections.abc import Iterator

import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

KEY = "open-sesame-4711"
SECONDS_MAX = 30


class Remote:
    """A function server that numbers its answers, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.seconds = 0.0
        numbers = itertools.count(1)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.headers["x-key"] != KEY:
                    self.send_error(401)
                    return
                outer.asked += body["i"]
                time.sleep(outer.seconds)
                answer = json.dumps({"result": [next(numbers) for _ in body["i"]]}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                try:
                    self.wfile.write(answer)
                except BrokenPipeError:
                    return  # the asker was killed

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/f"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def remote() -> Iterator[Remote]:
    made = Remote()
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, remote: Remote) -> Iterator[Server]:
    server = Server(
        tmp_path_factory.mktemp("calls") / "data",
        TAILRACE_ALLOW_PRIVATE_NETWORKS="true",
        TAILRACE_ALLOW_PYTHON_FUNCTIONS="true",
    )
    server.start()
    run(server, "create stream s (i int32)")
    run(server, create(remote.url, "nth"))
    yield server
    server.stop()


def create(url: str, name: str) -> str:
    return (
        f"create remote function {name}(i int32) returns int64 url '{url}' "
        f"auth_method 'auth_header' auth_header 'X-Key' auth_key '{KEY}'"
    )


def run(server: Server, sql: str) -> None:
    answer = server.call("POST", "/exec", {"sql": sql, "type": "historical"})
    assert answer.status_code == 200, answer.text


def ingest(server: Server, name: str, value: int | str) -> None:
    """A row, as soon as the engine takes it: on a busy machine it takes a while to come back."""
    column = "i" if isinstance(value, int) else "word"
    body = {"columns": [column], "data": [[value]]}
    path = f"/streams/{name}/ingest"
    wait_until(
        lambda: server.call("POST", path, body).status_code == 200, SECONDS_MAX, "the engine"
    )


def test_a_view_asks_once_for_each_row_over_a_kill(place: Server, remote: Remote) -> None:
    run(place, "create materialized view mv as select i, nth(i) as n from s")
    for value in range(8):
        place.ingest("s", ["i"], [[value]])
    stored = "select i, n from table(mv) order by i"
    wait_until(lambda: len(place.select(stored)) == 8, SECONDS_MAX, "the rows of the view")
    before = place.select(stored)
    remote.asked.clear()
    place.kill_engine()
    ingest(place, "s", 100)
    wait_until(lambda: len(place.select(stored)) == 9, SECONDS_MAX, "the row after the kill")
    assert place.select(stored)[:8] == before
    assert remote.asked == [100]


def test_a_call_under_way_is_made_again_after_a_kill(place: Server, remote: Remote) -> None:
    run(place, "create materialized view slow as select i, nth(i) as n from s")
    remote.asked.clear()
    remote.seconds = 2.0
    place.ingest("s", ["i"], [[200]])
    wait_until(lambda: remote.asked.count(200) == 2, SECONDS_MAX, "the calls of both views")
    place.kill_engine()
    stored = "select i from table(slow) where i >= 200 order by i"
    wait_until(lambda: bool(place.select(stored)), SECONDS_MAX, "the row")
    remote.seconds = 0.0
    ingest(place, "s", 201)
    wait_until(lambda: len(place.select(stored)) == 2, SECONDS_MAX, "the next row")
    assert place.select(stored) == [[200], [201]]


def test_nobody_sees_the_key(place: Server, remote: Remote) -> None:
    run(place, create(remote.url, "secret_one"))
    body = {"sql": create(remote.url, "secret_two")}
    seen = [place.call("POST", "/queries", body).text]
    seen.append(place.call("POST", "/queries", {"sql": create(remote.url, "secret_two")}).text)
    paths = ("/queries", "/udfs", "/udfs/secret_one", "/streams")
    seen += [place.call("GET", path).text for path in paths]
    seen.append(str(place.select("show create function secret_one")))
    seen.append(str(place.select("show functions")))
    run(place, create(remote.url.replace("/f", "/none?x=1"), "secret_bad"))
    failed = place.call(
        "POST", "/exec", {"sql": "select secret_bad('x') as a", "type": "historical"}
    )
    seen.append(failed.text)
    seen.append(place.log_text())
    for text in seen:
        assert KEY not in text
    files = [f for f in place.data.rglob("*") if f.is_file() and not f.is_socket()]
    assert [f for f in files if KEY.encode() in f.read_bytes()] == [], "sealed in the log too"


def test_put_keeps_a_masked_key_of_the_same_address_alone(place: Server, remote: Remote) -> None:
    run(place, create(remote.url, "kept"))
    shown = place.call("GET", "/udfs/kept").json()
    assert shown["auth_context"]["key_value"] == "******"
    again = place.call("PUT", "/udfs/kept", {**shown, "description": "x"})
    assert again.status_code == 200, again.text
    assert place.select("select kept(1) > 0 as a") == [[True]]
    moved = {**shown, "url": "http://example.org/elsewhere"}
    refused = place.call("PUT", "/udfs/kept", moved)
    assert refused.status_code == 400, refused.text
    assert "AUTH_KEY" in refused.json()["message"]


PYTHON = {
    "name": "longest",
    "type": "python",
    "arguments": [{"name": "word", "type": "string"}],
    "return_type": "string",
    "is_aggregation": True,
    "source": (
        "class longest:\n"
        "    def __init__(self):\n        self.word = ''\n"
        "    def process(self, words):\n        self.word = max([self.word, *words], key=len)\n"
        "    def finalize(self):\n        return self.word\n"
        "    def serialize(self):\n        return self.word\n"
        "    def deserialize(self, text):\n        self.word = text\n"
    ),
}


def test_a_python_aggregate_over_rest_goes_on_after_a_kill(place: Server) -> None:
    assert place.call("POST", "/udfs", PYTHON).status_code == 201
    shown = place.call("GET", "/udfs/longest").json()
    assert (shown["type"], shown["is_aggregation"]) == ("python", True)
    run(place, "create stream words (word string)")
    run(
        place,
        "create materialized view longest_word as select longest(word) as w, count() as n "
        "from words emit on update settings checkpoint_interval=1",
    )
    place.ingest("words", ["word"], [["ab"], ["abcd"]])
    stored = "select w, n from table(longest_word) order by n"
    wait_until(lambda: place.select(stored) == [["abcd", 2]], SECONDS_MAX, "the first row")
    time.sleep(1.5)  # for a checkpoint
    place.ingest("words", ["word"], [["x"]])
    wait_until(lambda: len(place.select(stored)) == 2, SECONDS_MAX, "the second row")
    for process in place.children("engine.udf.function_process"):
        process.kill()
    place.kill_engine()
    ingest(place, "words", "abc")
    wait_until(lambda: len(place.select(stored)) == 3, SECONDS_MAX, "the third row")
    assert place.select(stored) == [["abcd", 2], ["abcd", 3], ["abcd", 4]]


def test_python_functions_need_the_setting(server: Server) -> None:
    refused = server.call("POST", "/udfs", PYTHON)
    assert refused.status_code in (400, 403), refused.text
    assert "TAILRACE_ALLOW_PYTHON_FUNCTIONS" in refused.json()["message"]
