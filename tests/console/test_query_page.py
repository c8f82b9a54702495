"""Checks 2, 3 (plan), 4, 9 and 10 of the console: sample stream, tabs, saved queries, errors."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from tests.console.conftest import Opener
from tests.console.live_rows import flow, wait_count
from tests.console.query_page import OPTION, editor, open_query, received, result, run, until, write
from tests.journeys.server import Server

ROWS_MIN, ROWS_SECONDS = 100, 5
REFUSED = r"status of 400 .*/sqlanalyze"
STREAMS = 300
# A query would be begun by then.
BEGUN_MS = 700
# Stops of the Tab key on a page, at most: its catalog is as long as other tests left it.
STOPS = "document.querySelectorAll('a, button, input, select, textarea, [tabindex]').length"
# Of a busy machine.
WAIT_SECONDS = 15
# A key within 75 ms of the list of completions is not meant for it: so CodeMirror has it.
MEANT_MS = 200


def reach(page: Page, wanted: Locator) -> None:
    """Go there by Tab, within one round."""
    expect(wanted).to_be_visible()
    for _ in range(page.evaluate(STOPS)):
        if page.evaluate("!!document.activeElement.closest('.cm-content')"):
            # In the editor Tab indents, unless Escape came first.
            page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by the keyboard")


def press(page: Page, wanted: Locator) -> None:
    """Go there by Tab and press Enter."""
    reach(page, wanted)
    page.keyboard.press("Enter")


def ids(server: Server) -> set[str]:
    return {query["id"] for query in server.running()}


def test_an_editor_that_comes_late_leaves_the_focus_where_somebody_types(
    server: Server, open_console: Opener
) -> None:
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    waiting: list[Route] = []
    page.route(re.compile(r"/assets/Editor-.*\.js$"), lambda route: waiting.append(route))
    tab.go("query?sample=true")
    rate = page.get_by_label("Events a second")
    rate.press("Control+a")
    page.keyboard.type("1")
    expect(editor(page)).to_have_count(0)
    for late in waiting:
        late.continue_()
    expect(editor(page)).to_be_visible()
    page.keyboard.type("00")
    expect(rate).to_be_focused()
    expect(rate).to_have_value("100")


def test_sample_stream_is_queried_at_once_and_cancel_ends_the_query(
    server: Server, open_console: Opener
) -> None:
    """By keyboard alone."""
    tab = open_console(server)
    tab.sign_in(server)
    tab.go()
    page = tab.page
    press(page, page.get_by_role("link", name="Create sample stream"))
    reach(page, page.get_by_label("Events a second"))
    page.keyboard.press("Control+a")
    page.keyboard.type("100")
    press(page, page.get_by_role("button", name="Create and query"))
    expect(editor(page)).to_have_text("SELECT * FROM iot")
    expect(page.get_by_text("This query has no end")).to_be_visible()
    until(page, lambda: received(page) >= ROWS_MIN, ROWS_SECONDS, f"{ROWS_MIN} rows")
    (query,) = server.running()
    assert query["sql"] == "SELECT * FROM iot"

    # Other tabs of the result show the same query, they run no other.
    reach(page, result(page, "Table"))
    for name in ("Chart", "Plan"):
        page.keyboard.press("ArrowRight")
        expect(result(page, name)).to_be_focused()
    expect(page.locator(".react-flow__node", has_text="Read iot")).to_be_visible()
    expect(page.locator(".react-flow__node")).to_have_count(2)
    page.keyboard.press("ArrowRight")
    expect(result(page, "Statistics")).to_be_focused()
    expect(page.get_by_text("Late rows left out")).to_be_visible()
    page.keyboard.press("Home")
    assert ids(server) == {query["id"]}

    # Another tab of the editor leaves it running.
    page.keyboard.press("Alt+t")
    expect(page.get_by_role("tab", name="Query 1")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tab", name="running iot")).to_be_visible()
    # An example for a stream that exists is one click away.
    press(page, page.get_by_role("button", name="Run: What iot holds"))
    reach(page, result(page, "Table"))
    page.keyboard.press("End")
    expect(page.get_by_text(re.compile(r"^Finished: \d+ rows"))).to_be_visible()
    assert ids(server) == {query["id"]}

    # On other pages it stands among the tasks, with the way back to its tab.
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.get_by_role("heading", name="Recent queries")).to_be_visible()
    press(page, page.get_by_role("button", name="Tasks: 1 running"))
    press(page, page.get_by_role("link", name="Open: SELECT * FROM iot"))
    expect(editor(page)).to_have_text("SELECT * FROM iot")
    assert ids(server) == {query["id"]}
    press(page, page.get_by_role("button", name="Cancel", exact=True))
    until(page, lambda: not server.running(), WAIT_SECONDS, "the end of the query")
    ended = server.call("GET", f"/queries/{query['id']}").json()
    assert ended["status"] == "canceled"
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()

    page.goto(f"{server.url}/console/query/history")
    row = page.get_by_role("row", name=re.compile("SELECT . FROM iot canceled"))
    row.get_by_role("button", name="Open in tab").click()
    expect(editor(page)).to_have_text("SELECT * FROM iot")


def test_esc_twice_cancels_and_history_ends_by_itself(server: Server, open_console: Opener) -> None:
    server.create("past", v="int32")
    server.ingest("past", ["v"], [[1], [2]])
    tab = open_console(server)
    tab.sign_in(server)
    page = open_query(tab)
    run(page, "select v from past")
    expect(page.get_by_role("tab", name="running past")).to_be_visible()
    until(page, lambda: len(server.running()) == 1, WAIT_SECONDS, "the query")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    until(page, lambda: not server.running(), WAIT_SECONDS, "the end of the query")
    editor(page).click()
    # A tab that is chosen before the run has a result stays chosen.
    held: list[Route] = []
    page.route("**/sqlanalyze", lambda route: held.append(route), times=1)
    page.keyboard.press("Control+Shift+Enter")
    until(page, lambda: len(held) == 1, WAIT_SECONDS, "the request")
    result(page, "Messages").click()
    held[0].continue_()
    expect(page.get_by_text("Finished: 2 rows.")).to_be_visible()

    # What is not begun when its tab is closed is never begun.
    page.route("**/sqlanalyze", lambda route: held.append(route), times=1)
    editor(page).click()
    page.keyboard.press("Control+Enter")
    until(page, lambda: len(held) == 2, WAIT_SECONDS, "the request")
    page.keyboard.press("Alt+w")
    with page.expect_response("**/sqlanalyze"):
        held[1].continue_()
    page.wait_for_timeout(BEGUN_MS)
    assert server.running() == []


def test_a_query_without_rows_says_why(server: Server, open_console: Opener) -> None:
    server.create("quiet", v="int32")
    source = flow(server, "busy", 20)
    tab = open_console(server)
    tab.sign_in(server)
    page = open_query(tab)
    reasons = {
        "select * from quiet": "quiet has no new rows since",
        "select * from busy where temperature > 1e6": r"The filter let pass 0 of \d+ rows of busy",
        "select count() from tumble(busy, 30d) group by window_start": "of windows is open",
        "select * from busy": "The source busy_source, which fills busy, is stopped",
    }
    for sql in reasons:
        page.keyboard.press("Alt+t")
        run(page, sql)
        expect(page.get_by_label("State of the query")).to_contain_text("running")
    wait_count(page, "received", 10)
    server.call("POST", f"{source}/stop")
    for number, reason in enumerate(reasons.values(), start=2):
        page.keyboard.press(f"Alt+{number}")
        note = page.get_by_role("note")
        expect(note).to_contain_text(re.compile(reason), timeout=WAIT_SECONDS * 1000)
        more = note.get_by_role("button", name="Look at the last day instead")
        expect(more).to_have_count(0 if "stopped" in reason else 1)
    tab.shot("no-rows")


def test_saved_query_opens_with_its_sql_range_and_tab(server: Server, open_console: Opener) -> None:
    server.create("readings", device="string", temperature="float64")
    server.ingest("readings", ["device", "temperature"], [["a", 1.5]])
    tab = open_console(server)
    tab.sign_in(server)
    page = open_query(tab)
    sql = "select device, temperature\nfrom readings"
    write(page, sql)
    page.get_by_role("button", name="Time range: Live").click()
    page.get_by_role("menuitemcheckbox", name="Last 1h, then end").click()
    editor(page).click()
    page.keyboard.press("Control+Enter")
    result(page, "Statistics").click()
    editor(page).click()
    page.keyboard.press("Control+s")
    page.get_by_label("Name").fill("My readings")
    page.get_by_label("Tags").fill("lab, lab, cellar")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("tab", name="My readings")).to_be_visible()
    (saved,) = server.call("GET", "/savedqueries").json()
    assert (saved["sql"], saved["tags"]) == (sql, ["lab", "cellar"])
    expect(page).to_have_url(re.compile("view=statistics"))

    def same(shown: Page) -> None:
        expect(editor(shown)).to_have_text(sql.replace("\n", ""))
        expect(shown.get_by_role("button", name="Time range: Last 1h, then end")).to_be_visible()
        expect(shown).to_have_url(re.compile("view=statistics"))

    page.reload()
    same(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("The link is in the clipboard.").first).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    other = tab.watch(tab.context.new_page())
    other.goto(link)
    same(other)
    # The text is changed and saved under its name: the other page of it is asked again.
    write(other, "select 1")
    other.keyboard.press("Control+s")
    expect(other.get_by_text("Saved as My readings.").first).to_be_visible()
    other.goto(f"{server.url}/console/saved")
    other.get_by_label("Tags").select_option("cellar")
    other.get_by_role("button", name="My readings", exact=True).click()
    expect(editor(other)).to_have_text("select 1")


def test_an_error_is_marked_and_mended(server: Server, open_console: Opener) -> None:
    server.create("rooms", device="string", temperature="float64")
    tab = open_console(server)
    tab.sign_in(server)
    tab.allow(REFUSED)
    page = open_query(tab)
    run(page, "select 1;\nselect temprature from rooms")
    marked = page.locator(".cm-lintRange-error")
    expect(marked).to_have_text("temprature")
    trouble = page.get_by_role("alert")
    expect(trouble).to_contain_text("did you mean temperature?")
    expect(trouble).to_contain_text("line 2, column 8")
    expect(trouble).to_contain_text("code 47")
    trouble.get_by_role("button", name="Change to temperature").click()
    expect(editor(page)).to_contain_text("select temperature from rooms")
    expect(marked).to_have_count(0)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("tab", name="running rooms")).to_be_visible()
    until(page, lambda: len(server.running()) == 1, WAIT_SECONDS, "the mended query")
    server.ingest("rooms", ["device", "temperature"], [["a", 21.5]])
    expect(page.get_by_role("gridcell", name="21.5")).to_be_visible()


def test_statements_run_in_order_and_tell_what_they_made(
    server: Server, open_console: Opener
) -> None:
    tab = open_console(server)
    tab.sign_in(server)
    tab.allow(REFUSED)
    page = open_query(tab)
    write(
        page,
        "create stream made (v int32); insert into made (v) values (1), (2);\n"
        "select v from table(made);\nselect nope from made; drop stream made",
    )
    page.get_by_role("button", name="More ways to run").click()
    page.get_by_role("menuitem", name="Run all statements").click()
    expect(result(page, "Table")).to_be_visible()
    result(page, "Messages").click()
    messages = page.get_by_role("list", name="Messages")
    for text in (
        "Created stream made.",
        "Rows inserted into made.",
        "Finished: 2 rows.",
        "column nope does not exist",
        "1 statement behind it not run.",
    ):
        expect(messages.get_by_text(text)).to_be_visible()
    assert server.select("select sum(v) from table(made)") == [[3]]
    # What was made is in the catalog, and its details are a click away.
    catalog = page.get_by_role("region", name="Catalog")
    expect(catalog.get_by_role("button", name="made", exact=True)).to_be_visible()
    messages.get_by_role("button", name="Details").click()
    expect(page.get_by_role("complementary")).to_contain_text("int32")


def offered(page: Page, sql: str) -> list[str]:
    """Labels of what is offered after typing this."""
    write(page, sql[:-2])
    page.keyboard.type(sql[-2:], delay=30)
    expect(page.locator(OPTION).first).to_be_visible()
    return page.locator(f"{OPTION} .cm-completionLabel").all_text_contents()


def test_completion_offers_what_fits_the_place(server: Server, open_console: Opener) -> None:
    server.create("sensors", device="string", temperature="float64", averaged="string")
    columns: dict[str, Any] = {f"temp_{n}": "float64" for n in range(20)}
    for n in range(STREAMS):
        server.create(f"stream_{n}", **columns)
    tab = open_console(server)
    tab.sign_in(server)
    page = open_query(tab)
    expect(page.get_by_role("button", name="Query stream_0", exact=True)).to_be_visible()
    # The columns of the stream come before functions, here avg().
    assert offered(page, "SELECT * FROM sensors WHERE av")[0] == "averaged"
    assert offered(page, "SELECT * FROM sensors WHERE te")[0] == "temperature"
    page.wait_for_timeout(MEANT_MS)
    page.keyboard.press("Enter")
    expect(editor(page)).to_have_text("SELECT * FROM sensors WHERE temperature")
    assert offered(page, "SELECT * FROM tu")[0] == "tumble"
    assert offered(page, "SELECT * FROM stream_29")[0] == "stream_29"
