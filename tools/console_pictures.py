"""Takes the pictures of docs/console.md from the real console: python -m tools.console_pictures.

Needs the built console and Chromium; writes docs/pictures/*.png anew.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, expect

from tests.console.chromium import Chromium
from tests.console.tab import Tab
from tests.journeys.server import Server

FOLDER: Final = Path(__file__).parents[1] / "docs" / "pictures"
COLUMNS: Final = {
    "device": "string", "number": "float64", "temperature": "float64", "humidity": "float64",
    "battery": "float64", "location": "string", "latitude": "float64", "longitude": "float64",
}  # fmt: skip
# Long enough for charts and rates to have something to show.
SETTLE_MS: Final = 15_000
SHORT_MS: Final = 2_500
OBJECTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    (
        "/sources",
        {"name": "sensors", "type": "stream_generator", "stream": "iot",
         "properties": {"template": "iot", "interval": "20ms"}},
    ),
    (
        "/views",
        {"name": "warm_minutes", "materialized": True,
         "query": "SELECT window_end, location, avg(temperature) AS mean FROM tumble(iot, 10s) "
         "GROUP BY window_end, location"},
    ),
    (
        "/alerts",
        {"name": "Cold store too warm", "action": "http", "severity": 1,
         "trigger_sql": "SELECT device, temperature FROM iot WHERE temperature > 23",
         "resolve_sql": "SELECT device, temperature FROM iot WHERE temperature < 6",
         "properties": {"url": "http://127.0.0.1:9/alarm"}},
    ),
    (
        "/sinks",
        {"name": "to_archive", "type": "timeplus", "query": "SELECT * FROM iot WHERE battery < 10",
         "properties": {"stream_name": "low_battery"}},
    ),
)  # fmt: skip


def fill(server: Server) -> None:
    """A small plant: sensors, a view, an alert and a sink."""
    server.create("iot", **COLUMNS)
    server.create("low_battery", **COLUMNS)
    for path, body in OBJECTS:
        answer = server.call("POST", path, body)
        assert answer.status_code == 201, answer.text


def taken(tab: Tab, name: str, wait_ms: int = SHORT_MS) -> None:
    """The page as it is after a while."""
    tab.page.wait_for_timeout(wait_ms)
    tab.page.screenshot(path=FOLDER / f"{name}.png")


def query(tab: Tab) -> None:
    """The query page: live rows, then their chart."""
    tab.go("query?sql=SELECT%20*%20FROM%20iot&run=true")
    expect(tab.page.get_by_role("grid")).to_be_visible()
    taken(tab, "query")
    tab.page.get_by_role("tab", name="Chart").click()
    taken(tab, "chart", SETTLE_MS)


def dashboard(page: Page, tab: Tab) -> None:
    """A dashboard from the template of sensors."""
    tab.go("dashboards")
    page.get_by_role("button", name="Create dashboard").first.click()
    taken(tab, "dashboard", SETTLE_MS)


def main() -> None:
    """All pictures, one after the other."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    chromium = Chromium()

    def work(server: Server) -> None:
        tab = Tab(chromium.browser(), server.url, "light", 1280)
        tab.page.set_viewport_size({"width": 1280, "height": 760})
        tab.sign_in(server)
        tab.go()
        taken(tab, "home")
        query(tab)
        dashboard(tab.page, tab)
        for view in ("explore/iot", "lineage", "sources/new", "alerts/new?sql=iot"):
            tab.go(view)
            taken(tab, view.split("?")[0].replace("/", "-"), SETTLE_MS // 3)
        dark = Tab(chromium.browser(), server.url, "dark", 1280)
        dark.sign_in(server)
        dark.go("query?sql=SELECT%20*%20FROM%20iot&run=true")
        taken(dark, "query-dark")
        tab.close()
        dark.close()

    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data").start()
        try:
            fill(server)
            chromium.run(lambda: work(server))
        finally:
            chromium.close()
            server.stop()


if __name__ == "__main__":
    main()
