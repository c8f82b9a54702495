"""A real Tailrace server for tests: started by the installed command, killed by pid."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.journeys.waiting import wait_until

# On an idle machine a start takes one or two seconds; many of these tests share two cores.
START_SECONDS_MAX = 30.0
CALL_SECONDS_MAX = 60.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_key() -> str:
    """A 60-character key for the bootstrap setting."""
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(60))


# Every server of this test process, so that a failed test leaves none behind.
STARTED: set[Server] = set()


class Server:
    """One server process tree over one data folder; may be started again after a kill."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.key = new_key()
        self.port = free_port()
        self.environment = environment
        self.arguments: tuple[str, ...] = ()  # further ones of the command
        self.process: subprocess.Popen[bytes] | None = None
        self._log = data.parent / f"{data.name}.log"
        self._http = httpx.Client(timeout=CALL_SECONDS_MAX)

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """The v1beta2 root of the default workspace."""
        return f"{self.url}/default/api/v1beta2"

    @property
    def headers(self) -> dict[str, str]:
        """Credentials of the admin."""
        return {"X-Api-Key": self.key}

    def log_text(self) -> str:
        """What the server printed so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self, probe: str = "/readyz") -> Server:
        """Start and wait until `probe` answers 200."""
        self.launch()
        assert self.process is not None
        try:
            wait_until(lambda: self._is_up(probe), START_SECONDS_MAX, f"200 of {probe}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.log_text()[-2000:]}") from None
        return self

    def _is_up(self, probe: str) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the server ended"
        return self.ready(probe)

    def launch(self) -> None:
        """Start and do not wait."""
        command = Path(sys.executable).with_name("tailrace")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TAILRACE_")}
        environment |= {"TAILRACE_BOOTSTRAP_API_KEY": self.key, **self.environment}
        STARTED.add(self)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(command),
                    "serve",
                    "--host=127.0.0.1",
                    f"--port={self.port}",
                    f"--data-dir={self.data}",
                    *self.arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def ready(self, probe: str = "/readyz") -> bool:
        """Whether `probe` answers 200 now."""
        try:
            # Plain HTTP: to read the certificates would take longer than to ask.
            return httpx.get(f"{self.url}{probe}", timeout=2, verify=False).status_code == 200
        except httpx.HTTPError:
            return False

    def call(self, method: str, path: str, body: Any = None, /, **headers: str) -> httpx.Response:
        """One request to the API as the admin, whatever its answer."""
        return self._http.request(
            method, f"{self.api}{path}", json=body, headers={**self.headers, **headers}
        )

    def create(self, name: str, /, **columns: str) -> None:
        """A new stream."""
        body = {"name": name, "columns": [{"name": k, "type": v} for k, v in columns.items()]}
        answer = self.call("POST", "/streams", body)
        assert answer.status_code == 201, answer.text

    def ingest(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
        """Rows that must be accepted."""
        body = {"columns": columns, "data": rows}
        answer = self.call("POST", f"/streams/{name}/ingest", body)
        assert answer.status_code == 200, answer.text

    def select(self, sql: str) -> list[list[Any]]:
        """Rows of a bounded query that must succeed."""
        answer = self.call("POST", "/exec", {"sql": sql, "type": "historical"})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def running(self, tag: str = "") -> list[dict[str, Any]]:
        """The queries that run now, those with a tag only if one is given."""
        queries = self.call("GET", f"/queries?tag={tag}" if tag else "/queries").json()
        return [query for query in queries if query["status"] == "running"]

    def family(self) -> list[psutil.Process]:
        """The server's process and all below it."""
        assert self.process is not None
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def memory(self) -> int:
        """Resident bytes of all processes; shared pages count in each."""
        total = 0
        for process in self.family():
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total

    def children(self, module: str) -> list[psutil.Process]:
        """Child processes that run `python -m module`."""
        if self.process is None:
            return []
        try:
            tree = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        found: list[psutil.Process] = []
        for child in tree:
            try:
                if module in child.cmdline():
                    found.append(child)
            except psutil.Error:
                continue
        return found

    def kill_engine(self) -> int:
        """kill -9 of the engine process; its pid."""
        engine = self.children("engine.host")[0]
        engine.kill()
        engine.wait(10)
        return engine.pid

    def kill(self) -> None:
        """kill -9 of the whole tree."""
        assert self.process is not None
        try:
            tree = self.family()
        except psutil.NoSuchProcess:
            return
        for process in tree:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(10)
        psutil.wait_procs(tree[1:], timeout=10)

    def _has_ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM; the exit status. Fails when it takes longer than `seconds`."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            wait_until(self._has_ended, seconds, "the stop")
            return self.process.wait()
        except AssertionError:
            self.kill()
            raise AssertionError(f"no exit within {seconds} s: {self.log_text()[-2000:]}") from None
