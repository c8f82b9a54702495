"""kill -9 of the whole server while sinks and alerts are changed: all fits afterwards."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.test_kill_sources import SECONDS_MAX, Changes
from tests.journeys.waiting import wait_until

STREAMS = ("one", "two", "three")
KINDS = ("sinks", "alerts")


def definition(kind: str, here: str, there: str) -> dict[str, Any]:
    """A sink, or an alert, that reads a stream and writes to another."""
    common = {"name": "moving", "properties": {"stream_name": there}}
    sql = f"select n from {here}"
    if kind == "sinks":
        return {**common, "type": "timeplus", "query": sql}
    return {**common, "action": "timeplus", "severity": 1, "trigger_sql": sql}


class Moves(Changes):
    """Changes sinks and alerts one after the other."""

    def _one(self, client: httpx.Client) -> None:
        server = self._server

        def call(method: str, path: str, body: object = None) -> httpx.Response:
            answer = client.request(
                method, f"{server.api}{path}", json=body, headers=server.headers
            )
            assert answer.status_code < 400, answer.text
            return answer

        kind = self._random.choice(KINDS)
        first, second, third = self._random.sample(STREAMS, 3)
        made = call("POST", f"/{kind}", definition(kind, first, second)).json()["id"]
        self.made.add(made)
        path = f"/{kind}/{made}"
        if self._random.random() < 0.5:
            call("POST", f"{path}/stop")
        call("PUT", path, definition(kind, second, third))
        call("POST", f"{path}/start")
        if self._random.random() < 0.7:
            call("DELETE", path)
            self.deleted.add(made)


def reads(kind: str, shown: dict[str, Any]) -> str:
    """The stream that it reads."""
    return str(shown["query" if kind == "sinks" else "trigger_sql"]).rsplit(" ", 1)[1]


@pytest.mark.timeout(240)
def test_all_fits_after_each_kill(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    for name in STREAMS:
        server.create(name, n="int64")
    chance = random.Random(7)
    deleted: set[str] = set()
    found: dict[str, list[dict[str, Any]]] = {}
    for seed in range(3):
        changes = Moves(server, seed)
        assert changes.enough.wait(SECONDS_MAX)
        changes.thread.join(chance.uniform(0.0, 0.3))
        server.kill()
        changes.thread.join(10)
        deleted |= changes.deleted
        server.start()
        found = {kind: server.call("GET", f"/{kind}").json() for kind in KINDS}
        there = {one["id"] for listed in found.values() for one in listed}
        assert not deleted & there, "what was answered as deleted stays away"
        assert len(changes.made - changes.deleted - there) <= 1
        for kind, listed in found.items():
            for one in listed:
                path = f"/{kind}/{one['id']}"
                wait_until(
                    lambda path=path: (
                        server.call("GET", path).json()["status"] in ("running", "stopped")
                    ),
                    SECONDS_MAX,
                    "what is stored",
                )
                for used in (reads(kind, one), one["properties"]["stream_name"]):
                    refused = server.call("DELETE", f"/streams/{used}")
                    assert refused.status_code == 400, (one, refused.text)
    for kind, listed in found.items():
        for one in listed:
            assert server.call("DELETE", f"/{kind}/{one['id']}").status_code == 204
    for name in STREAMS:
        answer = server.call("DELETE", f"/streams/{name}")
        assert answer.status_code == 204, "no use is left: " + answer.text
    server.stop()
