"""One test row of a sink and one test message of an alert, sent from their pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.journeys.receiver import Receiver
from tests.journeys.server import Server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where messages go."""
    with Receiver() as made:
        yield made


def test_trials_of_receivers(server: Server, open_console: Opener, receiver: Receiver) -> None:
    server.create("wells", depth="float64")
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    tab.go("sinks/new?sql=SELECT%20depth%20FROM%20wells")
    page.locator("input[name=type][value=http]").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name").fill("well_sink")
    expect(page.get_by_text("Gives: depth float64")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    page.locator("[data-property=url]").fill(f"{receiver.url}/rows")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Send one test event").click()
    expect(page.get_by_text("The test event was delivered.")).to_be_visible()
    assert len(receiver.bodies("/rows")) == 1
    assert server.call("GET", "/sinks").json() == []

    tab.go("alerts/new?sql=wells&name=Too%20deep")
    page.get_by_label("Value", exact=True).fill("40")
    page.locator("[data-property=url]").fill(f"{receiver.url}/alarm")
    page.get_by_role("button", name="Send a test message").click()
    expect(page.get_by_text("The test message was taken.")).to_be_visible()
    assert len(receiver.bodies("/alarm")) == 1
    assert server.call("GET", "/alerts").json() == []


def test_a_view_that_fails_goes_on(server: Server, open_console: Opener) -> None:
    """Flow F: the rail counts it, its errors say why, the bad row is set aside and shown."""
    server.create("measured", n="int32", depth="string")
    query = "SELECT n, to_int32(depth) AS metres FROM measured"
    body = {"name": "in_metres", "query": query, "materialized": True}
    assert server.call("POST", "/views", body).status_code == 201
    server.ingest("measured", ["n", "depth"], [[1, "7"], [2, "deep"], [3, "9"]])
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    tab.go("views")
    rail = page.get_by_role("navigation", name="Main")
    expect(page.get_by_role("row", name="in_metres")).to_contain_text("failed")
    expect(rail.get_by_title("1 failed view")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="in_metres").click()
    expect(page.get_by_text("cannot parse text as int32: deep.")).to_be_visible()
    page.get_by_role("button", name="Set bad rows aside").click()
    letters = page.get_by_role("table", name="The newest dead letters")
    expect(letters).to_contain_text('"depth":"deep"')
    expect(page.get_by_text("No error.")).to_be_visible()
    assert tab.findings() == []
    tab.shot("view-errors")
    assert server.select("SELECT metres FROM table(in_metres) ORDER BY n") == [[7], [9]]
    assert server.call("DELETE", "/views/in_metres").status_code == 204
