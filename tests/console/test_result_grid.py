"""Checks 6 and 7: the grid at 5,000 rows a second, its frozen rows, and many queries at once."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.console.conftest import Opener
from tests.console.live_rows import counts, flow, grid, seen, wait_count
from tests.console.query_page import open_query, run, write
from tests.journeys.server import Server
from tests.journeys.waiting import Stopwatch

NEW_ROWS = re.compile(r"^[\d,]+ new rows$")
LONG = "x" * 5_000
EVIL = "<img src=x onerror=alert(1)>"


def run_all(page: Page, statements: list[str]) -> None:
    """Run several statements of one text."""
    write(page, ";\n".join(statements))
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+Enter")


def test_freezing_holds_the_rows_on_screen_while_the_buffer_goes_on(
    server: Server, open_console: Opener
) -> None:
    source = flow(server, "fast", 5_000)
    tab = open_console(server)
    tab.sign_in(server)
    page = open_query(tab)
    run(page, "select * from fast")
    wait_count(page, "received", 5_000)

    # What stands there when the rows stop is what stood there before: no jump to other rows.
    held_by_click = """async () => {
        const grid = document.querySelector('[role=grid]');
        const text = () => [...grid.querySelectorAll('.grid-row:not([hidden])')]
            .map(row => row.textContent).join('|');
        const before = text();
        [...document.querySelectorAll('button')].find(b => b.textContent === 'Pause').click();
        const now = text();
        await new Promise(done => setTimeout(done, 1000));
        return [before === now, before === text()];
    }"""
    assert page.evaluate(held_by_click) == [True, True]
    first = seen(page)
    before = counts(page)
    assert len(first) > 5
    page.wait_for_timeout(2_000)
    later = seen(page)
    assert (later[0], later[-1]) == (first[0], first[-1])
    after = wait_count(page, "received", before["received"] + 5_000)
    assert after["received"] == after["kept"] + after["dropped"]
    tab.shot("grid-frozen")

    # The whole buffer is there, the oldest row too, and the newest ones are one click away.
    grid(page).focus()
    page.keyboard.press("Home")
    expect(grid(page).locator("[aria-selected=true]")).to_have_attribute("aria-rowindex", "2")
    newer = page.get_by_role("button", name=NEW_ROWS)
    newer.click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_timeout(300)
    assert seen(page)[-1][-1] > first[-1][-1]  # event time of the last row
    at_end = "grid => grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 1"
    assert grid(page).evaluate(at_end)

    # Scrolling up, Space, and a press in the rows hold them too; End and Space go on.
    grid(page).hover()
    page.mouse.wheel(0, -400)
    expect(newer).to_be_visible()
    grid(page).focus()
    page.keyboard.press("End")
    expect(newer).to_have_count(0)
    page.keyboard.press("Space")
    expect(newer).to_be_visible()
    page.keyboard.press("Space")
    expect(newer).to_have_count(0)
    grid(page).locator(".grid-cell").nth(20).click()
    expect(newer).to_be_visible()
    server.call("DELETE", source)


def test_rows_are_sorted_filtered_copied_and_read_in_full(
    server: Server, open_console: Opener, tmp_path: Path
) -> None:
    server.create("facts", name="string", n="int64", note="nullable(string)")
    rows = [["b", 10, "it's"], ["a", 9, None], ["c", 9_007_199_254_740_993, LONG], ["a", 100, EVIL]]
    server.ingest("facts", ["name", "n", "note"], rows)
    tab = open_console(server)
    tab.sign_in(server)
    page = open_query(tab)
    run(page, "select name, n, note from table(facts)")
    wait_count(page, "received", 4)
    assert [row[0] for row in seen(page)] == ["b", "a", "c", "a"]
    # Not rounded, null as such, long values cut, markup as text.
    assert [row[1] for row in seen(page)] == ["10", "9", "9007199254740993", "100"]
    assert [row[2] for row in seen(page)] == ["it's", "null", f"{LONG[:512]}…", EVIL]
    assert page.locator("img[src=x]").count() == 0

    head = page.get_by_role("columnheader", name=re.compile("^n$"))
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(grid(page).locator(".grid-row").first).to_contain_text("a9null")
    assert [row[1] for row in seen(page)] == ["9", "10", "100", "9007199254740993"]
    page.get_by_label("Find in the rows").fill("A")
    expect(page.get_by_text("2 of 4 rows")).to_be_visible()
    page.get_by_role("button", name="Filter by column").click()
    page.get_by_label("Filter of n", exact=True).fill("> 9")
    expect(page.get_by_text("1 of 4 rows")).to_be_visible()
    assert [one for one in tab.findings() if "grid" in one] == []
    page.get_by_role("button", name="Clear sorting and filters").click()
    page.get_by_role("button", name="Filter by column").click()
    expect(grid(page)).to_have_attribute("aria-rowcount", "5")

    # By the keyboard: two rows selected and copied, one opened in full.
    grid(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Control+c")
    expect(page.get_by_text("2 rows copied.", exact=True)).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == "name\tn\tnote\nb\t10\tit's\na\t9\t\n"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="Row detail").first
    expect(panel.get_by_text(LONG)).to_be_visible()
    page.get_by_role("button", name="Next row").click()
    expect(panel.get_by_text(EVIL)).to_be_visible()
    assert [one for one in tab.findings() if "grid" in one] == []
    tab.shot("grid-row")
    page.get_by_role("toolbar", name="Result rows").get_by_role("button", name="Copy").click()
    page.get_by_role("menuitem", name="SQL values").click()
    expect(page.get_by_text("1 row copied.", exact=True)).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == f"insert into facts (name, n, note) values\n('a', 100, '{EVIL}');\n"
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV").click()
    download.value.save_as(tmp_path / "rows.csv")
    lines = (tmp_path / "rows.csv").read_bytes().split(b"\r\n")
    assert (lines[0], lines[3]) == (b"name,n,note", f"c,9007199254740993,{LONG}".encode())


def test_a_changelog_is_shown_as_changes_or_as_its_state(
    server: Server, open_console: Opener
) -> None:
    server.create("prices", item="string", price="int32")
    tab = open_console(server)
    tab.sign_in(server)
    page = open_query(tab)
    run(page, "select item, price, _tp_delta from changelog(prices, item)")
    expect(page.get_by_text("Waiting for the first row")).to_be_visible()
    server.ingest("prices", ["item", "price"], [["pen", 3], ["ink", 9]])
    server.ingest("prices", ["item", "price"], [["pen", 5]])
    wait_count(page, "received", 4)
    changes = [["pen", "3", "+1"], ["ink", "9", "+1"], ["pen", "3", "−1"], ["pen", "5", "+1"]]
    expect(grid(page)).to_have_attribute("aria-rowcount", "5")
    assert seen(page) == changes
    expect(grid(page).locator(".taken-back")).to_have_count(1)
    page.get_by_role("button", name="Current state").click()
    expect(grid(page)).to_have_attribute("aria-rowcount", "3")
    assert seen(page) == [["ink", "9", "+1"], ["pen", "5", "+1"]]
    server.ingest("prices", ["item", "price"], [["ink", 1]])
    wait_count(page, "received", 6)
    expect(grid(page)).to_contain_text("ink1+1")
    page.get_by_role("button", name="Current state").click()
    expect(grid(page)).to_have_attribute("aria-rowcount", "7")
    tab.shot("grid-changelog")


def test_ten_live_queries_in_one_tab_leave_room_for_calls_and_a_second_tab(
    server: Server, open_console: Opener
) -> None:
    source = flow(server, "steady", 100)
    tab = open_console(server)
    tab.sign_in(server)
    page = open_query(tab)
    queries = [f"select device, {n} as n from steady" for n in range(10)]
    run_all(page, queries[:5])
    chooser = page.get_by_role("group", name="Statement")
    expect(chooser.get_by_role("button")).to_have_count(5)
    page.keyboard.press("Alt+t")
    run_all(page, queries[5:])
    second = tab.watch(tab.context.new_page())
    watch = Stopwatch()
    second.goto(f"{server.url}/console/query")
    expect(second.locator(".cm-content")).to_be_visible()
    watch.within(5, "a second tab")
    for name in ("Alt+1", "Alt+2"):
        page.keyboard.press(name)
        expect(chooser.get_by_role("button")).to_have_count(5)
        for number in range(5):
            chooser.get_by_role("button").nth(number).click()
            wait_count(page, "received", 100, 5_000)
    assert {one["sql"] for one in server.running()} >= set(queries)
    watch = Stopwatch()
    status = page.evaluate("fetch('/api/v1beta2/streams').then(answer => answer.status)")
    assert status == 200
    watch.within(1, "a call beside ten live queries")
    server.call("DELETE", source)
