"""Check 12: a source of a NATS server, from a connection that fails to rows in a new stream."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.publisher import Publisher
from tests.console.tab import Tab
from tests.journeys.server import Server, free_port
from tests.journeys.waiting import wait_until
from tests.services.nats import Nats, nats_server

__all__ = ["nats_server"]

SUBJECT = "console.ovens"
ROWS_SECONDS = 15.0


def test_source_wizard(server: Server, open_console: Opener, nats_server: Nats) -> None:
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    with Publisher(nats_server.url, SUBJECT):
        tab.go("sources")
        page.get_by_role("button", name="New source").first.click()
        page.locator("input[name=type][value=nats]").check()
        page.get_by_role("button", name="Next").click()

        connect(tab, nats_server)

        page.get_by_role("button", name="Show events").click()
        raw = page.get_by_role("region", name="Raw")
        expect(raw).to_contain_text('"t":21.5', timeout=30_000)
        parsed = page.get_by_role("region", name="Columns")
        expect(parsed.get_by_role("columnheader")).to_have_text(["number", "place", "t"])
        expect(
            parsed.get_by_role("cell", name="oven <img src=x onerror=alert(1)>").first
        ).to_be_visible()
        tab.shot("source-wizard-preview")

        # Back loses nothing.
        page.get_by_role("button", name="Back").click()
        expect(page.get_by_label("URLs")).to_have_value(nats_server.url)
        page.get_by_role("button", name="Next").click()
        expect(raw).to_contain_text('"t":21.5')
        page.get_by_role("button", name="Next").click()

        expect(page.get_by_role("textbox", name="Stream")).to_have_value("console_ovens")
        expect(page.get_by_label("Name")).to_have_value("console_ovens_nats")
        page.get_by_role("textbox", name="Stream").fill("ovens")
        page.get_by_label("Name").fill("ovens of NATS")
        expect(page.get_by_text("A letter first")).to_be_visible()
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name="Stream")).to_be_visible()
        page.get_by_label("Name").fill("ovens_of_nats")
        expect(page.get_by_label("Type 2")).to_have_value("string")
        expect(page.get_by_label("Type 3")).to_have_value(re.compile("float"))
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_label("POST /api/v1beta2/streams")).to_contain_text('"name": "ovens"')
        expect(page.get_by_label("POST /api/v1beta2/sources")).to_contain_text(f'"{SUBJECT}"')
        sql = page.get_by_label("The stream in SQL:")
        expect(sql).to_contain_text(re.compile(r"CREATE STREAM ovens \(\s+number int64,"))
        page.get_by_role("button", name="Create and start").click()
        expect(page).to_have_url(re.compile(r"/console/sources/[^/]+\?tab=live"))
        expect(page.get_by_role("grid")).to_contain_text("21.5")

        def rows() -> int:
            return int(server.select("SELECT count() FROM table(ovens) WHERE t = 21.5")[0][0])

        wait_until(lambda: rows() > 3, ROWS_SECONDS, "rows of the source")
        tab.go("sources")
        row = page.get_by_role("row", name="ovens_of_nats")
        expect(row).to_contain_text("running")
        # Ten a second, which the server counts every five seconds: rows, not bytes.
        expect(row).to_contain_text(re.compile(r"ovens\s*running\s*(\d\.\d|[1-9]|1[0-2])\s*$"))
        row.get_by_role("button", name="ovens_of_nats").click()
        expect(page.get_by_role("heading", name="ovens_of_nats")).to_be_visible()
        assert urlsplit(page.url).path.startswith("/console/sources/")
        tab.shot("source")
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        (source,) = server.call("GET", "/sources").json()
        assert source["status"] == "stopped"


def connect(tab: Tab, nats_server: Nats) -> None:
    """The step of the connection: with nothing, with a port where nobody listens, and right."""
    page = tab.page
    # What is missing is named when one wants to go on, and not before.
    expect(page.get_by_text("This is needed.")).to_have_count(0)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("This is needed.").first).to_be_visible()

    page.get_by_label("URLs").fill(f"nats://127.0.0.1:{free_port()}")
    page.get_by_label("Data type").select_option("json")
    page.get_by_label("Subject").fill(SUBJECT)
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text(re.compile("The step “.*(port|connect).*” failed"))).to_be_visible()
    tab.shot("source-wizard-failed")

    page.get_by_label("URLs").fill(nats_server.url)
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("The connection works.")).to_be_visible()
    page.get_by_role("button", name="Next").click()
