"""Check 11: a CSV with bad rows into a new stream; JSON into one that exists; a lost answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.console.conftest import Opener
from tests.journeys.server import Server

ROWS = 200


def rows_of(server: Server, sql: str) -> list[list[object]]:
    answer = server.call("POST", "/exec", {"sql": sql, "type": "historical"})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def csv_file(folder: Path) -> Path:
    """200 rows; 4 and 21 have a bad cell, 151 has too few."""
    lines = ["Station;Measured at;Temp °C;Humid"]
    for n in range(1, ROWS + 1):
        temperature = "broken" if n == 4 else f"{n / 2}"
        at = "yesterday" if n == 21 else f"2026-03-01 {n % 24:02d}:15:00"
        humid = "" if n % 9 == 0 else str(n % 100)
        lines.append("only;three;cells" if n == 151 else f"s{n % 5};{at};{temperature};{humid}")
    path = folder / "Station readings.csv"
    path.write_text("\r\n".join(lines) + "\r\n", "utf-8")
    return path


def start(page: Page, file: Path) -> None:
    page.get_by_label("Choose a file").set_input_files(file)
    expect(page.get_by_text(re.compile(r"^The first \d+ rows"))).to_be_visible()
    page.get_by_role("button", name="Next").click()


def send(page: Page) -> None:
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("heading", name="Sent:")).to_be_visible()


def test_csv_with_bad_rows(server: Server, open_console: Opener, tmp_path: Path) -> None:
    tab = open_console(server)
    tab.sign_in(server)
    page = tab.page
    tab.go("streams")
    page.get_by_role("button", name="Ingest a file").first.click()
    start(page, csv_file(tmp_path))
    types = {
        label: page.get_by_label(f"Type of {label}").input_value()
        for label in ("Station", "Measured at", "Temp °C", "Humid")
    }
    assert types == {
        "Station": "string",
        "Measured at": "datetime64(3)",
        "Temp °C": "float64",
        "Humid": "nullable(int64)",
    }
    assert page.get_by_label("Stream *").input_value() == "station_readings"
    assert page.get_by_label("Event time").input_value() == "Measured_at"
    expect(page.get_by_text('Cannot read "broken" as float64.')).to_be_attached()
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    assert tab.findings() == []

    # The first answer is lost: the batch is sent again, and stored once.
    lost: list[str] = []

    def lose_first(route: Route) -> None:
        lost.append(route.request.headers["idempotency-key"])
        if len(lost) > 1:
            return route.fallback()
        assert route.fetch().ok
        return route.abort()

    tab.allow(r"net::ERR_FAILED .*/ingest")
    page.route("**/station_readings/ingest", lose_first)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Send", exact=True).click()
    # It goes on while other pages are shown; the tray leads back to what it came to.
    page.get_by_role("link", name="Home").click()
    page.get_by_role("button", name=re.compile("^Tasks")).click()
    title = "Station readings.csv → station_readings"
    task = page.get_by_role("dialog", name="Tasks").get_by_role("listitem").filter(has_text=title)
    expect(task).to_contain_text(f"{ROWS - 3} rows stored, 3 rejected")
    task.get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", name="Sent:")).to_be_visible()
    assert len(lost) == 2 and lost[0] == lost[1]

    good = ROWS - 3
    expect(page.get_by_text(f"station_readings has {good} rows now.")).to_be_visible()
    assert rows_of(server, "select count() from table(station_readings)") == [[good]]
    listed = page.get_by_role("table", name="Rejected rows").locator("tbody tr")
    assert [row.split("\t")[0] for row in listed.all_inner_texts()] == ["4", "21", "151"]
    expect(listed.nth(2)).to_contain_text("3 cells instead of 4.")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download rejected rows").click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert len(lines) == 4 and lines[1].startswith("s4,2026-03-01 04:15:00,broken,4,4,Temp_C,")
    # A wall-clock time of the zone that was chosen, as the event time.
    at = "select to_string(_tp_time), Humid from table(station_readings) where Temp_C = 4.5"
    assert rows_of(server, at) == [["2026-03-01 08:15:00.000", None]]
    assert tab.findings() == []


def test_json_into_a_stream_that_fits(server: Server, open_console: Opener, tmp_path: Path) -> None:
    columns = [{"name": "id", "type": "uint64"}, {"name": "price", "type": "decimal(4, 2)"}]
    made = server.call("POST", "/streams", {"name": "ingest_fits", "columns": columns})
    assert made.status_code == 201, made.text
    values: list[object] = [{"id": n, "price": n / 4, "note": "]}"} for n in range(30)]
    # The server alone knows how many digits the type has.
    values[7] = {"id": 7, "price": 123456, "note": ""}
    values[8] = "no object"
    path = tmp_path / "events.json"
    path.write_text(json.dumps(values, indent=1), "utf-8")
    tab = open_console(server, theme="dark", width=320)
    tab.sign_in(server)
    page = tab.page
    tab.allow(r"status of 400 .*/ingest")
    tab.go("ingest")
    start(page, path)
    page.get_by_text("A stream that exists").click()
    page.get_by_label("Stream *").select_option("ingest_fits")
    send(page)
    stored = rows_of(server, "select count(), max(id) from table(ingest_fits)")
    assert stored == [[28, 29]]
    listed = page.get_by_role("table", name="Rejected rows").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[:2] for row in listed] == [["8", "price"], ["9", ""]]
    # Nothing of the page is wider than a small screen.
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_reader_cannot_ingest(server: Server, open_console: Opener) -> None:
    tab = open_console(server)
    tab.sign_in(server, "ingest_reader", "read_only")
    tab.go("ingest")
    expect(tab.page.get_by_text("Your role cannot write into streams.")).to_be_visible()
    tab.go("streams")
    expect(tab.page.get_by_role("heading", name=re.compile("^Streams"))).to_be_visible()
    expect(tab.page.get_by_role("button", name="Ingest a file")).to_have_count(0)
