"""Check 9, second half: a restart of the server loses no text, and the live query goes on."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.query_page import editor, open_query, run, until
from tests.journeys.server import Server

OWN_SERVER = "kill -9"
# Back-off of socket and banner, and the start of a server on a busy machine.
BACK_MS = 40_000


def test_text_and_live_query_outlive_the_server(server: Server, open_console: Opener) -> None:
    server.create("lasting", v="int32")
    tab = open_console(server)
    tab.sign_in(server)
    # While the server is away the browser itself complains about each call.
    tab.allow(r"ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|WebSocket")
    tab.allow(r"status of (401|403|503)")
    page = open_query(tab)
    run(page, "select v from lasting")
    until(page, lambda: len(server.running()) == 1, BACK_MS / 1000, "the query")
    server.ingest("lasting", ["v"], [[11]])
    expect(page.get_by_role("gridcell", name="11", exact=True)).to_be_visible()

    server.kill()
    expect(page.get_by_text("The server cannot be reached")).to_be_visible(timeout=BACK_MS)
    editor(page).click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" -- typed while it was away")
    server.start()
    expect(page.get_by_text("The server cannot be reached")).to_be_hidden(timeout=BACK_MS)
    expect(page.get_by_label("State of the query").get_by_text("running")).to_be_visible(
        timeout=BACK_MS
    )
    for value in range(20, 80):
        # The query begins anew at some moment after the server is there.
        server.ingest("lasting", ["v"], [[value]])
        page.wait_for_timeout(500)
        if page.get_by_role("gridcell", name=str(value), exact=True).is_visible():
            break
    else:
        raise AssertionError("no row came after the restart")
    text = "select v from lasting -- typed while it was away"
    expect(editor(page)).to_have_text(text)
    page.reload()
    expect(editor(page)).to_have_text(text)
