"""`tailrace serve` as a process: refusals, first and second start, imports, clean stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.journeys.server import Server
from tests.journeys.test_start import refused_here

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


def test_bad_flags(tmp_path: Path) -> None:
    """Bad settings in the environment and in a file: tests/journeys/test_start.py."""
    data = tmp_path / "data"
    assert "cannot be read" in refused_here(f"--data-dir={data}", f"--config={tmp_path}/none.toml")
    assert "port" in refused_here(f"--data-dir={data}", "--port=99999")
    assert not data.exists()


def test_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    refused(serve(tmp_path, "--port=0"), "folder")


def test_a_setting_out_of_range(tmp_path: Path) -> None:
    said = refused_here(f"--data-dir={tmp_path / 'data'}", TAILRACE_WORKERS_MAX="0")
    assert "The setting workers_max must be a number from 1 to 64, it is '0'." in said


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
    """Its first start, an engine that dies, a clean stop, kill -9: starts of its own."""
    server = Server(tmp_path / "data", TAILRACE_BOOTSTRAP_API_KEY="", TAILRACE_LOG_FORMAT="json")
    server.start()
    try:
        assert f"http://127.0.0.1:{server.port}" in server.log_text()
        server.key = server.log_text().split("user admin is ")[1].split()[0]
        assert len(server.key) == 60
        assert server.call("GET", "/roles").status_code == 200
        server.create("s", a="string")
        body = {"columns": ["a"], "data": [["x"]]}
        assert server.call("POST", "/streams/s/ingest", body).status_code == 200
        server.kill_engine()
        assert server.call("GET", "/streams/s").status_code == 200
        statuses = [server.call("POST", "/streams/s/ingest", body).status_code]
        while statuses[-1] == 429 and len(statuses) < 10:  # each has waited for 5 s
            statuses.append(server.call("POST", "/streams/s/ingest", body).status_code)
        assert statuses[-1] in (200, 500), statuses
        assert server.select("select count() from table(s)")[0][0] in (1, 2)
        assert server.stop() == 0
        assert server.log_text().count(server.key) == 1
        server.start()
        assert [s["name"] for s in server.call("GET", "/streams").json()] == ["s"]
        assert server.log_text().count("API key") == 1
        killed_alone(server)
        server.start()
    finally:
        assert server.stop() == 0
    assert server.children("engine.host") == []
    for file in server.data.rglob("*"):
        assert not file.is_file() or server.key.encode() not in file.read_bytes()


def killed_alone(server: Server) -> None:
    """kill -9 of the server's own process: its children end by themselves."""
    children = server.children("engine.host") + server.children("connectors.host")
    assert len(children) == 2
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(10)
    for child in children:
        child.wait(10)
