"""Check 14: the graph shows source -> stream -> view, alert and sink; search, focus, a stop."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.journeys.receiver import Receiver
from tests.journeys.server import Server
from tests.journeys.waiting import pace

SHOWN_SECONDS_MAX = 10


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where messages go."""
    with Receiver() as made:
        yield made


def make(server: Server, group: str, body: dict[str, Any]) -> str:
    """A new object; its id."""
    answer = server.call("POST", f"/{group}", body)
    assert answer.status_code == 201, answer.text
    return answer.json().get("id", "")


@pytest.fixture
def source(server: Server, receiver: Receiver) -> str:
    """The beginning of a chain of one of each kind."""
    server.create("mills", temperature="float64")
    server.create("wells", n="int64")
    view = "CREATE MATERIALIZED VIEW mill_sums AS SELECT temperature + 1 AS m FROM mills"
    assert server.call("POST", "/queries/exec", {"sql": view}).status_code == 200
    url = {"url": f"{receiver.url}/"}
    make(
        server,
        "sinks",
        {
            "name": "mill_sink",
            "type": "http",
            "query": "SELECT m FROM mill_sums",
            "properties": url,
        },
    )
    alert = {"name": "mill_alert", "action": "http", "severity": 2, "properties": url}
    make(
        server,
        "alerts",
        {**alert, "trigger_sql": "SELECT temperature FROM mills WHERE temperature < -99"},
    )
    properties = {"template": "iot", "interval": "100ms"}
    body = {"name": "mill_source", "type": "stream_generator", "stream": "mills"}
    return make(server, "sources", {**body, "properties": properties})


def test_lineage(server: Server, open_console: Opener, source: str) -> None:
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    tab.go("lineage")
    nodes = page.locator(".react-flow__node")
    for name in ("mill_source", "mills", "mill_sums", "mill_sink", "mill_alert", "wells"):
        expect(nodes.get_by_text(name, exact=True)).to_be_visible()
    # The same as a table names the neighbours of each.
    page.get_by_role("button", name="As a table").click()
    stream = page.get_by_role("row", name=re.compile("^mills stream"))
    expect(stream).to_contain_text("mill_source")
    for reader in ("mill_sums", "mill_alert"):
        expect(stream).to_contain_text(reader)
    page.get_by_role("button", name="As a graph").click()

    page.get_by_label("Search in the graph").fill("sink")
    expect(nodes.get_by_text("mill_sink", exact=True)).to_be_visible()
    expect(nodes.get_by_text("mill_source", exact=True)).to_have_count(0)
    page.get_by_label("Search in the graph").fill("")

    expect(nodes.get_by_text("wells", exact=True)).to_be_visible()
    # A double click opens the side panel, whose neighbours lead on; the address names it.
    nodes.get_by_text("mill_source", exact=True).dblclick()
    panel = page.get_by_role("complementary", name="Details")
    expect(panel.get_by_role("heading", name="mill_source")).to_be_visible()
    panel.get_by_role("button", name="mills", exact=True).click()
    expect(panel.get_by_role("button", name="mill_alert")).to_be_visible()
    assert "panel=node%3Astream%3Amills" in page.url
    panel.get_by_role("button", name="Close").click()
    # Arrow keys follow the edges; Enter brings a node out, with a card.
    page.locator(f'.react-flow__node[data-id="{first_node(server)}"]').focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator('.react-flow__node[data-id="stream:mills"]')).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    card = page.get_by_role("complementary", name="mill_source")
    card.get_by_role("button", name="Focus").click()
    expect(nodes).to_have_count(2)
    page.get_by_label("Focus").select_option("2")
    expect(nodes).to_have_count(4)
    assert "depth=2" in page.url
    page.get_by_role("button", name="Show all").click()
    expect(nodes.get_by_text("wells", exact=True)).to_be_visible()
    tab.shot("lineage-chain")

    edge = (
        page.locator(".react-flow__edge")
        .filter(has=page.locator(".react-flow__edge-path"))
        .and_(page.locator(f'[data-id^="{first_node(server)} "]'))
        .locator(".react-flow__edge-path")
    )
    expect(edge).to_have_count(1)
    assert edge.evaluate("path => getComputedStyle(path).strokeDasharray") == "none"
    assert server.call("POST", f"/sources/{source}/stop").status_code < 300
    began = time.monotonic()
    expect(edge).to_have_css(
        "stroke-dasharray", re.compile("6"), timeout=SHOWN_SECONDS_MAX * 1000 * pace()
    )
    page.get_by_label("State").select_option("stopped")
    expect(nodes).to_have_count(1)
    expect(nodes.get_by_text("mill_source", exact=True)).to_be_visible()
    print(f"dashed after {time.monotonic() - began:.1f} s")


def first_node(server: Server) -> str:
    """The source's id in the graph."""
    nodes = server.call("GET", "/topology").json()["nodes"]
    return next(node["id"] for node in nodes if node["name"] == "mill_source")
