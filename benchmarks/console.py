"""The query page under load in a real browser: frames, long tasks, keys, memory, lost rows."""

from __future__ import annotations

import statistics
import time
from dataclasses import astuple, dataclass
from typing import Any

from playwright.sync_api import Page, expect

from benchmarks.harness import Figure, Options, folder
from tests.console.chromium import Chromium
from tests.console.live_rows import LOAD_COLUMNS, counts, fill
from tests.console.query_page import editor, open_query, run
from tests.console.tab import Tab
from tests.journeys.server import Server
from tools import console_bundle

RATES = (5_000, 10_000)
KEY_SECONDS = 0.25
SETTLE_SECONDS = 3.0
REPEATS = 3
# Keys that took less are not told of by the browser.
KEY_MS_MIN = 16.0
MIB = 1 << 20
# Notes each frame, each task of over 50 ms, and each key that was slow.
WATCH = """() => {
  const seen = window.seen = {frames: [], tasks: [], keys: []};
  new PerformanceObserver(list => seen.tasks.push(...list.getEntries().map(e => e.duration)))
    .observe({type: 'longtask'});
  new PerformanceObserver(list => seen.keys.push(
    ...list.getEntries().filter(e => e.name === 'keydown').map(e => e.duration)))
    .observe({type: 'event', durationThreshold: 16});
  let last = performance.now();
  const frame = now => { seen.frames.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""


@dataclass(frozen=True)
class Load:
    """What one run gave; times in milliseconds."""

    fps: float
    frame_p95: float
    frame_max: float
    long_tasks: float
    key_p95: float
    heap_mib: float
    received: float
    dropped: float
    uncounted: float


def percentile(values: list[float], part: float) -> float:
    """The value below which that part of all lies."""
    return sorted(values)[int(len(values) * part)] if values else 0.0


def typed(page: Page, seconds: float) -> int:
    """Type and delete a letter again and again; how many keys were pressed."""
    editor(page).click()
    page.keyboard.press("Control+End")
    began, keys = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        page.keyboard.press("Backspace" if keys % 2 else " ")
        keys += 1
        page.wait_for_timeout(max(0.0, began + keys * KEY_SECONDS - time.monotonic()) * 1_000)
    return keys


def once(server: Server, chromium: Chromium, rate: int, seconds: float) -> Load:
    """One page, one query, one stream that begins after it."""
    server.create("load", **LOAD_COLUMNS)
    tab = Tab(chromium.browser(), server.url, "light", 1440)
    try:
        tab.sign_in(server)
        page = open_query(tab)
        run(page, "select * from load")
        expect(page.get_by_text("Waiting for the first row")).to_be_visible()
        source = fill(server, "load", rate)
        page.wait_for_timeout(SETTLE_SECONDS * 1_000)
        before = counts(page)["received"]
        page.evaluate(WATCH)
        began = time.monotonic()
        keys = typed(page, seconds)
        seen: dict[str, list[float]] = page.evaluate("window.seen")
        passed = time.monotonic() - began
        received = (counts(page)["received"] - before) / passed
        tab.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
        heap = _heap(tab, page)
        server.call("DELETE", source).raise_for_status()
        page.wait_for_timeout(SETTLE_SECONDS * 1_000)
        end = counts(page)
        ((sent,),) = server.select("select count() from table(load)")
        slow = seen["keys"] + [KEY_MS_MIN] * max(0, keys - len(seen["keys"]))
        return Load(
            len(seen["frames"]) / passed,
            percentile(seen["frames"], 0.95),
            max(seen["frames"]),
            sum(seen["tasks"]),
            percentile(slow, 0.95),
            heap / MIB,
            received,
            end["dropped"] / max(1, end["received"]),
            abs(sent - end["kept"] - end["dropped"]),
        )
    finally:
        tab.context.close()
        server.call("DELETE", "/streams/load?force=true")


def _heap(tab: Tab, page: Page) -> float:
    session = tab.context.new_cdp_session(page)
    session.send("Performance.enable")
    metrics: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize")


def figures(rate: int, seconds: float, load: Load) -> list[Figure]:
    """With the budgets of the design; those of long tasks are for 60 s."""
    what = f"query page at {rate} rows/s"
    fastest = rate == RATES[0]
    return [
        Figure(f"{what}: frames", load.fps, "/s", 50 if fastest else 45),
        Figure(f"{what}: frame p95", load.frame_p95, "ms", 34 if fastest else None, lower=True),
        Figure(f"{what}: longest frame", load.frame_max, "ms", 500, lower=True),
        Figure(
            f"{what}: tasks over 50 ms in a minute",
            load.long_tasks / 1_000 * 60 / seconds,
            "s",
            2.0 if fastest else None,
            lower=True,
        ),
        Figure(f"{what}: key p95", load.key_p95, "ms", 100, lower=True),
        Figure(f"{what}: heap of the page", load.heap_mib, "MiB", 80, lower=True),
        Figure(f"{what}: received", load.received, "rows/s", 0.95 * rate),
        Figure(f"{what}: dropped", load.dropped, "of all rows"),
        Figure(f"{what}: rows uncounted", load.uncounted, "rows", 0, lower=True),
    ]


def measure(options: Options) -> list[Figure]:
    """Browser, sender and server share the machine."""
    console_bundle.ensure(console_bundle.ROOT)
    seconds = 12.0 if options.quick else 60.0
    chromium = Chromium()
    taken: list[Figure] = []
    with folder() as place:
        server = Server(place / "data").start()
        try:
            for rate in RATES:

                def work(rate: int = rate) -> Load:
                    return once(server, chromium, rate, seconds)

                runs = [chromium.run(work) for _ in range(1 if options.quick else REPEATS)]
                medians = (statistics.median(v) for v in zip(*map(astuple, runs), strict=True))
                taken += figures(rate, seconds, Load(*medians))
        finally:
            chromium.close()
            server.stop()
    return taken
