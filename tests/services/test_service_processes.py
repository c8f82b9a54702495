"""Processes of services: what a failed start tells, what a kill ends, who shares a server."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.services.process import LOG_LINES, Child, ServiceError, is_dead
from tests.services.server import ATTEMPTS, Server
from tests.services.shared import OnePerSession, missing, prepared

SLEEPER = ["sh", "-c", "setsid sleep 600 & echo $!; wait"]
# Starts a child and is then killed, as pytest may be.
PARENT = """
import sys, time
from pathlib import Path
from tests.services.process import Child
child = Child("Sleeper", Path(sys.argv[1]))
child.start(["sleep", "600"], lambda: True, 5)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A process that writes its log into the test's folder."""
    made = Child("Sleeper", tmp_path)
    yield made
    made.kill()


def test_a_server_that_ends_tells_the_end_of_its_log(child: Child) -> None:
    script = f"i=0; while [ $i -lt {LOG_LINES + 9} ]; do i=$((i+1)); echo line $i.; done; exit 3"
    with pytest.raises(ServiceError, match="Sleeper ended with status 3") as raised:
        child.start(["sh", "-c", script], lambda: False, 30)
    assert f"line {LOG_LINES + 9}." in str(raised.value)
    assert "line 10." in str(raised.value)
    assert "line 9." not in str(raised.value)


def test_a_server_that_is_not_ready_in_time_is_killed_and_tells_its_log(child: Child) -> None:
    pids: list[int] = []

    def never() -> bool:
        pids.append(child.pid)
        return False

    with pytest.raises(ServiceError, match=r"not ready after 0\.3 s(.|\n)*still loading"):
        child.start(["sh", "-c", "echo still loading; sleep 600"], never, 0.3)
    assert not child.runs
    assert is_dead(pids[-1])


def test_kill_ends_also_what_left_the_group(child: Child) -> None:
    child.start(SLEEPER, lambda: bool(child.log()), 10)
    grandchild = int(child.log())
    assert not is_dead(grandchild)
    child.kill()
    assert is_dead(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_server_ends_with_the_tests_even_when_those_are_killed(tmp_path: Path) -> None:
    tests = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE)
    assert tests.stdout is not None
    server = int(tests.stdout.readline())
    tests.send_signal(signal.SIGKILL)
    tests.wait()
    tests.stdout.close()
    deadline = time.monotonic() + 10
    while not is_dead(server):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_outlives_the_thread_that_asked_for_it(child: Child) -> None:
    thread = threading.Thread(target=child.start, args=(["sleep", "600"], lambda: True, 5))
    thread.start()
    thread.join()
    time.sleep(0.1)
    assert child.runs


class TakenPorts(Server):
    """Finds its first `taken` ports used by others."""

    NAME = "Taken"
    PORTS = ("only",)
    taken = 0

    def _command(self) -> list[str]:
        self.tried = [*getattr(self, "tried", []), self.port("only")]
        taken = len(self.tried) <= self.taken
        return ["sh", "-c", "echo Address already in use" if taken else "echo ok; sleep 600"]

    def _answers(self) -> bool:
        return self.child.log().endswith("ok")


def test_a_port_that_another_took_is_replaced_and_kept_afterwards() -> None:
    server = TakenPorts()
    server.taken = ATTEMPTS - 1
    server.start()
    port = server.port("only")
    server.kill()
    server.start()
    assert server.port("only") == port
    assert len(set(server.tried)) == ATTEMPTS
    server.close()
    assert not server.folder.exists()
    server = TakenPorts()
    server.taken = ATTEMPTS
    with pytest.raises(ServiceError, match="Address already in use"):
        server.start()
    server.close()


def test_missing_is_skipped_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception, match="no such server"):
        missing("no such server")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such server"):
        missing("no such server")


def test_modules_share_one_server_which_the_last_one_closes() -> None:
    class Fake:
        closed = False

        def close(self) -> None:
            self.closed = True

    started: list[Fake] = []

    def start() -> Fake:
        started.append(Fake())
        return started[-1]

    shared = OnePerSession(start)
    first, second = shared.use(), shared.use()
    assert next(first) is next(second) is started[0]
    first.close()
    assert not started[0].closed
    second.close()
    assert started[0].closed
    assert len(started) == 1


def test_a_server_is_kept_for_the_next_module_that_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []

    class Fake:
        def close(self) -> None:
            closed.append(1)

    shared = OnePerSession(Fake, "broker")
    monkeypatch.setattr(OnePerSession, "next_module", SimpleNamespace(broker=1))
    users = [shared.use() for _ in range(3)]
    first = next(users[0])
    users[0].close()
    assert next(users[1]) is first and not closed
    monkeypatch.setattr(OnePerSession, "next_module", SimpleNamespace(other=1))
    users[1].close()
    assert closed == [1]
    assert next(users[2]) is not first
    monkeypatch.setattr(OnePerSession, "next_module", SimpleNamespace(broker=1))
    users[2].close()
    assert closed == [1]
    OnePerSession.close_all()
    assert closed == [1, 1], "the next module never came"


def test_a_failed_start_is_not_tried_by_every_module() -> None:
    tries: list[int] = []

    def start() -> Server:
        tries.append(1)
        raise ServiceError("no memory")

    shared = OnePerSession(start)
    for _ in range(2):
        with pytest.raises(ServiceError, match="no memory"):
            next(shared.use())
    assert tries == [1]


def test_prepared_data_is_made_once_for_a_recipe_and_never_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_TEST_SERVICES", str(tmp_path))
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text(str(len(made)))
        if len(made) == 1:
            raise ServiceError("disk full")

    with pytest.raises(ServiceError, match="disk full"):
        prepared("data", 1, make)
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]
    assert (prepared("data", 1, make) / "file").read_text() == "2"
    assert (prepared("data", 1, make) / "file").read_text() == "2"
    assert (prepared("data", 2, make) / "file").read_text() == "3"
