"""SQL in forms: completed from the catalog, left by Tab, asked for when it is needed."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.query_page import OPTION
from tests.journeys.server import Server


def test_sql_of_forms_is_completed(server: Server, open_console: Opener) -> None:
    server.create("boilers", room="string", pressure="float64")
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    tab.allow(r"status of 400 .*/sqlanalyze")  # of a text that is half written
    tab.go("views")
    page.get_by_role("button", name="New view").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("hot_rooms")
    # Nothing is sent without a query; the field says so and takes the focus.
    dialog.get_by_role("button", name="Create").click()
    sql = dialog.get_by_role("textbox", name="Query")
    expect(dialog.get_by_role("alert")).to_have_text("This field is needed.")
    expect(sql).to_be_focused()
    expect(sql).to_have_attribute("aria-invalid", "true")

    page.keyboard.type("SELECT * FROM boi")
    expect(page.locator(OPTION).first).to_contain_text("boilers")
    tab.shot("sql-field")
    # Its own search would be a form in the form, and its Escape close the dialog.
    page.keyboard.press("Control+f")
    expect(page.locator(".cm-search")).to_have_count(0)
    # Escape closes the list, not the dialog.
    page.keyboard.press("Escape")
    expect(page.locator(OPTION)).to_have_count(0)
    expect(dialog).to_be_visible()
    page.keyboard.type("l")
    expect(page.locator(OPTION).first).to_contain_text("boilers")
    page.locator(OPTION).first.click()
    expect(sql).to_have_text("SELECT * FROM boilers")
    page.keyboard.type(" WHERE pres")
    expect(page.locator(OPTION).first).to_contain_text("pressure")
    page.locator(OPTION).first.click()
    page.keyboard.type(" > 2")
    expect(dialog.get_by_text("Gives: room string, pressure float64")).to_be_visible()
    expect(dialog.get_by_role("alert")).to_have_count(0)
    assert tab.findings() == []

    page.keyboard.press("Tab")
    expect(dialog.get_by_role("checkbox").first).to_be_focused()
    dialog.get_by_text("Query *").click()
    expect(sql).to_be_focused()
    dialog.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="hot_rooms")).to_be_visible()
    (query,) = [v["query"] for v in server.call("GET", "/views").json() if v["name"] == "hot_rooms"]
    assert query == "SELECT * FROM boilers WHERE pressure > 2"
    assert server.call("DELETE", "/views/hot_rooms").status_code == 204
