"""Check 3: axes of a chart are guessed, its picture moves, another kind runs no query anew."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.console.conftest import Opener
from tests.console.live_streams import sample
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

# Points of the first chart's canvas that are not its background.
DRAWN = """() => {
  const canvas = document.querySelector('main canvas');
  if (!canvas || !canvas.width) return [0, ''];
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let drawn = 0, sum = 0;
  for (let at = 3; at < data.length; at += 4) {
    if (data[at]) { drawn += 1; sum = (sum * 31 + at + data[at - 1]) % 2147483647; }
  }
  return [drawn, String(sum)];
}"""


def picture(page: Page) -> Any:
    """How much is drawn, and a sum that changes with it."""
    return page.evaluate(DRAWN)


def test_a_chart_without_sql(server: Server, open_console: Opener) -> None:
    sample(server, "chart_iot")
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    tab.go("explore/chart_iot")
    # Time, a number, and a text of few values: lines by group.
    expect(page.get_by_label("Measure")).to_have_value("temperature")
    expect(page.get_by_label("Group by")).to_have_value("location")
    chart = page.get_by_role(
        "img", name=re.compile("^average temperature of chart_iot.*: Line. Line chart of")
    )
    expect(chart).to_be_visible()
    wait_until(lambda: picture(page)[0] > 500, 10, "a picture")
    before = picture(page)
    wait_until(lambda: picture(page) != before, 10, "another picture")

    (query,) = server.running("explore")
    for kind in ("Area", "Columns", "Heat map", "Table", "Line"):
        page.get_by_label("Chart", exact=True).select_option(label=kind)
        expect(page.get_by_role("main").locator("canvas, table").first).to_be_visible()
    assert [one["id"] for one in server.running("explore")] == [query["id"]]
    tab.shot("explore")

    # What is drawn stands in the address, and a filter in the SQL.
    page.get_by_label("Column", exact=True).select_option("location")
    page.get_by_label("Value", exact=True).fill("it's")
    page.get_by_role("button", name="Add filter").click()
    page.get_by_role("button", name="Show SQL").click()
    expect(page.get_by_role("region", name="SQL")).to_contain_text("location = 'it\\'s'")
    page.reload()
    expect(page.get_by_text("location = it's")).to_be_visible()


def test_the_past_of_a_chart(server: Server, open_console: Opener) -> None:
    sample(server, "chart_past")
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    wait_until(
        lambda: server.select("select count() from table(chart_past)")[0][0] > 40, 15, "rows"
    )
    tab.go("explore/chart_past?range=now-15m..now")
    chart = page.get_by_role("img", name=re.compile("Line chart of"))
    expect(chart).to_be_visible()
    assert server.running("explore") == []
    # Dragging chooses a part of it; one button leads back to live.
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"range=20\d\d-"))
    page.get_by_role("button", name="Back to live").click()
    expect(page).not_to_have_url(re.compile("range="))
    expect(chart).to_be_visible()
    wait_until(lambda: len(server.running("explore")) == 1, 10, "a live query")
