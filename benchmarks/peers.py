"""The same CSV files, parse included, through Tailrace, Flink SQL and Pathway: rows per CPU-second.

The peers are not among our packages. Install them once into an environment of their own and name
its Python: `python3 -m venv .peers && .peers/bin/pip install apache-flink pathway`, then
`make bench` finds `.peers/bin/python`. Flink needs Java. Start-up is taken out by running each
query over small and large files and dividing the difference of rows by that of CPU time.

Tailrace and Flink both read of the files what their plan needs, and the event time for the
watermark; Flink's planner pushes that into its CSV format. The rows that both give for the small
files are counted and must be equal, windows that the files leave open aside.
"""

from __future__ import annotations

import functools
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.csv

from benchmarks import nexmark
from benchmarks.engine_flow import Counter, with_time
from benchmarks.harness import Figure, Options, folder
from engine.sql.logical import StreamingQuery
from engine.sql.repeats import scans
from tests.engine import nexmark_queries
from tests.engine.pipeline import Pipelines

BLOCK_BYTES = 3 << 19  # about 11,000 bids
PYTHON = Path(__file__).resolve().parent.parent / ".peers/bin/python"
SCRIPTS = {
    "Flink": Path(__file__).with_name("peer_flink.py"),
    "Pathway": Path(__file__).with_name("peer_pathway.py"),
}
SECONDS_MAX = 900
COLUMNS = {
    "bid": nexmark.BID_COLUMNS,
    "person": "id int64, name string, state string, date_time datetime64(3), extra string",
    "auction": "id int64, seller int64, category int64, initial_bid int64, reserve int64, "
    "date_time datetime64(3), expires datetime64(3), extra string",
}


@dataclass(frozen=True)
class Query:
    """`ratio`: what Flink must be beaten by. `streams`: what it reads. `pathway`: it runs there.

    `half`: files half as long, for a join that keeps every row that it reads.
    """

    sql: str
    ratio: float = 5.0
    streams: tuple[str, ...] = ("bid",)
    pathway: bool = True
    half: bool = False


_NEXMARK = {query.name: query.streaming for query in nexmark_queries.QUERIES}
QUERIES = {
    "q0": Query("select auction, bidder, price, channel, url, date_time, extra from bid"),
    "q1": Query(
        "select auction, bidder, price * 0.908 as price, channel, date_time, extra from bid"
    ),
    "q2": Query("select auction, price from bid where auction % 123 = 0"),
    "hop count": Query(
        "select window_start, auction, count() as n from hop(bid, date_time, 2s, 10s) "
        "group by window_start, auction"
    ),
    "tumble max": Query(
        "select window_start, max(price) as top from tumble(bid, date_time, 10s) "
        "group by window_start"
    ),
    "q5": Query(_NEXMARK["q5"], 3.0, pathway=False),
    "q7": Query(_NEXMARK["q7"], 3.0, pathway=False, half=True),
    "q8": Query(_NEXMARK["q8"], 3.0, ("person", "auction"), pathway=False),
}


@dataclass(frozen=True)
class Files:
    """A folder with a CSV file for each stream, and how many rows each has."""

    place: Path
    rows: dict[str, int]

    def path(self, stream: str) -> Path:
        """The file of a stream."""
        return self.place / f"{stream}.csv"

    def count(self, query: Query) -> int:
        """Rows that a query reads."""
        return sum(self.rows[stream] for stream in query.streams)


def write(place: Path, events: int, shape: nexmark.Shape) -> Files:
    """The streams of that many events."""
    place.mkdir(exist_ok=True)
    found = Files(place, {})
    for stream in COLUMNS:
        found.rows[stream] = nexmark.write_csv(found.path(stream), stream, events, shape)
    return found


def needed(plan: StreamingQuery, stream: str) -> list[str]:
    """The columns that a plan reads of a stream, in the order of the file, and the event time."""
    found = {"date_time"}
    for scan in scans(plan.root):
        if scan.stream_name == stream:
            found |= {column.name for column in scan.schema}
    return [name for name, _ in _pairs(stream) if name in found]


def _pairs(stream: str) -> list[list[str]]:
    return [column.split(" ", 1) for column in COLUMNS[stream].split(", ")]


def parsed(path: Path, stream: str, names: list[str]) -> Iterator[pa.RecordBatch]:
    """These columns of a file, in the batches that the reader makes."""
    kinds = {"int64": pa.int64(), "string": pa.string(), "datetime64(3)": pa.timestamp("ms")}
    types = {name: kinds[kind] for name, kind in _pairs(stream)}
    convert = pyarrow.csv.ConvertOptions(column_types=types, include_columns=names)
    read = pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES)
    with pyarrow.csv.open_csv(path, read, convert_options=convert) as reader:
        for part in reader:
            yield with_time(part, "date_time")


