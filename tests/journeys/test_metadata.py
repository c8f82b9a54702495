"""Keys, users and sources over a restart, on both metadata stores, with real processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until
from tests.services.postgres import Postgres, postgres

__all__ = ["postgres"]  # the fixture, for the test here

SOURCE: dict[str, Any] = {
    "name": "generated",
    "type": "stream_generator",
    "stream": "iot",
    "properties": {"template": "iot", "interval": "50ms"},
}


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment that chooses the store."""
    if request.param == "sqlite":
        yield {}
        return
    service: Postgres = request.getfixturevalue("postgres")
    yield {"TAILRACE_DATABASE_URL": asyncio.run(service.new_database())}


def count(server: Server) -> int:
    """Rows of the source's stream."""
    return int(server.select("select count() from table(iot)")[0][0])


@pytest.mark.turns(2)
@pytest.mark.timeout(300)
def test_metadata_is_kept_over_restarts(settings: dict[str, str], tmp_path: Path) -> None:
    server = Server(tmp_path / "data", **settings).start()
    try:
        server.create("iot", device="string", number="float32", time="string")
        user = {"username": "wanda", "password": "long enough", "role": "writer"}
        assert server.call("POST", "/users", user).status_code == 201
        key = server.call("POST", "/auth/api_keys", {"name": "second"}).json()
        made = server.call("POST", "/sources", SOURCE)
        assert made.status_code == 201, made.text
        path = f"/sources/{made.json()['id']}"
        wait_until(lambda: count(server) > 0, 10, "the source's first row")

        for stop in (server.stop, server.kill):
            stop()
            server.start()
            assert "wanda" in [u["username"] for u in server.call("GET", "/users").json()]
            signed_in = httpx.get(f"{server.api}/streams", auth=("wanda", "long enough"))
            assert signed_in.status_code == 200
            with_key = server.call("GET", "/streams", **{"X-Api-Key": key["api_key"]})
            assert [stream["name"] for stream in with_key.json()] == ["iot"]
            wait_until(
                lambda: server.call("GET", path).json()["status"] == "running", 10, "the source"
            )
            shown = server.call("GET", path).json()
            assert {k: shown[k] for k in SOURCE} == SOURCE
            before = count(server)
            wait_until(lambda n=before: count(server) > n, 10, "more rows of the source")

        assert server.call("DELETE", f"/auth/api_keys/{key['id']}").status_code == 204
        assert server.call("POST", f"{path}/stop").status_code == 204
        server.stop()
        server.start()
        gone = server.call("GET", "/streams", **{"X-Api-Key": key["api_key"]})
        assert gone.status_code == 403
        assert server.call("GET", path).json()["status"] == "stopped"
        assert any(server.data.glob("*.sqlite*")) == (not settings)
    finally:
        server.kill()


def test_store_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    """Nobody listens there: one sentence, no password in it."""
    address = "postgresql://test:s3cret@127.0.0.1:1/none"
    server = Server(tmp_path / "data", TAILRACE_DATABASE_URL=address)
    server.launch()
    assert server.process is not None
    assert server.process.wait(60) == 2
    said = server.log_text()
    assert "s3cret" not in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1, said
