"""Check 13: an alert with a built condition: tried on history, triggered, told once, resolved."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.journeys.receiver import Receiver
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

SECONDS = 15.0
# Within this time a second message would have come.
QUIET_SECONDS = 1.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where messages go."""
    with Receiver() as made:
        yield made


def test_alert(server: Server, open_console: Opener, receiver: Receiver) -> None:
    server.create("kettles", place="string", temperature="float64")
    columns = ["place", "temperature"]
    server.ingest("kettles", columns, [["a", 20.0], ["a", 41.0], ["a", 25.0], ["b", 22.0]])
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    tab.go("alerts")
    page.get_by_role("button", name="Create your first alert").click()
    page.get_by_role("textbox", name=re.compile("^Name")).first.fill("Too warm")
    # No SQL is typed: the stream is chosen.
    page.get_by_label("Begin with").select_option(label="stream kettles")
    page.get_by_label("Column").select_option("temperature")
    page.get_by_label("Value", exact=True).fill("warm")
    expect(page.get_by_text("A number is needed.")).to_be_visible()
    page.get_by_label("Value", exact=True).fill("40")
    expect(page.get_by_label("Trigger SQL")).to_have_text(
        "SELECT * FROM kettles WHERE temperature > 40"
    )
    expect(page.get_by_label("Resolve SQL")).to_have_text(
        "SELECT * FROM kettles WHERE NOT (temperature > 40)"
    )
    page.get_by_role("button", name="Test on history").click()
    expect(page.get_by_text("It would have triggered 1 time.")).to_be_visible()
    assert receiver.requests == []
    # People resolve this one.
    page.get_by_label("Resolve by itself").uncheck()
    expect(page.get_by_label("Resolve SQL")).to_have_text("")
    page.locator("[data-property=url]").fill(f"{receiver.url}/alarm")
    tab.shot("alert-form")
    page.get_by_role("button", name="Create and start").click()
    expect(page.get_by_role("heading", name="Too warm")).to_be_visible()
    expect(page.get_by_text("It has not been triggered yet.")).to_be_visible()

    server.ingest("kettles", columns, [["b", 44.0]])
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.get_by_role("listitem")).to_have_count(1)
    expect(timeline).to_contain_text("triggered")
    expect(timeline.get_by_role("img", name="Triggered")).to_be_visible()
    wait_until(lambda: bool(receiver.bodies("/alarm")), SECONDS, "the message")
    page.get_by_role("button", name="Resolve").click()
    expect(timeline.get_by_role("listitem")).to_have_count(2)
    expect(timeline.get_by_role("listitem").first).to_contain_text("resolved")
    expect(page.get_by_role("button", name="Resolve")).to_have_count(0)
    tab.shot("alert")
    time.sleep(QUIET_SECONDS)
    told = [body for body in receiver.bodies("/alarm") if "44" in str(body)]
    assert len(told) == 1, receiver.requests

    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    (alert,) = server.call("GET", "/alerts").json()
    assert alert["status"] == "stopped"
    assert [event["type"] for event in alert["instance"]["timeline"]] == ["triggered", "resolved"]
