"""kill -9 of the whole server while sources are created, moved and deleted: all fits afterwards."""

from __future__ import annotations

import contextlib
import random
import threading
from pathlib import Path

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

STREAMS = ("one", "two")
SECONDS_MAX = 30.0


class Changes:
    """A client that changes sources one after the other, until the server is gone."""

    def __init__(self, server: Server, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self.deleted: set[str] = set()
        self.made: set[str] = set()
        self.done = 0
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with contextlib.suppress(httpx.HTTPError), httpx.Client(timeout=10) as client:
            while True:
                self._one(client)
                self.done += 1
                if self.done >= 2:
                    self.enough.set()

    def _one(self, client: httpx.Client) -> None:
        server = self._server

        def call(method: str, path: str, body: object = None) -> httpx.Response:
            answer = client.request(
                method, f"{server.api}{path}", json=body, headers=server.headers
            )
            assert answer.status_code < 400, answer.text
            return answer

        here, there = self._random.sample(STREAMS, 2)
        properties = {"template": "iot", "interval": "1s"}
        body = {
            "name": "g", "type": "stream_generator", "stream": here, "properties": properties
        }  # fmt: skip
        made = call("POST", "/sources", body).json()["id"]
        self.made.add(made)
        call("POST", f"/sources/{made}/stop")
        call("PUT", f"/sources/{made}", {"stream": there})
        call("POST", f"/sources/{made}/start")
        if self._random.random() < 0.7:
            call("DELETE", f"/sources/{made}")
            self.deleted.add(made)


@pytest.mark.timeout(180)
def test_sources_and_uses_fit_after_each_kill(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    for name in STREAMS:
        server.create(name, device="string", number="float32")
    chance = random.Random(4)
    made: set[str] = set()
    deleted: set[str] = set()
    for seed in range(2):
        changes = Changes(server, seed)
        assert changes.enough.wait(SECONDS_MAX)
        changes.thread.join(chance.uniform(0.0, 0.3))
        server.kill()
        changes.thread.join(10)
        made |= changes.made
        deleted |= changes.deleted
        server.start()
        sources = {source["id"]: source for source in server.call("GET", "/sources").json()}
        assert not deleted & set(sources), "what was answered as deleted stays away"
        assert len(made - deleted - set(sources)) <= 1, "at most one was about to be deleted"
        for name in STREAMS:
            used = [s for s in sources.values() if s["stream"] == name]
            answer = server.call("DELETE", f"/streams/{name}") if used else None
            assert answer is None or answer.status_code == 400, answer.text
        made &= set(sources)
    for source_id in sources:
        assert server.call("DELETE", f"/sources/{source_id}").status_code == 204
    wait_until(lambda: server.call("GET", "/sources").json() == [], SECONDS_MAX, "no source")
    for name in STREAMS:
        answer = server.call("DELETE", f"/streams/{name}")
        assert answer.status_code == 204, "no use is left: " + answer.text
    server.stop()
