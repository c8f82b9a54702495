"""A tab of the browser with the console in it, which notes all that must not happen there."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from tests.journeys.server import Server

ARTEFACTS = Path(__file__).parents[2] / "build" / "console"
AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
# What a page waits for at most; a busy machine draws slowly.
WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)
WIDTH, HEIGHT = 1440, 900
PASSWORD = "correct horse battery"
# Addresses that leave no machine.
INNER = ("data:", "blob:", "about:", "chrome-error:")


class Tab:
    """One page of its own context: no cookie, no cache, no storage of another test."""

    def __init__(self, browser: Browser, url: str, theme: str, width: int) -> None:
        self.url = url
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._allowed: list[re.Pattern[str]] = []
        self._host = urlsplit(url).netloc
        self.context = browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if theme == "dark" else "light",
            locale="en-GB",
            timezone_id="UTC",
        )
        self.context.set_default_timeout(WAIT_MS)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.watch(self.context.new_page())

    def watch(self, page: Page) -> Page:
        """Note the problems of this page too; a second one of the same sign-in, say."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._note(f"page error: {error}"))
        page.on("request", self._asked)
        page.on("websocket", lambda socket: self._check(socket.url))
        page.on("crash", lambda _: self._note("the page crashed"))
        return page

    def allow(self, pattern: str) -> None:
        """What this test provokes: messages in which the pattern is found are no problem."""
        self._allowed.append(re.compile(pattern))

    def go(self, path: str = "") -> None:
        """Open a view, such as `query`; waits until its page is drawn."""
        self.page.goto(f"{self.url}/console/{path}")
        self.page.locator("#root > *").first.wait_for()

    def sign_in(self, server: Server, user: str = "admin", role: str = "admin") -> None:
        """Begin a session of a user of that name, who is made when not there."""
        name = f"console_{user}"
        body = {"username": name, "password": PASSWORD, "role": role}
        made = server.call("POST", "/users", body)
        assert made.status_code == 201 or "exists" in made.text, made.text
        answer = self.context.request.post(
            f"{self.url}/api/v1beta2/auth/login", data={"username": name, "password": PASSWORD}
        )
        assert answer.ok, answer.text()

    def shot(self, name: str) -> Path:
        """A picture of the tab, kept as an artefact."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def findings(self) -> list[str]:
        """What axe finds that is serious or worse on the page as it is now."""
        # Evaluated, not put into the page: its policy lets no such script in.
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def close(self) -> None:
        """The end of the context, and what it must not have seen."""
        self.context.close()
        left = [one for one in self.problems if not any(p.search(one) for p in self._allowed)]
        assert left == []

    def _is_ours(self, url: str) -> bool:
        return url.startswith(INNER) or urlsplit(url).netloc == self._host

    def _check(self, url: str) -> None:
        if not self._is_ours(url):
            self._note(f"request to another host: {url}")

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)
        self._check(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location.get("url", "")
            self._note(f"console: {message.text} ({place})")

    def _note(self, text: str) -> None:
        self.problems.append(text)
