"""Functions with their test box, schemas, external streams: made, tried, changed, deleted."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.console.conftest import Opener
from tests.journeys.server import Server


def create(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Create", exact=True).click()


def delete(page: Page) -> None:
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()


def test_functions(server: Server, open_console: Opener) -> None:
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    tab.go("functions")
    page.get_by_role("button", name="New function").first.click()
    page.get_by_label("Name").fill("shout")
    # Python is switched off on this server.
    kinds = page.get_by_label("Kind").locator("option").all_inner_texts()
    assert kinds == ["JavaScript", "Remote (HTTP)", "SQL expression"]
    create(page)
    page.get_by_label("value string").fill("'tea'")
    page.get_by_role("button", name="Call it").click()
    expect(page.get_by_role("definition")).to_have_text('"TEA"')
    page.get_by_role("textbox", name="Source").fill(
        'function shout(values) { return values.map(v => v + "!"); }'
    )
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.").first).to_be_visible()
    page.get_by_role("button", name="Call it").click()
    expect(page.get_by_role("definition")).to_have_text('"text!"')
    assert tab.findings() == []

    # What fails says so; an aggregate is called over rows.
    tab.allow(r"status of 400 .*/exec")
    page.get_by_label("value string").fill("nonsense(")
    page.get_by_role("button", name="Call it").click()
    expect(page.get_by_role("alert")).to_be_visible()
    tab.go("functions")
    page.get_by_role("button", name="New function").first.click()
    page.get_by_label("Name").fill("joined")
    page.get_by_label("Aggregate").check()
    create(page)
    page.get_by_label("value string").fill("['a', 'b', 'c']")
    page.get_by_role("button", name="Call it").click()
    expect(page.get_by_role("definition")).to_have_text('"a, b, c"')
    delete(page)
    expect(page).to_have_url(re.compile("/functions$"))
    expect(page.get_by_role("button", name="shout")).to_be_visible()
    expect(page.get_by_role("button", name="joined")).to_have_count(0)

    page.get_by_role("tab", name="Built in").click()
    page.get_by_label("Search Built in").fill("lcase")
    page.get_by_role("table").get_by_role("button", name="lower", exact=True).click()
    page.get_by_role("button", name="Call it").click()
    expect(page.get_by_role("definition")).to_be_visible()
    assert tab.findings() == []


def test_schemas_and_external_streams(server: Server, open_console: Opener) -> None:
    tab = open_console(server, theme="dark")
    tab.sign_in(server)
    page = tab.page
    tab.go("schemas")
    page.get_by_role("button", name="New schema").first.click()
    page.get_by_label("Name").fill("console_readings")
    tab.allow(r"status of 400 .*/schemas")
    page.get_by_label("Content").fill("nothing of the kind")
    create(page)
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Content").fill('syntax = "proto3";\nmessage Reading { double value = 1; }\n')
    create(page)
    expect(page.get_by_text("format_schema = 'console_readings:Reading'")).to_be_visible()
    assert tab.findings() == []
    delete(page)
    expect(page).to_have_url(re.compile("/schemas$"))

    tab.go("external/new")
    page.get_by_text("NATS JetStream").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("This is needed.").first).to_be_visible()
    page.get_by_label("Name").fill("console_orders")
    page.locator("[data-property=url]").fill("nats://127.0.0.1:9")
    page.locator("[data-property=subject]").fill("orders.>")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name="console_orders")).to_be_visible()
    expect(page.get_by_text("nats://127.0.0.1:9")).to_be_visible()
    made = server.call("GET", "/external_streams/console_orders").json()
    assert [column["name"] for column in made["columns"]] == ["raw"]
    assert tab.findings() == []
    page.get_by_role("tab", name="Columns").click()
    expect(page.get_by_role("cell", name="raw")).to_be_visible()
    delete(page)
    expect(page).to_have_url(re.compile("/external$"))
    assert server.call("GET", "/external_streams/console_orders").status_code == 404


def test_a_reader_changes_nothing(server: Server, open_console: Opener) -> None:
    tab = open_console(server, width=320)
    tab.sign_in(server, "functions_reader", "read_only")
    for path, button in (("functions", "New function"), ("schemas", "New schema")):
        tab.go(path)
        expect(tab.page.get_by_role("heading", level=1)).to_be_visible()
        expect(tab.page.get_by_role("button", name=button)).to_have_count(0)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 320
