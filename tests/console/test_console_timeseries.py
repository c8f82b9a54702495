"""The time-series page: first value, rows of a channel, corrections with their history, packets."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.contents import CHANNEL, fill
from tests.console.tab import Tab
from tests.journeys.server import Server

TABS = {"Channels": "data/v1/channels", "Series and runs": "/runs'", "Devices": "api/data/packets"}


def test_time_series(server: Server, open_console: Opener) -> None:
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    if not server.call("GET", "/streams").json():  # another file may have used the shared server
        for name, path in TABS.items():
            tab.go("timeseries")
            page.get_by_role("tab", name=name).click()
            expect(page.get_by_label("Send the first value")).to_contain_text(path)
    ids = fill(server)
    channels(tab)
    corrections(tab, ids["series"])
    tab.go("timeseries?tab=devices")
    page.get_by_role("button", name="NODE_01").click()
    page.get_by_role("table", name="Packets").get_by_role("button").first.click()
    packet = page.get_by_role("dialog", name="Packet")
    expect(packet.get_by_role("region", name="As it came")).to_contain_text('"s1_v": 22.5')
    assert page.evaluate("window.attacked === undefined")


def test_time_series_of_another_workspace(server: Server, open_console: Opener) -> None:
    """Its pages ask and change that workspace alone; links keep it."""
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    tab.allow("429")  # while the engine of the new workspace starts
    session = tab.context.request.get(f"{server.url}/api/v1beta2/auth/session").json()
    made = tab.context.request.post(
        f"{server.url}/api/v1beta2/workspaces",
        data={"name": "cellars"},
        headers={"X-CSRF-Token": session["csrf_token"]},
    )
    assert made.status == 201, made.text()
    try:
        tab.go("")
        page.get_by_role("button", name="Workspace: default").click()
        page.get_by_role("menuitemcheckbox", name="cellars").click()
        expect(page.get_by_role("button", name="Workspace: cellars")).to_be_visible()
        page.get_by_role("link", name="Time series").click()
        expect(page.get_by_label("Send the first value")).to_contain_text(
            "/cellars/kronicle/data/v1/channels"
        )
        page.get_by_role("button", name="Create channel").click()
        form = page.get_by_role("dialog", name="Create channel")
        form.get_by_label("Name").fill("under_north")
        form.get_by_role("button", name="Create", exact=True).click()
        expect(page.get_by_role("heading", name="under_north")).to_be_visible()
        assert "ws=cellars" in page.url
        page.get_by_role("button", name="Back to the list").click()
        # Deleting it names what goes.
        page.get_by_role("checkbox", name="Channels: under_north").check()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("dialog")).to_contain_text("Its rows go with it.")
        page.keyboard.press("Escape")
        tab.go("timeseries")
        expect(page.get_by_role("heading", name="Time series")).to_be_visible()
        page.wait_for_load_state("networkidle")
        expect(page.get_by_text("under_north")).to_have_count(0)
    finally:
        assert server.call("DELETE", "/workspaces/cellars?force=true").is_success


def channels(tab: Tab) -> None:
    """One is made by the form and deleted; one that came by its API has rows and a chart."""
    page = tab.page
    tab.go("timeseries")
    page.get_by_role("button", name="Create channel").click()
    form = page.get_by_role("dialog", name="Create channel")
    form.get_by_label("Name").fill("cellar")
    form.get_by_label("Tags").fill("[]")
    form.get_by_role("button", name="Create", exact=True).click()
    expect(form.get_by_text("Tags must be a JSON object.")).to_be_visible()
    form.get_by_label("Tags").fill('{"room": 7}')
    form.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name="cellar")).to_be_visible()
    expect(page.get_by_text("No rows in this range.")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("row", name="attacked")).to_be_visible()
    expect(page.get_by_role("row", name="cellar")).to_have_count(0)
    tab.go(f"timeseries?tab=channels&id={CHANNEL}")
    expect(
        page.get_by_role("img", name=re.compile("value: 2 points, from 1.5 to 2.5"))
    ).to_be_visible()
    expect(page.get_by_role("table", name="Rows").get_by_role("row")).to_have_count(3)
    page.get_by_label("From", exact=True).fill("2026-01-01T00:30:00")
    expect(page.get_by_role("table", name="Rows").get_by_role("row")).to_have_count(2)
    assert "from=2026-01-01T00" in page.url


def corrections(tab: Tab, series: str) -> None:
    """What was known at each time; a correction is a new version, and the old one stays."""
    page = tab.page
    tab.go("timeseries?tab=series")
    page.get_by_role("button", name="forecast").click()
    expect(page).to_have_url(re.compile(f"id={series}$"))
    page.get_by_role("combobox", name="Values").select_option("overlapping")
    slider = page.get_by_role("slider", name="As known at")
    expect(slider).to_have_value("1")
    chart = page.get_by_role("img", name=re.compile("^forecast"))
    expect(chart).to_have_attribute("aria-label", re.compile("6 points, from 10 to 15"))
    slider.press("ArrowLeft")
    expect(chart).to_have_attribute("aria-label", re.compile("6 points, from 0 to 5"))
    page.get_by_label("View", exact=True).select_option("heat")
    heat = page.get_by_role("table", name="Values by valid time and knowledge time")
    expect(heat.get_by_role("row")).to_have_count(3)
    page.get_by_label("View", exact=True).select_option("table")
    page.get_by_role("button", name=re.compile("Correct the value of 02.01.2025, 05")).last.click()
    dialog = page.get_by_role("dialog", name=re.compile("Correct the value"))
    dialog.get_by_label("Value (MW)").fill("99.5")
    dialog.get_by_label("Annotation").fill("meter was off")
    dialog.get_by_label("Tags").fill("checked")
    dialog.get_by_role("button", name="Save").click()
    history = dialog.get_by_role("table", name="History of this value")
    expect(
        history.get_by_role("row", name=re.compile("99.5.*meter was off.*checked.*yes"))
    ).to_be_visible()
    expect(history.get_by_role("row", name=re.compile("^15 "))).to_be_visible()
    tab.shot("timeseries-correction")
    dialog.get_by_role("button", name="Close").last.click()
    page.get_by_role("combobox", name="Values").select_option("versions")
    expect(page.get_by_role("row", name=re.compile("99.5.*meter was off"))).to_be_visible()
