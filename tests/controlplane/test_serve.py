"""`tailrace serve` as a process: refusals, first and second start, imports, clean stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.journeys.server import Server, free_port

COMMAND = str(Path(sys.executable).with_name("tailrace"))
FORBIDDEN = ("duckdb", "pyarrow", "numpy", "sqlglot", "alembic", "prometheus_client", "pydantic")


def serve(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TAILRACE_")}
    return subprocess.run(
        [COMMAND, "serve", f"--data-dir={data}", *arguments],
        capture_output=True, text=True, timeout=60, env={**clean, **environment}, check=False,
    )  # fmt: skip


def refused(answer: subprocess.CompletedProcess[str], word: str) -> None:
    """Exit 2 with one sentence."""
    assert answer.returncode == 2, answer
    assert word in answer.stderr
    assert answer.stderr.strip().count("\n") == 0
    assert answer.stdout == ""


def test_bad_settings(tmp_path: Path) -> None:
    data = tmp_path / "data"
    refused(serve(data, TAILRACE_PROT="1"), "TAILRACE_PROT")
    refused(serve(data, TAILRACE_BOOTSTRAP_API_KEY="short"), "60")
    refused(serve(data, f"--config={tmp_path}/none.toml"), "cannot be read")
    refused(serve(data, "--port=abc"), "port")
    refused(serve(data, "--port=99999"), "port")
    assert not data.exists()


def test_taken_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(serve(tmp_path / "data", f"--port={port}"), f"port {port}")


def test_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    refused(serve(tmp_path, "--port=0"), "folder")


def test_a_setting_out_of_range(tmp_path: Path) -> None:
    answer = serve(tmp_path / "data", "--port=0", TAILRACE_WORKERS_MAX="0")
    refused(answer, "The setting workers_max must be a number from 1 to 64, it is '0'.")


def test_unusable_store(tmp_path: Path) -> None:
    answer = serve(
        tmp_path / "data", "--port=0", TAILRACE_DATABASE_URL="sqlite:////nowhere/at/all.db"
    )
    assert answer.returncode == 2
    assert answer.stderr.strip().splitlines()[-1].endswith("does not exist.")


def test_control_plane_stays_small_in_what_it_imports() -> None:
    program = (
        "import sys, controlplane.commands.serve, controlplane.server\n"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_life_of_a_server(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    try:
        assert f"http://127.0.0.1:{server.port}" in server.log_text()
        assert server.key not in server.log_text()
        second = serve(server.data, f"--port={free_port()}")
        refused(second, "in use by another server")
        columns = [{"name": "a", "type": "string"}]
        with httpx.Client(base_url=server.api, headers=server.headers, timeout=10) as client:
            made = client.post("/streams", json={"name": "s", "columns": columns})
            assert made.status_code == 201, made.text
            body = {"columns": ["a"], "data": [["x"]]}
            assert client.post("/streams/s/ingest", json=body).status_code == 200
            server.kill_engine()
            assert client.get("/streams/s").status_code == 200
            statuses = [client.post("/streams/s/ingest", json=body).status_code]
            while statuses[-1] == 429 and len(statuses) < 10:  # each has waited for 5 s
                statuses.append(client.post("/streams/s/ingest", json=body).status_code)
            assert statuses[-1] in (200, 500), statuses
            counted = {"sql": "select count() from table(s)", "type": "historical"}
            assert client.post("/exec", json=counted).json()["data"][0][0] in (1, 2)
        assert server.stop() == 0
        server.start()
        with httpx.Client(base_url=server.api, headers=server.headers, timeout=10) as client:
            assert [s["name"] for s in client.get("/streams").json()] == ["s"]
    finally:
        assert server.stop() == 0
    assert server.children("engine.host") == []


def test_first_start_prints_the_key_once(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", TAILRACE_BOOTSTRAP_API_KEY="", TAILRACE_LOG_FORMAT="json")
    server.start()
    server.stop()
    text = server.log_text()
    key = text.split("user admin is ")[1].split()[0]
    assert len(key) == 60
    assert text.count(key) == 1
    server.start()
    try:
        assert server.log_text().count("API key") == 1
        answer = httpx.get(f"{server.api}/roles", headers={"X-Api-Key": key})
        assert answer.status_code == 200
    finally:
        server.stop()
    for file in server.data.rglob("*"):
        assert not file.is_file() or key.encode() not in file.read_bytes()


def test_children_die_with_a_killed_server(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    children = server.children("engine.host") + server.children("connectors.host")
    assert len(children) == 2
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(10)
    for child in children:
        child.wait(10)
    server.start()
    assert server.stop() == 0
