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
