"""Check 1: the printed token sets the password of admin; sign in, a wrong password, sign out.

All of it below a root path, as behind a proxy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.tab import PASSWORD
from tests.journeys.server import Server

ROOT_PATH = "/tools/tailrace"
PRINTED = re.compile(r"Console: (http://\S+/console/first-run#token=(\S{43}))\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: its admin gets a password, and it has a root path."""
    folder = tmp_path_factory.mktemp("server")
    running = Server(folder / "data", TAILRACE_ROOT_PATH=ROOT_PATH).start()
    yield running
    running.stop()


def test_first_run_sign_in_and_out(server: Server, open_console: Opener) -> None:
    ((address, token),) = PRINTED.findall(server.log_text())
    tab = open_console(server, root_path=ROOT_PATH)
    page = tab.page
    # Everybody else is told to sign in, and where the token is.
    tab.go()
    expect(page).to_have_url(re.compile("/console/login"))
    expect(page.get_by_text("one-time token")).to_be_visible()

    page.goto(address)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Repeat the password").fill(PASSWORD)
    assert token not in page.url
    page.get_by_role("button", name="Set and sign in").click()
    expect(page.get_by_role("navigation")).to_be_visible()
    expect(page).to_have_url(f"{tab.url}/console/")
    assert server.log_text().count(token) == 1  # as printed; in no line of the log
    assert [url for url in tab.requests if token in url] == []
    session = next(c for c in tab.context.cookies() if c["name"] == "tailrace_session")
    assert (session["httpOnly"], session["sameSite"]) == (True, "Strict")

    page.get_by_role("button", name="User").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page).to_have_url(re.compile("/console/login"))
    assert "tailrace_session" not in {cookie["name"] for cookie in tab.context.cookies()}

    tab.allow(r"status of 403 .*/auth/login")
    page.get_by_label("User name or e-mail").fill("admin")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("The user name or password is wrong.")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation")).to_be_visible()
    expect(page).to_have_url(f"{tab.url}/console/")
    page.reload()
    expect(page.get_by_role("navigation")).to_be_visible()
    tab.shot("home-after-sign-in")

    # The token is good once, and does not stay in the address.
    page.goto(address)
    expect(page.get_by_label("New password")).to_be_visible()
    page.reload()
    expect(page.get_by_text("This address has no token")).to_be_visible()
    page.goto(address)
    tab.allow(r"status of 403 .*/console/first-run")
    page.get_by_label("New password").fill("another password")
    page.get_by_label("Repeat the password").fill("another password")
    page.get_by_role("button", name="Set and sign in").click()
    expect(page.get_by_text("is set already")).to_be_visible()