def in_time(parts: dict[str, Iterator[pa.RecordBatch]]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Batches of several streams, the one that begins first in event time first."""
    heads = {name: head for name, rows in parts.items() if (head := next(rows, None)) is not None}
    while heads:
        name = min(heads, key=lambda each: heads[each].column("date_time")[0].as_py())
        yield name, heads[name]
        following = next(parts[name], None)
        if following is None:
            del heads[name]
        else:
            heads[name] = following


def ours(files: Files, query: Query) -> tuple[float, int]:
    """CPU seconds of reading, parsing and running in this process, and the rows of the result."""
    pipelines = Pipelines()
    try:
        for stream in query.streams:
            pipelines.stream(stream, COLUMNS[stream])
        output = Counter()
        plan = pipelines.plan(query.sql)
        began = time.process_time()
        pipelines.flow.start("q", plan, output, pipelines.clock.now_ms(), None)
        pipelines.virtual.settle()
        parts = {s: parsed(files.path(s), s, needed(plan, s)) for s in query.streams}
        for stream, part in in_time(parts):
            pipelines.storage.append(f"id_{stream}", part)
            pipelines.virtual.settle()
            kept = pipelines.storage.streams[f"id_{stream}"]
            kept[-1] = kept[0]  # its number stays taken, its rows go
        return time.process_time() - began, output.rows_out
    finally:
        pipelines.close()


def headless(files: Files) -> Path:
    """The same files without their first lines: Flink's CSV reader has no option to skip one."""
    made = files.place / "headless"
    if not made.exists():
        made.mkdir()
        for stream in COLUMNS:
            with files.path(stream).open("rb") as source:
                source.readline()
                with (made / f"{stream}.csv").open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    return made


def same_rows(files: Files, name: str, mine: int) -> None:
    """Raises RuntimeError unless Flink counts as many rows of the result."""
    command = [str(PYTHON), str(SCRIPTS["Flink"]), str(headless(files)), name, "count"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
    if done.returncode:
        raise RuntimeError(f"Flink cannot count {name}: {done.stderr[-800:]}")
    theirs = json.loads(done.stdout.strip().splitlines()[-1])["rows"]
    if theirs != mine:
        raise RuntimeError(f"{name}: Tailrace gives {mine} rows, Flink {theirs}")


def theirs(script: Path, path: Path, name: str) -> float:
    """CPU seconds of a peer's process tree for the same."""
    command = [str(PYTHON), str(script), str(path), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        used: dict[int, float] = {}
        deadline = time.monotonic() + SECONDS_MAX
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"{script.stem} {name}: not done in {SECONDS_MAX} s")
            try:
                for each in (watched, *watched.children(recursive=True)):
                    used[each.pid] = sum(each.cpu_times()[:2])
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.05)
        output, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{script.stem} {name}: {errors.decode()[-800:]}")
    reported = json.loads(output.decode().strip().splitlines()[-1])
    return max(sum(used.values()), float(reported.get("cpu_seconds", 0.0)))


def compare(name: str, files: list[Files], options: Options) -> list[Figure]:
    """One query in Tailrace and, in the full form, in the peers that are installed."""
    query = QUERIES[name]
    more = files[1].count(query) - files[0].count(query)
    runs = [tuple(ours(each, query) for each in files) for _ in range(options.repeats)]
    mine = more / statistics.median(large[0] - small[0] for small, large in runs)
    figures = [Figure(f"{name} from CSV, Tailrace", mine, "rows/CPU-s")]
    if options.quick or not PYTHON.exists():
        return figures
    same_rows(files[0], name, runs[0][0][1])
    for peer, script in SCRIPTS.items():
        if peer == "Pathway" and not query.pathway:
            continue
        given = [headless(f) if peer == "Flink" else f.path("bid") for f in files]
        spent = theirs(script, given[1], name) - theirs(script, given[0], name)
        rate = more / spent
        figures.append(Figure(f"{name} from CSV, {peer}", rate, "rows/CPU-s"))
        goal = query.ratio if peer == "Flink" else None
        figures.append(Figure(f"{name}, Tailrace by {peer}", mine / rate, "x", goal))
    return figures


def measure(options: Options) -> list[Figure]:
    """Ours always; the peers where they are installed."""
    sizes = (options.size(1_000_000, 500_000), options.size(4_000_000, 1_500_000))
    # Slow enough that many windows close within the smaller files.
    shape = nexmark.Shape(options.seed, rate=10_000)
    with folder() as place:
        made = functools.cache(lambda events: write(place / str(events), events, shape))
        figures: list[Figure] = []
        for name, query in QUERIES.items():
            if options.takes(name):
                files = [made(events // (2 if query.half else 1)) for events in sizes]
                figures += compare(name, files, options)
        return figures
