"""Check 9, its second half: a page while its server is away, or where sockets are blocked.

No text is lost, and the live query goes on.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from copy import copy

from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.live_rows import counts, flow, grid, wait_count
from tests.console.query_page import editor, open_query, run
from tests.journeys.server import Server

OWN_SERVER = "it is killed while a page is open"
# Back-off of socket and banner, and the start of a server on a busy machine.
BACK_MS = 40_000
GONE = r"ERR_CONNECTION|WebSocket connection|Failed to load resource|ERR_EMPTY|ERR_SOCKET"


def test_rows_stay_and_go_on_after_a_restart_of_the_server(
    server: Server, open_console: Opener
) -> None:
    flow(server, "steady", 50)
    tab = open_console(server)
    tab.allow(GONE)
    tab.sign_in(server)
    page = open_query(tab)
    run(page, "select * from steady")
    before = wait_count(page, "received", 100)
    server.kill()
    expect(page.get_by_text("The connection is lost")).to_be_visible()
    assert counts(page)["received"] >= before["received"]
    expect(page.get_by_text("The server cannot be reached")).to_be_visible(timeout=BACK_MS)
    editor(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(" -- typed while it was away")
    tab.shot("connection-lost")
    server.start()
    expect(page.get_by_text("The server cannot be reached")).to_be_hidden(timeout=BACK_MS)
    expect(page.get_by_text("The connection is lost")).to_have_count(0, timeout=BACK_MS)
    text = "select * from steady -- typed while it was away"
    expect(editor(page)).to_have_text(text)
    expect(page.get_by_label("State of the query")).to_contain_text("running")
    wait_count(page, "received", counts(page)["received"] + 100, 30_000)
    # A line in the rows says where the connection was lost.
    page.get_by_role("button", name="Pause").click()
    grid(page).focus()
    page.keyboard.press("Home")
    marked = grid(page).locator(".mark-gap")
    for _ in range(40):
        if marked.count():
            break
        page.keyboard.press("PageDown")
        page.wait_for_timeout(50)
    expect(marked.first).to_have_attribute("title", re.compile("No connection for"))

    # A query with a state begins anew, and says so.
    page.keyboard.press("Alt+t")
    run(page, "select count() as n from steady emit periodic 1s")
    wait_count(page, "received", 2)
    server.kill()
    expect(page.get_by_text("The connection is lost")).to_be_visible()
    server.start()
    expect(page.get_by_text("its state is new")).to_be_visible(timeout=BACK_MS)
    page.reload()
    expect(editor(page)).to_contain_text("emit periodic")
    page.keyboard.press("Alt+1")
    expect(editor(page)).to_have_text(text)


@contextmanager
def without_sockets(port: int) -> Generator[int]:
    """A way to the server that lets no WebSocket through, as some proxies do; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_ones: list[socket.socket] = []

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve(client: socket.socket) -> None:
        head = b""
        with suppress(OSError):
            while b"\r\n\r\n" not in head:
                part = client.recv(65_536)
                if not part:
                    break
                head += part
        if b"upgrade: websocket" in head.lower() or not head:
            client.close()
            return
        upstream = socket.create_connection(("127.0.0.1", port))
        open_ones.extend((client, upstream))
        upstream.sendall(head)
        threading.Thread(target=pass_on, args=(upstream, client), daemon=True).start()
        pass_on(client, upstream)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()
    for one in open_ones:
        one.close()


def test_without_sockets_rows_come_by_event_streams_and_the_page_says_so(
    server: Server, open_console: Opener
) -> None:
    flow(server, "trickle", 50)
    with without_sockets(server.port) as port:
        behind = copy(server)
        behind.port = port
        tab = open_console(behind)
        tab.allow(GONE)
        tab.sign_in(behind)
        page = open_query(tab)
        run(page, "select * from trickle")
        expect(page.get_by_text("This network lets no WebSocket through")).to_be_visible()
        wait_count(page, "received", 100)
        tab.shot("event-stream")
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.get_by_label("State of the query")).to_contain_text("cancelled")
