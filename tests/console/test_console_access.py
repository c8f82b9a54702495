"""Check 15, the part on access: axe finds nothing serious on the main pages, in both themes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.contents import CHANNEL, fill
from tests.journeys.server import Server

# View -> what is there once the page is drawn. Each page of the console adds itself.
# A group in braces is an id of `fill`.
VIEWS = {
    "": "navigation",
    "query": "textbox",
    "query/history": "heading",
    "explore/pumps": "main",
    "dashboards": "heading",
    "ingest": "button",
    "saved": "heading",
    "functions": "heading",
    "schemas": "heading",
    "external": "heading",
    "alerts": "table",
    "alerts/new": "textbox",
    "alerts/{alerts}": "region",
    "sources": "table",
    "sources/new": "radio",
    "sources/{sources}": "tabpanel",
    "sources/{sources}?tab=settings": "textbox",
    "streams": "table",
    "streams/pumps": "tabpanel",
    "streams/pumps?tab=columns": "table",
    "streams/pumps?tab=definition": "region",
    "views": "table",
    "views/pump_view": "tabpanel",
    "sinks": "table",
    "sinks/new": "radio",
    "sinks/{sinks}": "tabpanel",
    "lineage": "img",
    "lineage?table=true": "table",
    "lineage?panel=node:stream:pumps": "complementary",
    "timeseries": "table",
    f"timeseries?tab=channels&id={CHANNEL}": "img",
    "timeseries?tab=series": "table",
    "timeseries?tab=series&id={series}&mode=overlapping": "slider",
    "timeseries?tab=series&id={series}&mode=overlapping&view=heat": "table",
    "timeseries?tab=series&id={series}&mode=versions&view=table": "table",
    "timeseries?tab=devices": "table",
    "timeseries?tab=devices&list=packets": "table",
    "admin/users": "table",
    "admin/roles": "table",
    "admin/keys": "tab",
    "admin/invitations": "tab",
    "admin/audit": "tab",
    "admin/workspaces": "tab",
    "admin/settings": "combobox",
    "admin/system": "table",
}

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


# Each run plays every other page in one of the themes.
@pytest.mark.parametrize(
    ("theme", "half"),
    [
        pytest.param(theme, half, marks=pytest.mark.turns(4, 2 * half + (theme == "dark")))
        for theme in ("light", "dark")
        for half in (0, 1)
    ],
)
def test_pages_are_accessible(
    server: Server, open_console: Opener, ids: dict[str, str], theme: str, half: int
) -> None:
    tab = open_console(server, theme=theme)
    tab.go("login")
    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert tab.findings() == []
    tab.shot(f"login-{theme}")
    tab.sign_in(server)
    found: list[str] = []
    for view, role in list(VIEWS.items())[half::2]:
        tab.go(view.format(**ids))
        expect(tab.page.get_by_role(role).first).to_be_visible()  # type: ignore[arg-type]
        tab.page.wait_for_load_state("networkidle")
        found.extend(f"{view}: {one}" for one in tab.findings())
        tab.shot(f"{picture(view)}-{theme}")
    assert found == []


@pytest.mark.parametrize("half", [pytest.param(n, marks=pytest.mark.turns(2, n)) for n in (0, 1)])
def test_pages_fit_a_narrow_screen(
    server: Server, open_console: Opener, ids: dict[str, str], half: int
) -> None:
    tab = open_console(server, width=320)
    tab.sign_in(server)
    wide: dict[str, int] = {}
    for view in list(VIEWS)[half::2]:
        tab.go(view.format(**ids))
        expect(tab.page.get_by_role("main")).to_be_visible()
        tab.page.wait_for_load_state("networkidle")
        width = tab.page.evaluate(WIDEST)
        if width > 320:
            wide[view] = width
        tab.shot(f"{picture(view)}-320")
    assert wide == {}
