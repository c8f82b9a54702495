"""How a server starts: refusals in one sentence, the first key, what its processes load."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import psutil
import pytest
from click.testing import CliRunner

from controlplane.cli import main
from tests.journeys.server import Server, free_port, new_key
from tests.journeys.waiting import Stopwatch, wait_until

TAILRACE = Path(sys.executable).with_name("tailrace")
REFUSAL_SECONDS_MAX = 60
KEY = re.compile(r"API key of user admin is ([A-Za-z0-9_-]{60})\n")
# The console's address with the token that sets the first password.
FIRST_RUN = re.compile(r"Console: http://\S+/console/first-run#token=([A-Za-z0-9_-]{43})\n")
SHOWN_LAST = re.compile(r"each start makes another")
PASSWORD = "correct horse battery"
# The control plane and the connectors do without what the engine is made of.
ENGINE_LIBRARIES = ("duckdb", "pyarrow", "numpy")


def refusal(*arguments: str, **environment: str) -> str:
    """Start a server that must refuse; what it says."""
    clean = {name: v for name, v in os.environ.items() if not name.startswith("TAILRACE_")}
    done = subprocess.run(
        [str(TAILRACE), "serve", *arguments],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=REFUSAL_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].endswith(".")
    return lines[0]


def refused_here(*arguments: str, **environment: str) -> str:
    """The same in this process, for what is refused before anything is opened."""
    none = {name: None for name in os.environ if name.startswith("TAILRACE_")}
    done = CliRunner(env={**none, **environment}).invoke(main, ["serve", *arguments])
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(".\n")
    return done.stderr


def test_second_server_on_the_same_folder(server: Server) -> None:
    assert "in use by another server" in refusal("--port=0", f"--data-dir={server.data}")
    assert server.ready()


def test_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refusal("--host=127.0.0.1", f"--port={port}", f"--data-dir={tmp_path / 'd'}")
    assert str(port) in said


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"TAILRACE_PROT": "8000"}, "TAILRACE_PROT"),
        ({"TAILRACE_PORT": "many"}, "port"),
        ({"TAILRACE_BOOTSTRAP_API_KEY": "k" * 59}, "bootstrap_api_key"),
        ({"TAILRACE_BOOTSTRAP_API_KEY": "k" * 61}, "bootstrap_api_key"),
        ({"TAILRACE_BOOTSTRAP_API_KEY": "k" * 59 + "!"}, "bootstrap_api_key"),
        ({"TAILRACE_BOOTSTRAP_PASSWORD": "short"}, "bootstrap_password"),
        ({"TAILRACE_DATABASE_URL": "mysql://localhost/x"}, "database_url"),
        ({"TAILRACE_CONFIG": "/nonexistent/settings.toml"}, "settings.toml"),
    ],
)
def test_settings_that_cannot_be_used(
    environment: Mapping[str, str], word: str, tmp_path: Path
) -> None:
    # Once as a process too: the environment comes from outside.
    refuse = refusal if word == "TAILRACE_PROT" else refused_here
    said = refuse(f"--data-dir={tmp_path / 'data'}", **environment)
    assert word in said
    for value in environment.values():
        assert "KEY" not in word or value not in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"port = ", "TOML"), (b"prot = 1", "prot"), (b"\xff\xfe\x00", "read"), (None, "read")],
)
def test_settings_file_that_cannot_be_used(
    content: bytes | None, word: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    said = refused_here(f"--config={file}", f"--data-dir={tmp_path / 'data'}")
    assert word in said
    assert str(file) in said


def test_data_folder_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert "cannot be used" in refusal("--port=0", f"--data-dir={file}")


def check_other_formats(data: Path) -> None:
    """A folder of another format is refused before anything is started or said: the root and each
    workspace."""
    for folder in (data, data / "workspaces" / "default"):
        version = folder / "VERSION"
        before = version.read_text()
        version.write_text("999\n")
        said = refusal("--port=0", f"--data-dir={data}")
        assert "format version '999'" in said
        assert str(folder) in said
        version.write_text(before)


def found_on_disk(folder: Path, secret: str) -> list[str]:
    """Files that hold a secret in clear."""
    wanted = secret.encode()
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if wanted in path.read_bytes()]


@pytest.mark.timeout(240)
def test_first_key_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    """Two starts over a folder of its own, and between them what refuses a folder."""
    server = Server(tmp_path / "data", TAILRACE_BOOTSTRAP_PASSWORD=PASSWORD)
    server.key = ""  # none is given: one is made
    server.start()
    wait_until(lambda: bool(KEY.search(server.log_text())), 5, "the key")
    (server.key,) = KEY.findall(server.log_text())
    assert f"Console: {server.url}/console/\n" in server.log_text()  # admin has a password
    assert server.call("GET", "/streams").status_code == 200
    signed_in = httpx.get(f"{server.api}/streams", auth=("admin", PASSWORD))
    assert signed_in.status_code == 200
    assert httpx.get(f"{server.api}/streams", auth=("admin", "wrong" * 4)).status_code == 403
    server.create("s", a="int8")
    server.ingest("s", ["a"], [[1]])
    server.stop()
    for secret in (server.key, PASSWORD):
        assert found_on_disk(server.data, secret) == []
    check_other_formats(server.data)

    # A second start shows none, keeps the first and ignores other bootstrap values, with a warning.
    other = new_key()
    server.environment = {"TAILRACE_BOOTSTRAP_API_KEY": other}
    watch = Stopwatch()
    server.start()
    print(f"ready after {watch.seconds:.1f} s on a second start")
    assert len(KEY.findall(server.log_text())) == 1
    assert "bootstrap" in server.log_text().lower()
    assert server.call("GET", "/streams").status_code == 200
    assert server.call("GET", "/streams", **{"X-Api-Key": other}).status_code == 403
    server.stop()


def on_terminal(
    port: int, data: Path, until: re.Pattern[str], meanwhile: Callable[[], None] = lambda: None
) -> str:
    """Start a server on a terminal of its own; what it shows there until it is stopped.

    `meanwhile` is done when that is there.
    """
    ours, theirs = os.openpty()
    clean = {name: v for name, v in os.environ.items() if not name.startswith("TAILRACE_")}
    process = subprocess.Popen(
        [str(TAILRACE), "serve", f"--port={port}", f"--data-dir={data}"],
        env=clean,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    shown = ""
    try:
        watch = Stopwatch()
        while not until.search(shown):
            watch.within(30, "the server's first lines")
            if select.select([ours], [], [], 0.1)[0]:
                shown += os.read(ours, 4096).decode().replace("\r\n", "\n")
        meanwhile()
    finally:
        process.terminate()
        process.wait(REFUSAL_SECONDS_MAX)
        os.close(ours)
    return shown


@pytest.mark.timeout(240)
def test_first_key_on_a_terminal(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shown = on_terminal(free_port(), data, SHOWN_LAST)
    (key,) = KEY.findall(shown)
    (token,) = FIRST_RUN.findall(shown)
    assert found_on_disk(data, key) + found_on_disk(data, token) == []
    port = free_port()

    def check() -> None:
        url = f"http://127.0.0.1:{port}/default/api/v1beta2/roles"
        assert httpx.get(url, headers={"X-Api-Key": key}, timeout=60).status_code == 200

    again = on_terminal(port, data, SHOWN_LAST, check)
    assert KEY.search(again) is None
    assert FIRST_RUN.findall(again) not in ([], [token])


def test_admin_without_a_password_cannot_sign_in_with_one(server: Server) -> None:
    for password in ("", "admin", "password"):
        answer = httpx.get(f"{server.api}/streams", auth=("admin", password))
        assert answer.status_code == 403, password


def libraries(process: psutil.Process) -> set[str]:
    """Which of the engine's libraries a process has mapped."""
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    return {name for name in ENGINE_LIBRARIES if re.search(rf"/_?{name}\b", maps)}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_processes_load_only_their_own(server: Server) -> None:
    assert server.process is not None
    server.select("select 1")
    assert libraries(psutil.Process(server.process.pid)) == set()
    # The web framework loads it where it is installed.
    assert "pydantic" not in Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "duckdb" not in libraries(server.children("connectors.host")[0])
    assert "duckdb" in libraries(server.children("engine.host")[0])


def test_no_process_shows_a_secret_or_listens_elsewhere(server: Server) -> None:
    listening: list[tuple[str, int]] = []
    for process in server.family():
        assert server.key not in " ".join(process.cmdline())
        listening += [
            (connection.laddr.ip, connection.laddr.port)
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
    assert listening == [("127.0.0.1", server.port)]
    assert server.key not in server.log_text()
    for process in server.family()[1:]:
        assert server.key not in process.environ().values()
