"""The query page as its tests use it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.console.tab import Tab
from tests.journeys.waiting import Stopwatch

LOOK_MS = 100


def until(page: Page, condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something outside of the page. Its requests go through this very thread: a wait that
    does not give it to the browser would hold them up."""
    watch = Stopwatch()
    while not condition():
        watch.within(seconds, what)
        page.wait_for_timeout(LOOK_MS)


# An entry of the list of completions.
OPTION = ".cm-tooltip-autocomplete li"


def editor(page: Page) -> Locator:
    """What holds the SQL."""
    return page.locator(".cm-content")


def open_query(tab: Tab, path: str = "query") -> Page:
    """The page with its editor there."""
    tab.go(path)
    expect(editor(tab.page)).to_be_visible()
    return tab.page


def write(page: Page, sql: str) -> None:
    """Another text in the editor, as if it was pasted."""
    # Not by a click: the list of completions may lie over it.
    editor(page).focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(sql)
    expect(editor(page)).to_contain_text(sql.split("\n")[-1])


def run(page: Page, sql: str) -> None:
    """Write it and run it by the key."""
    write(page, sql)
    page.keyboard.press("Control+Enter")


def result(page: Page, name: str) -> Locator:
    """A tab of the result."""
    return page.get_by_role("tablist", name="Result").get_by_role("tab", name=name)


def received(page: Page) -> int:
    """Rows that the status line has counted."""
    text = page.locator("[data-count=received]").text_content() or "0"
    return int(text.replace(",", ""))
