"""The browser's fixtures: one Chromium a process, a context a test, and pictures of what failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.console.chromium import Chromium
from tests.console.tab import WIDTH, Tab
from tests.journeys.conftest import server, shared_server
from tests.journeys.server import Server
from tests.services.shared import missing
from tools import console_bundle

__all__ = ["server", "shared_server"]  # the fixtures, for the tests here

# open_console(server) -> a new tab; theme="dark", width=320 change it.
Opener = Callable[..., Tab]


@pytest.fixture(scope="session")
def bundle() -> None:
    """The console as its source is now, built if it is not."""
    if not console_bundle.wanted():
        missing("NO_CONSOLE=1 leaves the console out")
    try:
        console_bundle.ensure(console_bundle.ROOT)
    except console_bundle.BundleError as error:
        if console_bundle.npm() is not None:
            raise
        missing(str(error))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The browser of this process, which starts when a test opens a tab."""
    running = Chromium()
    yield running
    running.close()


@pytest.fixture
def open_console(
    bundle: None, chromium: Chromium, request: pytest.FixtureRequest
) -> Iterator[Opener]:
    """Opens tabs in the test's thread, which is the browser's; they are closed and judged here."""
    tabs: list[Tab] = []

    def opened(
        server: Server, theme: str = "light", width: int = WIDTH, root_path: str = ""
    ) -> Tab:
        tabs.append(Tab(chromium.browser(), server.url + root_path, theme, width))
        return tabs[-1]

    yield opened
    if getattr(request.node, "failed_in_browser", False):
        name = re.sub(r"\W+", "-", request.node.name)
        for number, tab in enumerate(tabs):
            chromium.run(partial(_last_words, tab, f"failed-{name}-{number}"))
    for tab in tabs:
        chromium.run(tab.close)


def _last_words(tab: Tab, name: str) -> None:
    print(f"{tab.page.url}: {tab.shot(name)}", *tab.problems, sep="\n")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: Any) -> bool | None:
    """A test that opens tabs runs in the browser's thread."""
    if "open_console" not in pyfuncitem.fixturenames:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    chromium: Chromium = pyfuncitem._request.getfixturevalue("chromium")
    try:
        chromium.run(partial(pyfuncitem.obj, **arguments))
    except BaseException:
        pyfuncitem.failed_in_browser = True
        raise
    return True
