"""One running server for the journeys that do not kill it, emptied after each file of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.emptying import empty
from tests.journeys.follower import Follower, with_key
from tests.journeys.server import STARTED, Server

_shared: list[Server] = []


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of this test process: a start takes two seconds of a processor.

    tests/console has this fixture too, and the same server: who began it ends it.
    """
    if _shared:
        yield _shared[0]
        return
    running = Server(tmp_path_factory.mktemp("shared") / "data").start()
    _shared.append(running)
    yield running
    _shared.clear()
    running.stop()


@pytest.fixture(scope="session")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose time-series APIs ask for no credentials, as their documents assume it. One
    process runs all files that use it (`scheduling.py`); it is not emptied between them."""
    running = Server(tmp_path_factory.mktemp("open") / "data")
    running.arguments = ("--timeseries-auth", "off")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module", params=["off", "required"])
def follower(request: pytest.FixtureRequest, open_server: Server) -> Follower:
    """Who follows a seed document: without credentials, then with a key of ours."""
    if request.param == "off":
        return Follower(open_server, "")
    return with_key(request.getfixturevalue("server"))


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with nothing in it. A file that needs one of its own says why in `OWN_SERVER`."""
    if hasattr(request.module, "OWN_SERVER"):
        own = Server(tmp_path_factory.mktemp("server") / "data").start()
        yield own
        own.stop()
        return
    shared: Server = request.getfixturevalue("shared_server")
    yield shared
    empty(shared)


@pytest.fixture(autouse=True)
def _leave_no_server(tmp_path: Path) -> Iterator[None]:
    """Kill what a failed test left running over its own folder."""
    yield
    for started in [s for s in STARTED if s.data.is_relative_to(tmp_path)]:
        if started.process is not None and started.process.poll() is None:
            started.kill()
        STARTED.discard(started)
