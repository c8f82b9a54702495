"""Check 15, the part on access: axe finds nothing serious on the main pages, in both themes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.contents import CHANNEL, fill
from tests.console.tab import Tab
from tests.journeys.server import Server

# View -> what is there once the page is drawn. Each page of the console adds itself.
# A group in braces is an id of `fill`.
MAIN = {
    "": "navigation",
    "query": "textbox",
    "dashboards": "heading",
    "streams/pumps": "tabpanel",
    "views": "table",
    "sources/{sources}": "tabpanel",
    "alerts": "table",
    "lineage": "img",
    "timeseries?tab=series&id={series}&mode=overlapping": "slider",
    "admin/users": "table",
}
OTHERS = {
    "query/history": "heading",
    "explore/pumps": "main",
    "ingest": "button",
    "saved": "heading",
    "functions": "heading",
    "schemas": "heading",
    "external": "heading",
    "alerts/new": "textbox",
    "alerts/{alerts}": "region",
    "sources": "table",
    "sources/new": "radio",
    "sources/{sources}?tab=settings": "textbox",
    "streams": "table",
    "streams/pumps?tab=columns": "table",
    "streams/pumps?tab=definition": "region",
    "views/pump_view": "tabpanel",
    "sinks": "table",
    "sinks/new": "radio",
    "sinks/{sinks}": "tabpanel",
    "lineage?table=true": "table",
    "lineage?panel=node:stream:pumps": "complementary",
    "timeseries": "table",
    f"timeseries?tab=channels&id={CHANNEL}": "img",
    "timeseries?tab=series": "table",
    "timeseries?tab=series&id={series}&mode=overlapping&view=heat": "table",
    "timeseries?tab=series&id={series}&mode=versions&view=table": "table",
    "timeseries?tab=devices": "table",
    "timeseries?tab=devices&list=packets": "table",
    "admin/roles": "table",
    "admin/keys": "tab",
    "admin/invitations": "tab",
    "admin/audit": "tab",
    "admin/workspaces": "tab",
    "admin/settings": "combobox",
    "admin/system": "table",
}
# Of the others, of which a run plays one.
PARTS = 5
THEMES = ("light", "dark")
# The page scrolls within its main part, which must not scroll sideways.
WIDEST = """Math.max(...[document.documentElement, document.querySelector('main')]
  .map((one) => one.scrollWidth))"""


@pytest.fixture(scope="module")
def ids(server: Server) -> dict[str, str]:
    """Objects to look at."""
    return fill(server)


def picture(view: str) -> str:
    """Name of a view in the name of its picture: without ids."""
    words = view.replace(CHANNEL, "one")
    return "-".join(re.findall(r"\w+", re.sub(r"\{\w+\}", "one", words))) or "home"


def views(part: int) -> dict[str, str]:
    """The main pages and a part of the others."""
    return MAIN | dict(list(OTHERS.items())[part::PARTS])


in_turn = pytest.mark.parametrize(
    "part", [pytest.param(n, marks=pytest.mark.turns(PARTS, n)) for n in range(PARTS)]
)


@in_turn
def test_pages_are_accessible(
    server: Server, open_console: Opener, ids: dict[str, str], part: int
) -> None:
    tab = open_console(server)
    tab.go("login")
    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()
    found = judged(tab, "login")
    tab.sign_in(server)
    for view, role in views(part).items():
        tab.go(view.format(**ids))
        expect(tab.page.get_by_role(role).first).to_be_visible()  # type: ignore[arg-type]
        tab.page.wait_for_load_state("networkidle")
        found += judged(tab, picture(view))
    assert found == []


def judged(tab: Tab, name: str) -> list[str]:
    """What axe finds on the page in each of the themes; a picture of each."""
    found: list[str] = []
    for theme in THEMES:
        tab.page.emulate_media(color_scheme=theme)
        expect(tab.page.locator("html")).to_have_attribute("data-theme", theme)
        found += [f"{name}, {theme}: {one}" for one in tab.findings()]
        tab.shot(f"{name}-{theme}")
    return found


@in_turn
def test_pages_fit_a_narrow_screen(
    server: Server, open_console: Opener, ids: dict[str, str], part: int
) -> None:
    tab = open_console(server, width=320)
    tab.sign_in(server)
    wide: dict[str, int] = {}
    for view in views(part):
        tab.go(view.format(**ids))
        expect(tab.page.get_by_role("main")).to_be_visible()
        tab.page.wait_for_load_state("networkidle")
        width = tab.page.evaluate(WIDEST)
        if width > 320:
            wide[view] = width
        tab.shot(f"{picture(view)}-320")
    assert wide == {}
