"""One headless Chromium for all tests of a process, driven by Playwright in a thread of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.services.shared import missing

# tools/services.sh looks at the same places.
NAMES = ("chromium", "/usr/bin/chromium", "chromium-browser", "google-chrome")
# It must not ask for anything that the page does not ask for.
QUIET = (
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-default-apps", "--no-first-run", "--disable-quic", "--disable-gpu"),
    *("--disable-dev-shm-usage", "--force-color-profile=srgb", "--font-render-hinting=none"),
)
# Nobody but our servers is reached, by the browser's own rule: to be asked about each request here
# takes a quarter of the load of a page. `Tab` notes what a page asks for.
NOBODY = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
LAUNCH_MS_MAX = 60_000

T = TypeVar("T")


def find_chromium() -> Path | None:
    """The browser's program."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return Path(found) if found else None


class Chromium:
    """Started for the first test that needs it.

    Playwright's blocking calls occupy the event loop of their thread for good: in a thread of
    their own they leave the loops of other tests alone.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="browser")
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    def run(self, work: Callable[[], T]) -> T:
        """Do this in the browser's thread; its result or its error."""
        return self._thread.submit(work).result()

    def browser(self) -> Browser:
        """To be called in the browser's thread. Skips the test when there is none to start."""
        if self._browser is None:
            program = find_chromium()
            if program is None:
                missing("Chromium is missing; make services installs it")
            root = ["--no-sandbox"] if os.geteuid() == 0 else []
            self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(
                executable_path=program, args=[*QUIET, NOBODY, *root], timeout=LAUNCH_MS_MAX
            )
        return self._browser

    def close(self) -> None:
        """End the browser and its thread."""
        self.run(self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        if self._browser is not None:
            self._browser.close()
        if self._playwright is not None:
            self._playwright.stop()
