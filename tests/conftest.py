"""Settings of the whole suite: the long forms, hypothesis, the order, and where the suite runs."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import tempfile
import uuid
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import tls_contexts
from tests.engine.seeds import first_seed
from tests.journeys.conformance import Background, present
from tests.scheduling import Together, group_of
from tests.services.shared import OnePerSession
from tests.syntax_trees import guard

settings.register_profile("default", deadline=None, max_examples=50)
# The gate must not depend on luck: the same examples each time.
settings.register_profile("gate", deadline=None, max_examples=20, derandomize=True)
settings.register_profile(
    "full", deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow]
)

JOURNEYS = "tests/journeys/"
# It waits for what ran beside all others, so it comes after them.
LAST = f"{JOURNEYS}test_conformance.py"
COMPILED = Path(__file__).parents[1] / ".pytest_cache" / "compiled"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: the long forms."""
    parser.addoption("--full", action="store_true", help="run the long forms of the tests")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples hypothesis makes; name the run of the conformance suite."""
    guard()
    tls_contexts.share()
    gate = os.environ.get("CI") == "true"
    settings.load_profile("full" if config.getoption("--full") else "gate" if gate else "default")
    run = _worker(config).get("testrunuid") or uuid.uuid4().hex
    folder = Path(tempfile.gettempdir()) / f"tailrace-conformance-{run}"
    config.stash[Background.KEY] = Background(folder)
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        # Tests start some hundred processes: each would compile the whole program anew; and each
        # process that collects would compile all tests.
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(COMPILED)
        sys.dont_write_bytecode = False
    # What is collected stays: to walk it again and again takes a seventh of the collection.
    gc.disable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms out unless asked for; put the files into an order."""
    items[:] = _spread(items)
    if config.getoption("--full"):
        return
    _take_turns(config, items)
    skip = pytest.mark.skip(reason="long form; run make test-full")
    for item in items:
        if "full" in item.keywords:
            item.add_marker(skip)


def _take_turns(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the cases of `turns(n)` that are another commit's."""
    turn = first_seed()
    others = [item for item in items if _is_of_another_turn(item, turn)]
    items[:] = [item for item in items if not _is_of_another_turn(item, turn)]
    config.hook.pytest_deselected(items=others)


def _is_of_another_turn(item: pytest.Item, turn: int) -> bool:
    marker = item.get_closest_marker("turns")
    if marker is None:
        return False
    count, place = (*marker.args, zlib.crc32(item.name.encode()))[:2]
    return (place + turn) % count != 0


def _spread(items: list[pytest.Item]) -> list[pytest.Item]:
    """Files that mostly wait (journeys) evenly among those that mostly compute, long ones first."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    waiting = [name for name in files if name.startswith(JOURNEYS) and name != LAST]
    working = [name for name in files if not name.startswith(JOURNEYS)]
    working.sort(key=lambda name: -len(files[name]))
    place = {name: at / len(some) for some in (waiting, working) for at, name in enumerate(some)}
    first: dict[str, float] = {}  # of each group, whose files follow each other
    for name in files:
        group = group_of(name)
        first[group] = min(first.get(group, 1), place.get(name, 1))
    order = sorted(
        files, key=lambda name: (first[group_of(name)], group_of(name), place.get(name, 1))
    )
    return [item for name in order for item in files[name]]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """See `scheduling.py`."""
    return Together(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Services that the next file uses too are kept."""
    OnePerSession.next_module = getattr(nextitem, "module", None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the conformance suite, in one of the processes, if its test is to be run."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # libraries of C complain about objects that are never freed
    gc.enable()
    config = session.config
    first = _worker(config).get("workerid", "gw0") == "gw0" and not _distributes(config)
    asked = any(item.nodeid.startswith(LAST) for item in session.items)
    if first and asked and present() and not config.getoption("collectonly"):
        config.stash[Background.KEY].begin(full=bool(config.getoption("--full")))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """End services, and the run of the conformance suite; others may wait for that still."""
    OnePerSession.close_all()
    broken = bool(session.shouldstop or session.shouldfail) or exitstatus > 1
    session.config.stash[Background.KEY].end(now=broken)


def _worker(config: pytest.Config) -> dict[str, str]:
    """What pytest-xdist told this process; nothing in any other process."""
    return getattr(config, "workerinput", {})


def _distributes(config: pytest.Config) -> bool:
    """Whether other processes run the tests of this one."""
    return bool(config.getoption("numprocesses", None)) and not _worker(config)


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether the long forms were asked for."""
    return bool(pytestconfig.getoption("--full"))
