"""Checks 5 and 6: panels keep their places; ten of them are live in a tab while the rest works."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Opener
from tests.console.live_streams import sample
from tests.journeys.server import Server
from tests.journeys.waiting import pace, wait_until

FILES = Path(__file__).parents[2] / "console" / "tests" / "dashboards" / "files"
LINE = {"xAxis": "_tp_time", "yAxis": "temperature", "color": "device"}


def panel(title: str, sql: str, chart: str, place: list[int], **config: Any) -> dict[str, Any]:
    """A panel as the API has it."""
    position = dict(zip(("x", "y", "w", "h"), place, strict=True))
    viz = {"chartType": chart, "config": config}
    kind = {"viz_type": "chart", "viz_content": sql, "viz_config": viz}
    return {"title": title, "position": position, **kind}


def store(server: Server, name: str, panels: list[dict[str, Any]]) -> str:
    """Keep a dashboard; its id."""
    answer = server.call("POST", "/dashboards", {"name": name, "panels": panels})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def places(server: Server, identity: str) -> dict[str, list[int]]:
    """Title of each panel and where it stands."""
    panels = server.call("GET", f"/dashboards/{identity}").json()["panels"]
    return {p["title"]: [p["position"][k] for k in ("x", "y", "w", "h")] for p in panels}


def boxes(page: Page) -> dict[str, list[int]]:
    """Where the panels are on screen."""
    found: dict[str, list[int]] = {}
    for one in page.locator("section[data-panel]").all():
        box = one.bounding_box()
        assert box is not None
        found[one.get_attribute("aria-label") or ""] = [round(box["x"]), round(box["y"])]
    return found


# Keys of Tab that reach any control of a page.
TABS_MAX = 80
FOCUSED = """() => {
  const at = document.activeElement;
  const by = document.getElementById(at.getAttribute('aria-labelledby'));
  return at.getAttribute('aria-label') || by?.textContent || at.labels?.[0]?.textContent
    || at.textContent || '';
}"""


def tab_to(page: Page, name: str) -> None:
    """By Tab alone, to the control of that name."""
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).strip() == name:
            return
    raise AssertionError(f"{name} is not reached by Tab")


def add_panel(page: Page, title: str, sql: str) -> None:
    """By the editor of panels."""
    page.get_by_role("button", name="Add panel").click()
    page.get_by_role("menuitem", name="Chart").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title", exact=True).fill(title)
    dialog.get_by_label("SQL").fill(sql)
    dialog.get_by_role("button", name="Run").click()
    expect(dialog.get_by_role("img", name=re.compile(f"^{title}"))).to_be_visible()
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog).to_be_hidden()


def add_panel_by_keys(page: Page, title: str, sql: str) -> None:
    """The same without a mouse (check 15)."""
    tab_to(page, "Add panel")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Chart")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Title", exact=True)).to_be_focused()
    page.keyboard.type(title)
    tab_to(page, "SQL")
    page.keyboard.insert_text(sql)
    page.keyboard.press("Control+Enter")
    expect(dialog.get_by_role("img", name=re.compile(f"^{title}"))).to_be_visible()
    tab_to(page, "Apply")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()


def test_panels_keep_their_places(server: Server, open_console: Opener) -> None:
    sample(server, "board_iot")
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    tab.go("dashboards")
    expect(page.get_by_role("button", name="New dashboard")).to_be_visible()
    tab_to(page, "New dashboard")
    page.keyboard.press("Enter")
    expect(page.get_by_text("has no panels yet")).to_be_visible()
    add_panel_by_keys(page, "First", "select _tp_time, device, temperature from board_iot")
    add_panel(page, "Second", "select _tp_time, device, humidity from board_iot")
    identity = page.url.split("/dashboards/")[1].split("?")[0]
    before = boxes(page)
    # Below the other one, by the mouse; then wider, by keys alone.
    handle = page.get_by_role("button", name="Move Second").bounding_box()
    assert handle is not None
    page.mouse.move(handle["x"] + 5, handle["y"] + 5)
    page.mouse.down()
    page.mouse.move(handle["x"] - 700, handle["y"] + 330, steps=12)
    page.mouse.up()
    page.get_by_role("button", name="Move Second").press("Shift+ArrowRight")
    wait_until(lambda: boxes(page)["Second"][1] > before["Second"][1] + 100, 10, "a move")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Redo").click()

    # Whoever leaves now is asked, and stays.
    page.keyboard.press("g")
    page.keyboard.press("s")
    question = page.get_by_role("dialog", name="Leave without saving?")
    expect(question).to_be_visible()
    tab_to(page, "Stay")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(identity))
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved.").first).to_be_visible()
    kept = places(server, identity)
    assert kept["First"] == [0, 0, 6, 4]
    assert kept["Second"] == [0, 4, 7, 4]
    shown = wait_still(page)
    page.reload()
    expect(page.get_by_role("img", name=re.compile("^Second")).first).to_be_visible()
    assert wait_still(page) == shown
    tab.shot("dashboard-edit")
    page.get_by_role("navigation").get_by_role("link", name="Home").click()
    expect(page).to_have_url(f"{server.url}/console/")


def wait_still(page: Page) -> dict[str, list[int]]:
    """Where the panels are once they move no more."""
    seen: list[dict[str, list[int]]] = [{}]

    def still() -> bool:
        seen.append(boxes(page))
        return len(seen[-1]) > 1 and seen[-1] == seen[-2]

    wait_until(still, 10, "panels that stand still")
    return seen[-1]


def test_who_saved_first_is_not_overwritten(server: Server, open_console: Opener) -> None:
    identity = store(server, "ours", [panel("One", "select 1 as n", "singleValue", [0, 0, 3, 3])])
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    tab.go(f"dashboards/{identity}?edit=true")
    page.get_by_role("button", name="Move One").press("ArrowRight")
    # The times of the API have milliseconds; a second one must be another.
    time.sleep(0.01)
    assert server.call("PUT", f"/dashboards/{identity}", {"name": "theirs"}).status_code == 200
    page.get_by_role("button", name="Save", exact=True).click()
    conflict = page.get_by_role("dialog", name="Somebody else has saved this dashboard")
    conflict.get_by_role("button", name="Save as copy").click()
    expect(page.get_by_role("heading", name="ours (copy)")).to_be_visible()
    assert server.call("GET", f"/dashboards/{identity}").json()["name"] == "theirs"
    copy = page.url.split("/dashboards/")[1].split("?")[0]
    assert places(server, copy) == {"One": [1, 0, 3, 3]}


def test_ten_live_panels_and_a_second_tab(server: Server, open_console: Opener) -> None:
    sample(server, "ten_iot")
    sqls = [
        f"select _tp_time, device, temperature + {n} as temperature from ten_iot" for n in range(10)
    ]
    panels = [
        panel(f"Panel {n}", sql, "line", [n % 4 * 3, n // 4 * 3, 3, 3], **LINE)
        for n, sql in enumerate(sqls)
    ]
    identity = store(server, "ten", panels)
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    tab.go(f"dashboards/{identity}")
    second = tab.watch(tab.context.new_page())
    second.goto(page.url)
    for one in (page, second):
        one.bring_to_front()
        charts = one.get_by_role("img", name=re.compile("^Panel .: Line. Line chart of"))
        expect(charts).to_have_count(10, timeout=15_000)
    begun = time.monotonic()
    assert tab.context.request.get(f"{server.api}/streams").ok
    assert time.monotonic() - begun < 1.0 * pace()
    assert len(server.running("dashboard")) == 20
    tab.shot("dashboard-ten")
    second.close()
    wait_until(
        lambda: len(server.running("dashboard")) == 10, 10, "the second tab's queries to end"
    )


def test_variables_run_only_what_uses_them(server: Server, open_console: Opener) -> None:
    sample(server, "var_iot")
    rows = "select location, temperature from var_iot"
    control = {"target": "place", "defaultValue": "yard", "inlineValues": "yard,office"}
    identity = store(
        server,
        "variables",
        [
            panel("Place", "", "selector", [0, 0, 3, 1], **control) | {"viz_type": "control"},
            panel(
                "Of the place", f"{rows} where location = '{{{{place}}}}'", "table", [0, 1, 6, 4]
            ),
            panel("All", rows, "table", [6, 1, 6, 4]),
        ],
    )
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    tab.go(f"dashboards/{identity}")
    cells = page.get_by_role("region", name="Of the place").locator("td:first-child")
    expect(cells.first).to_have_text("yard")
    wait_until(lambda: len(server.running("dashboard")) == 2, 10, "two queries")
    all_of_it = next(q["id"] for q in server.running("dashboard") if q["sql"] == rows)
    page.get_by_role("combobox", name="Place").select_option("office")
    expect(page).to_have_url(re.compile(r"var\.place=office"))
    expect(cells.first).to_have_text("office")
    assert all_of_it in {query["id"] for query in server.running("dashboard")}
    # Whatever an address says stays a text.
    tab.go(f"dashboards/{identity}?var.place=x' or 1=1 or '")
    expect(
        page.get_by_role("region", name="Of the place").get_by_text("No rows yet")
    ).to_be_visible()


def test_files_of_others_are_imported(server: Server, open_console: Opener) -> None:
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    tab.allow("refused|failed|400|404|Failed to load resource")
    tab.go("dashboards")
    page.get_by_role("button", name="Import JSON").click()
    page.get_by_label("A JSON file").set_input_files(FILES / "texts-and-controls.json")
    page.get_by_role("dialog").get_by_label("Name").fill("Imported")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    expect(page.get_by_text("the text itself")).to_be_visible()
    expect(page.get_by_text("“hologram” are not drawn")).to_be_visible()
    expect(page.get_by_label("City")).to_have_value("Rome")
    identity = page.url.split("/dashboards/")[1]
    panels = server.call("GET", f"/dashboards/{identity}").json()["panels"]
    given = json.loads((FILES / "texts-and-controls.json").read_text())
    assert [one["viz_type"] for one in panels] == [one["viz_type"] for one in given]
    with page.expect_download() as saved:
        page.get_by_role("button", name="More").click()
        page.get_by_role("menuitem", name="Export JSON").click()
    written = json.loads(Path(saved.value.path()).read_text())
    assert next(p for p in written["panels"] if p["id"] == "u1")["layer"] == 7
    assert page.locator("iframe").count() == 0
    # A bundle's file: its marks are asked for.
    tab.go("dashboards")
    page.get_by_role("button", name="Import JSON").click()
    page.get_by_label("A JSON file").set_input_files(FILES / "maps-and-others.json")
    page.get_by_role("textbox", name="DB").fill("default")
    page.get_by_role("textbox", name="Config.table").fill("candles")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="Others")).to_be_visible()
    identity = page.url.split("/dashboards/")[1]
    panels = server.call("GET", f"/dashboards/{identity}").json()["panels"]
    assert panels[0]["viz_content"] == "SELECT lon, lat, city FROM default.places"
    # Keys: a panel on the whole screen, back, edit, kiosk.
    page.locator("[data-panel=g1]").hover()
    for keys, part in ((["v"], "full=g1"), (["Escape"], ""), (["e"], "edit="), (["e"], "")):
        for key in keys:
            page.keyboard.press(key)
        expect(page).to_have_url(re.compile(f"{identity}.*{part}" if part else f"{identity}$"))
    page.keyboard.press("d")
    page.keyboard.press("k")
    expect(page).to_have_url(re.compile("kiosk="))


def test_texts_of_others_do_nothing(server: Server, open_console: Opener) -> None:
    """Check 15: neither Markdown nor a value in it runs a script or asks another host."""
    bad = '<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>'
    link = "[a](javascript:window.attacked=1) ![b](http://127.0.0.2:9/c.png)"
    markdown = {"mdString": f"{bad}\n\n{link}\n\n**{{{{v}}}}**"}
    sql = "select '<img src=x onerror=\"window.attacked=1\">' as v"
    text = {"title": "Bad", "viz_type": "markdown", "viz_content": sql, "viz_config": markdown}
    table = panel("Cells", sql, "table", [6, 0, 6, 4])
    position = {"position": {"x": 0, "y": 0, "w": 6, "h": 4}}
    identity = store(server, "bad", [text | position, table])
    tab = open_console(server)
    tab.sign_in(server)
    tab.go(f"dashboards/{identity}")
    page = tab.page
    shown = page.get_by_role("region", name="Bad").get_by_text(
        '<img src=x onerror="window.attacked=1">'
    )
    expect(shown).to_be_visible()
    expect(page.get_by_role("region", name="Cells").get_by_text("<img src=x")).to_be_visible()
    assert page.locator("main img, main script").count() == 0
    assert page.locator("main a[href^=javascript]").count() == 0
    assert page.evaluate("window.attacked") is None


@pytest.mark.turns(2)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_dashboard_is_accessible(server: Server, open_console: Opener, theme: str) -> None:
    """Check 15: axe finds nothing serious, in view and in edit mode and on the Explore page."""
    stream = f"axe_{theme}_iot"
    sample(server, stream)
    raw = f"select _tp_time, device, location, temperature from {stream}"
    by_place = {"updateMode": "key", "updateKey": "location"}
    bars = {"xAxis": "location", "yAxis": "temperature", **by_place}
    control = {"target": "place", "defaultValue": "a", "inlineValues": "a,b"}
    identity = store(
        server,
        f"axe {theme}",
        [
            panel("Filter", "", "selector", [0, 0, 3, 1], **control) | {"viz_type": "control"},
            panel("Lines", raw, "line", [0, 1, 4, 4], **LINE),
            panel("Bars", raw, "column", [4, 1, 4, 4], **bars),
            panel("Rows", raw, "table", [8, 1, 4, 4], rowCount=20),
            panel("One", raw, "singleValue", [0, 5, 4, 3], value="temperature"),
            panel("Words", raw, "md", [4, 5, 4, 3], content="# Now\n**{{temperature}}**"),
            panel("Log", raw, "logs", [8, 5, 4, 3]),
        ],
    )
    tab = open_console(server, theme=theme)
    tab.sign_in(server)
    page = tab.page
    drawn = page.get_by_role("img", name=re.compile("^Lines: Line. Line chart of"))
    for view in (f"dashboards/{identity}", f"dashboards/{identity}?edit=true"):
        tab.go(view)
        expect(drawn).to_be_visible()
        expect(page.get_by_role("img", name=re.compile("^Bars: Columns"))).to_be_visible()
        assert tab.findings() == [], view
        tab.shot(f"dashboard-{'edit-' if 'edit' in view else ''}{theme}")
    tab.go(f"explore/{stream}")
    expect(page.get_by_role("img", name=re.compile("Line chart of"))).to_be_visible()
    assert tab.findings() == []
    tab.shot(f"explore-{theme}")
    tab.go("dashboards")
    expect(page.get_by_role("link", name=f"axe {theme}")).to_be_visible()
    assert tab.findings() == []
    tab.shot(f"dashboards-{theme}")
