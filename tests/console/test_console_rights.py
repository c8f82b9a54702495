"""Check 15, the part on rights: who only reads sees no button of change, and gets 403 by REST."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.contents import CHANNEL, EVIL, fill
from tests.journeys.server import Server

# Buttons that change something, on any page.
CHANGES = re.compile(
    "^(New|Create|Start|Stop|Delete|Resolve|Edit|Duplicate|Clone|Correct|Pause|Resume|Save\\b)"
    r"|^(Replay|Send)\b"
)
# View -> the text that shows that it is drawn; a group in braces is an id.
VIEWS = {
    "alerts": "bad alert",
    "alerts/{alerts}": "bad alert",
    "sources": "bad_source",
    "sources/{sources}": "bad_source",
    "sources/{sources}?tab=settings": "bad_source",
    "streams": "pumps",
    "streams/pumps?tab=definition": "CREATE",
    "views": "pump_view",
    "views/pump_view": "pump_view",
    "sinks": "bad_sink",
    "sinks/{sinks}": "bad_sink",
    "lineage": "Slowest node",
    "saved": "kept query",
    "dashboards/{board}": "kept board",
    "admin/roles": "read_only",
    "timeseries": "attacked",
    "timeseries?tab=series&id={series}&mode=versions": "Valid time",
    "timeseries?tab=devices&list=sensors": EVIL,
    f"timeseries?tab=channels&id={CHANNEL}": "attacked",
}


@pytest.fixture(scope="module")
def ids(server: Server) -> dict[str, str]:
    """Objects to look at."""
    ids = fill(server)
    saved = {"name": "kept query", "sql": "SELECT text FROM pumps"}
    assert server.call("POST", "/savedqueries", saved).status_code == 201
    board = {"name": "kept board", "description": "", "panels": []}
    ids["board"] = server.call("POST", "/dashboards", board).json()["id"]
    return ids


def test_a_reader_changes_nothing(
    server: Server, open_console: Opener, ids: dict[str, str]
) -> None:
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server, user="reader", role="read_only")
    for view, drawn in VIEWS.items():
        tab.go(view.format(**ids))
        expect(page.get_by_role("main").get_by_text(drawn).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        seen = page.get_by_role("main").get_by_role("button").all_inner_texts()
        assert [name for name in seen if CHANGES.search(name.strip())] == [], view
    # What came as text stayed text.
    expect(page.get_by_role("cell", name=EVIL).first).to_be_visible()
    assert page.evaluate("window.attacked === undefined")

    answer = tab.context.request.get(f"{server.url}/api/v1beta2/auth/session")
    headers = {"X-CSRF-Token": answer.json()["csrf_token"]}
    for method, path in (
        ("POST", "streams"),
        ("DELETE", "streams/pumps"),
        ("POST", f"alerts/{ids['alerts']}/stop"),
        ("POST", f"sources/{ids['sources']}/stop"),
        ("POST", "users"),
    ):
        refused = tab.context.request.fetch(
            f"{server.url}/api/v1beta2/{path}", method=method, headers=headers, data={}
        )
        assert refused.status == 403, (path, refused.text())
    gone = f"{server.url}/setup/v1/channels/{CHANNEL}"
    assert tab.context.request.delete(gone, headers=headers).status == 403
    # Admin pages name the right that is missing.
    tab.go("admin/audit")
    expect(page.get_by_text("write:workspace")).to_be_visible()


def test_a_writer_sees_the_buttons_of_rows_and_of_what_is_theirs(
    server: Server, open_console: Opener, ids: dict[str, str]
) -> None:
    tab = open_console(server)
    main = tab.page.get_by_role("main")
    tab.sign_in(server, user="writer", role="writer")
    # Streams are made and deleted by admins; rows come in by a writer too.
    tab.go("streams")
    expect(main.get_by_role("button", name="Ingest a file").first).to_be_visible()
    expect(main.get_by_role("button", name="New stream")).to_have_count(0)
    expect(main.get_by_role("checkbox", name="Streams: all")).to_have_count(0)
    tab.go(f"dashboards/{ids['board']}")
    expect(main.get_by_role("heading", name="kept board")).to_be_visible()
    expect(main.get_by_role("button", name="Edit")).to_have_count(0)
    tab.go("saved")
    expect(main.get_by_text("kept query").first).to_be_visible()
    expect(main.get_by_role("button", name="Edit")).to_have_count(0)
    expect(main.get_by_role("checkbox")).to_have_count(0)
    tab.go("sources")
    expect(main.get_by_role("heading", name="Sources")).to_be_visible()
    expect(main.get_by_role("button", name="New source")).to_have_count(0)


def test_admin_pages(server: Server, open_console: Opener, ids: dict[str, str]) -> None:
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    tab.go("admin/keys")
    page.get_by_role("button", name="New key").first.click()
    form = page.get_by_role("dialog", name="New key")
    form.get_by_label("Name").fill("collector")
    form.get_by_label("Rights").select_option("part")
    expect(form.get_by_role("button", name="Create")).to_be_disabled()
    form.get_by_label("change: Streams and their rows").check()
    form.get_by_role("button", name="Create").click()
    shown = page.get_by_role("dialog", name="The new key")
    key = shown.get_by_role("region", name="The new key").inner_text().strip()
    shown.get_by_role("button", name="Close").last.click()
    expect(page.get_by_role("row", name=re.compile("collector.*write:stream"))).to_be_visible()
    assert key not in page.content()
    # It does what it was given, and nothing else.
    body = {"columns": ["text"], "data": [["by key"]]}
    assert server.call("POST", "/streams/pumps/ingest", body, **{"X-Api-Key": key}).is_success
    assert server.call("GET", "/alerts", **{"X-Api-Key": key}).status_code == 403

    tab.go("admin/system")
    processes = page.get_by_role("table", name="Processes")
    expect(
        processes.get_by_role("row", name=re.compile(r"engine of default \d.* MiB"))
    ).to_be_visible()
    expect(page.get_by_text("Free on the disk")).to_be_visible()
    page.get_by_role("link", name=re.compile(r"^\d+$")).click()
    expect(page.get_by_role("heading", name="Query history")).to_be_visible()
    tab.go("admin/roles")
    streams = page.get_by_role("row", name=re.compile("Streams and their rows"))
    expect(streams.get_by_role("cell").last).to_have_text("read")
    # A workspace that is not there, or not theirs, leads to those that are.
    tab.allow("404|There is no workspace")
    tab.go("?ws=nowhere")
    page.get_by_role("link", name="default").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def test_keys_and_palette(server: Server, open_console: Opener, ids: dict[str, str]) -> None:
    tab = open_console(server)
    page = tab.page
    tab.sign_in(server)
    tab.go()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    for key, title in {"a": "Alerts", "s": "Streams", "l": "Lineage", "t": "Time series"}.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("s")
    search = page.get_by_label("Search Streams")
    expect(search).to_be_visible()
    page.keyboard.press("/")
    expect(search).to_be_focused()
    # Letters that are typed are letters.
    page.keyboard.type("ga")
    expect(search).to_have_value("ga")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search or go to")
    expect(palette).to_be_visible()
    page.keyboard.type("bad_source")
    expect(palette.get_by_role("option", name="bad_source").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="bad_source")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("time ser")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Time series")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
