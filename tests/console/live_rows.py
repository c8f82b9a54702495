"""The rows of a result as its tests see them: the grid, the counts below it, streams that flow."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from tests.journeys.server import Server

LOAD_COLUMNS = {
    "device": "string",
    "temperature": "float64",
    "humidity": "float64",
    "location": "string",
    "latitude": "float64",
    "longitude": "float64",
    "time": "datetime64(3)",
}
# What is drawn, from top to bottom, as texts of cells.
SEEN = """grid => {
  const head = grid.querySelector('.grid-head').getBoundingClientRect();
  const box = grid.getBoundingClientRect();
  return [...grid.querySelectorAll('.grid-row:not([hidden])')]
    .filter(row => {
      const {top, bottom} = row.getBoundingClientRect();
      return top >= head.bottom - 1 && bottom <= box.top + grid.clientHeight + 1;
    })
    .map(row => [...row.children].map(cell => cell.textContent));
}"""
COUNTS = """() => Object.fromEntries(
  [...document.querySelectorAll('[data-count]')].map(
    one => [one.dataset.count, Number(one.textContent.replaceAll(',', ''))]))"""


def flow(server: Server, name: str, per_second: int) -> str:
    """A stream that gets so many rows a second; the path of its source."""
    server.create(name, **LOAD_COLUMNS)
    return fill(server, name, per_second)


def fill(server: Server, name: str, per_second: int) -> str:
    """Rows for a stream from now on; the path of the source that makes them."""
    interval = f"{1_000_000 // per_second}us"
    body = {
        "name": f"{name}_source",
        "type": "stream_generator",
        "stream": name,
        "properties": {"template": "iot", "interval": interval},
    }
    answer = server.call("POST", "/sources", body)
    assert answer.status_code == 201, answer.text
    return f"/sources/{answer.json()['id']}"


def grid(page: Page) -> Locator:
    """The grid of the result shown."""
    return page.get_by_role("grid", name="Result rows")


def seen(page: Page) -> list[list[str]]:
    """The rows that are wholly in sight."""
    rows: list[list[str]] = grid(page).evaluate(SEEN)
    return rows


def counts(page: Page) -> dict[str, int]:
    """The figures of the status line, all of one moment."""
    figures: dict[str, int] = page.evaluate(COUNTS)
    return figures


def wait_count(page: Page, name: str, least: int, ms: int = 15_000) -> dict[str, int]:
    """Until a figure is so large; every look finds received = kept + dropped."""
    step = 100
    now: dict[str, int] = {}
    for _ in range(0, ms, step):
        now = counts(page)
        if now:
            assert now["received"] == now["kept"] + now["dropped"], now
            if now[name] >= least:
                return now
        page.wait_for_timeout(step)
    raise AssertionError(f"{name} is {now.get(name)} after {ms} ms, not {least}")
