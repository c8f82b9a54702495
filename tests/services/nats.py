"""A real NATS server with JetStream for tests: one per session, on a free port."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

START_SECONDS_MAX = 20.0
PLACES = ("/usr/sbin/nats-server", "/usr/local/bin/nats-server", "/opt/homebrew/bin/nats-server")
HELP = "NATS is not installed; install it with `apt-get install nats-server`."


def find_binary() -> str | None:
    """The server, None without one."""
    on_path = shutil.which("nats-server")
    return on_path or next((place for place in PLACES if Path(place).exists()), None)


class Nats:
    """A running server over a temporary folder; may be stopped and started on the same port."""

    def __init__(self, binary: str, *options: str) -> None:
        """`options`: more of its command line."""
        self.binary = binary
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="tailrace-nats-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._port = -1

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> Nats:
        """Start and wait until it says its port."""
        log = (self._folder / "log").open("ab")
        command = [
            self.binary, "-a", "127.0.0.1", "-p", str(self._port), "-js",
            "-sd", str(self._folder / "js"), "--ports_file_dir", str(self._folder), *self._options,
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        file = self._folder / f"nats-server_{self._process.pid}.ports"
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            if file.exists() and file.read_text().endswith("}"):
                address = json.loads(file.read_text())["nats"][0]
                self._port = int(address.rpartition(":")[2])
                return self
            time.sleep(0.02)
        raise AssertionError(f"NATS does not start: {(self._folder / 'log').read_text()}")

    def pause(self) -> None:
        """It hangs until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9; what JetStream had acknowledged is on disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def nats_server() -> Iterator[Nats]:
    """The session's server; skipped without one, an error in CI."""
    binary = find_binary()
    if binary is None:
        if os.environ.get("CI") == "true":
            raise AssertionError(HELP)
        pytest.skip(HELP)
    server = Nats(binary)
    try:
        yield server.start()
    finally:
        server.close()
