"""Two workspaces of one server: made by the command line, kept over restarts, deleted whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import Stopwatch

# Longer than what fits into the name of a socket as it is.
LONG = "a-workspace-with-a-name-of-63-characters-as-long-as-it-may-be_x"


def tailrace(server: Server, *arguments: str, status: int = 0) -> str:
    """What the installed command prints."""
    command = [str(Path(sys.executable).with_name("tailrace")), *arguments]
    done = subprocess.run(
        [*command, f"--url={server.url}", f"--api-key={server.key}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def client(server: Server, workspace: str, key: str) -> httpx.Client:
    """Calls inside a workspace."""
    return httpx.Client(
        base_url=f"{server.url}/{workspace}/api/v1beta2/", headers={"X-Api-Key": key}, timeout=60
    )


def fill(calls: httpx.Client, name: str) -> None:
    """A stream with one row that is the workspace's name."""
    body: dict[str, Any] = {"name": "notes", "columns": [{"name": "text", "type": "string"}]}
    made = calls.post("streams", json=body)
    assert made.status_code == 201, made.text
    stored = calls.post("streams/notes/ingest", json={"columns": ["text"], "data": [[name]]})
    assert stored.status_code == 200, stored.text


def ask(calls: httpx.Client, method: str, path: str, body: Any = None) -> httpx.Response:
    """One request; a starting engine is asked again, as clients do."""
    watch = Stopwatch()
    while True:
        answer = calls.request(method, path, json=body)
        if answer.status_code != 429:
            return answer
        watch.within(10, "the start of an engine")


def rows(calls: httpx.Client, name: str = "notes") -> list[list[Any]]:
    """The rows of a stream."""
    sql = f"select text from table({name})"
    answer = ask(calls, "POST", "exec", {"sql": sql, "type": "historical"})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def create(server: Server, name: str) -> str:
    """A workspace by REST; its first key."""
    made = server.call("POST", "/workspaces", {"name": name})
    assert made.status_code == 201, made.text
    return made.json()["api_key"]


def create_two(server: Server) -> dict[str, str]:
    """Two more workspaces, one by the command line; the first key of each workspace."""
    keys = {"default": server.key, LONG: create(server, LONG)}
    line = tailrace(server, "workspaces", "create", "second")
    assert line == line.strip() + "\n"
    keys["second"] = line.strip()
    assert len(keys["second"]) == 60
    assert tailrace(server, "workspaces", "list").splitlines() == [LONG, "default", "second"]
    assert len(server.children("engine.host")) == 1
    return keys


def check_alone(server: Server, keys: dict[str, str]) -> None:
    """Each key opens its own workspace only, and there are its own rows."""
    for name in keys:
        for other, key in keys.items():
            with client(server, name, key) as calls:
                if name == other:
                    assert rows(calls) == [[name]]
                else:
                    assert calls.get("streams").status_code == 404, (name, other)


def kill_engine_of(server: Server, workspace: str) -> None:
    """kill -9 of one workspace's engine process."""
    ending = f"/workspaces/{workspace}"
    doomed = next(
        child
        for child in server.children("engine.host")
        if any(argument.endswith(ending) for argument in child.cmdline())
    )
    doomed.kill()
    doomed.wait(10)


@pytest.mark.timeout(300)
def test_workspaces_from_the_command_line(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    try:
        keys = create_two(server)
        for name, key in keys.items():
            with client(server, name, key) as calls:
                watch = Stopwatch()
                assert ask(calls, "GET", "streams").json() == []
                watch.within(1.5, f"the first answer of the engine of {name}")
                fill(calls, name)
        assert len(server.children("engine.host")) == 3
        check_alone(server, keys)

        # A view works though nobody asks: its engine starts with the server.
        with client(server, "second", keys["second"]) as calls:
            sql = "create materialized view shouted as select upper(text) as text from notes"
            answer = calls.post("exec", json={"sql": sql, "type": "ddl"})
            assert answer.status_code == 204, answer.text
        for stop in (server.stop, server.kill):
            stop()
            server.start()
            assert len(server.children("engine.host")) == 2
            check_alone(server, keys)
            scrape = httpx.get(f"{server.url}/metrics", headers=server.headers).text
            for name in keys:
                assert f'tailrace_engine_up{{workspace="{name}"}} 1.0' in scrape

        kill_engine_of(server, "second")
        assert server.select("select text from table(notes)") == [["default"]]
        check_alone(server, keys)
        check_deletion(server, keys["second"])
    finally:
        server.kill()


def check_deletion(server: Server, key: str) -> None:
    """The workspace `second` goes with everything in it and can be created anew."""
    refused = tailrace(server, "workspaces", "delete", "second", status=1)
    assert "notes" in refused
    assert "shouted" in refused
    tailrace(server, "workspaces", "delete", "second", "--force")
    assert not (server.data / "workspaces" / "second").exists()
    assert list((server.data / "trash").iterdir()) == []
    assert len(server.children("engine.host")) == 2
    for used, status in ((key, 403), (server.key, 404)):
        with client(server, "second", used) as calls:
            assert calls.get("streams").status_code == status
    with client(server, "second", create(server, "second")) as calls:
        assert ask(calls, "GET", "streams").json() == []
    assert server.select("select text from table(notes)") == [["default"]]
