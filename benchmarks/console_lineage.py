"""The lineage page with 300 nodes in a real browser: the first layout, and refreshes of numbers."""

from __future__ import annotations

import statistics
from dataclasses import astuple, dataclass

from playwright.sync_api import Page, expect

from benchmarks.console import WATCH
from benchmarks.harness import Figure, Options, folder
from tests.console.chromium import Chromium
from tests.console.tab import Tab
from tests.journeys.server import Server
from tools import console_bundle

# A stream, a view of it, a materialized view of that, and two saved queries.
CHAINS = 60
NODES = 5 * CHAINS
ROWS = [[n, "x"] for n in range(50)]
SETTLE_MS = 3_000
# Three to six refreshes, which come every 5 s.
WATCHED_ROUNDS = 10
ROUND_MS = 2_000
# Notes when the last node of all is drawn.
DRAWN = """(nodes) => new Promise((done) => {
  const from = performance.now();
  const look = () => {
    const all = document.querySelectorAll('.react-flow__node');
    const seen = [...all].filter((one) => getComputedStyle(one).visibility === 'visible');
    if (seen.length >= nodes) requestAnimationFrame(() => done(performance.now() - from));
    else requestAnimationFrame(look);
  };
  document.querySelector('nav a[href$="/lineage"]').click();
  look();
})"""


@dataclass(frozen=True)
class Run:
    """What one page gave, in milliseconds; long tasks are those of over 50."""

    layout: float
    longest_task: float
    tasks: float


def make(server: Server) -> None:
    """The objects of the graph."""
    for n in range(CHAINS):
        server.create(f"s{n}", n="int64", text="string")
        calls = (
            ("/views", {"name": f"v{n}", "query": f"SELECT n + 1 AS m FROM s{n}"}),
            ("/views", {"name": f"m{n}", "materialized": True, "query": f"SELECT m FROM v{n}"}),
            ("/savedqueries", {"name": f"q{n}", "sql": f"SELECT * FROM m{n}"}),
            (
                "/savedqueries",
                {"name": f"r{n}", "sql": f"SELECT * FROM s{n}, s{(n + 1) % CHAINS}"},
            ),
        )
        for path, body in calls:
            assert server.call("POST", path, body).status_code == 201


def once(server: Server, chromium: Chromium) -> Run:
    """Open the page from another one, then look on while the numbers of all nodes change."""
    tab = Tab(chromium.browser(), server.url, "light", 1440)
    try:
        tab.sign_in(server)
        tab.go("streams")
        page = tab.page
        expect(page.get_by_role("table")).to_be_visible()
        page.wait_for_timeout(SETTLE_MS)
        layout: float = page.evaluate(DRAWN, NODES)
        page.wait_for_timeout(SETTLE_MS)
        tasks = refreshed(server, page)
        return Run(layout, max(tasks, default=0.0), len(tasks))
    finally:
        tab.context.close()


def refreshed(server: Server, page: Page) -> list[float]:
    """Long tasks while rows come into every stream."""
    page.evaluate(WATCH)
    for _ in range(WATCHED_ROUNDS):
        for n in range(CHAINS):
            server.ingest(f"s{n}", ["n", "text"], ROWS)
        page.wait_for_timeout(ROUND_MS)
    tasks: list[float] = page.evaluate("window.seen.tasks")
    return tasks


def measure(options: Options) -> list[Figure]:
    """Browser and server share the machine."""
    console_bundle.ensure(console_bundle.ROOT)
    chromium = Chromium()
    with folder() as place:
        server = Server(place / "data").start()
        try:
            make(server)
            runs = [chromium.run(lambda: once(server, chromium)) for _ in range(options.size(3, 1))]
        finally:
            chromium.close()
            server.stop()
    median = Run(*(statistics.median(values) for values in zip(*map(astuple, runs), strict=True)))
    what = f"lineage of {NODES} nodes"
    return [
        Figure(f"{what}: first layout, from the click", median.layout, "ms", 1_500, lower=True),
        Figure(f"{what}: longest task of a refresh", median.longest_task, "ms", 100, lower=True),
        Figure(f"{what}: tasks over 50 ms in refreshes", median.tasks, "in 20 s", lower=True),
    ]
