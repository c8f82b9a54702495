"""A real PostgreSQL server for tests: one cluster per session, one database per test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
NEEDED = ("initdb", "postgres", "pg_isready")
START_SECONDS_MAX = 20.0
ATTEMPTS = 3
OPTIONS = (
    "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off",
    "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB",
    "max_connections=200", "wal_level=logical",
)  # fmt: skip
HELP = "PostgreSQL is not installed; install it with `apt-get install postgresql`."


def find_binaries() -> Path | None:
    """The folder with all of NEEDED, the newest version first; None without one."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in FOLDERS:
        folders += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in NEEDED):
            return folder
    return None


def _as_user() -> dict[str, object]:
    """postgres refuses to run as root: then its own user."""
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


class Postgres:
    """A running cluster in a temporary folder."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="tailrace-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = iter(range(1, 1_000_000))
        self.port = 0

    def start(self) -> Postgres:
        """initdb, start, wait until it answers."""
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
        data = self._folder / "data"
        subprocess.run(
            [str(self._binaries / "initdb"), "-D", str(data), "-U", "test", "--auth=trust",
             "--no-sync", "-E", "UTF8", "--no-instructions"],
            check=True, capture_output=True, cwd=self._folder,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}, **_as_user(),  # type: ignore[arg-type]
        )  # fmt: skip
        for _ in range(ATTEMPTS):
            if self._try_start(data):
                return self
        raise AssertionError(f"PostgreSQL does not start: {self._log()}")

    def _try_start(self, data: Path) -> bool:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [str(self._binaries / "postgres"), "-D", str(data), "-p", str(self.port)]
        for option in OPTIONS:
            command += ["-c", option]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, process_group=0, cwd=self._folder,
                **_as_user(),  # type: ignore[arg-type]
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            if self._answers():
                return True
            time.sleep(0.02)
        return False

    def _answers(self) -> bool:
        probe = [str(self._binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0

    def address(self, database: str) -> str:
        """Connection address of a database."""
        return f"postgresql://test@127.0.0.1:{self.port}/{database}"

    async def new_database(self) -> str:
        """A fresh empty database; its address."""
        name = f"t_{os.getpid()}_{next(self._numbers)}"
        connection = await asyncpg.connect(self.address("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        finally:
            await connection.close()
        return self.address(name)

    def _log(self) -> str:
        file = self._folder / "log"
        return "\n".join(file.read_text().splitlines()[-50:]) if file.exists() else ""

    def stop(self) -> None:
        """Fast shutdown, then the folder goes."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server. Missing: skipped, an error under CI=true."""
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HELP)
        pytest.skip(HELP)
    server = Postgres(binaries)
    try:
        yield server.start()
    finally:
        server.stop()
