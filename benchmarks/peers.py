"""The same CSV file, parse included, through Tailrace, Flink SQL and Pathway: bids per CPU-second.

The peers are not among our packages. Install them once into an environment of their own and name
its Python: `python3 -m venv .peers && .peers/bin/pip install apache-flink pathway`, then
`make bench` finds `.peers/bin/python`. Flink needs Java. Start-up is taken out by running each
query over a small and a large file and dividing the difference of rows by that of CPU time.

Tailrace and Flink both read of the file what their plan needs, and the event time for the
watermark; Flink's planner pushes that into its CSV format. The rows that both give for the small
file are counted and must be equal, windows that the file leaves open aside.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.csv

from benchmarks import nexmark
from benchmarks.engine_flow import Counter, with_time
from benchmarks.harness import Figure, Options, folder
from engine.physical import scans
from engine.sql.logical import StreamingQuery
from tests.engine.pipeline import Pipelines

BLOCK_BYTES = 3 << 19  # about 11,000 bids
PYTHON = Path(__file__).resolve().parent.parent / ".peers/bin/python"
SCRIPTS = {
    "Flink": Path(__file__).with_name("peer_flink.py"),
    "Pathway": Path(__file__).with_name("peer_pathway.py"),
}
# What Flink must be beaten by.
FLINK_RATIO = 5.0
SECONDS_MAX = 900
QUERIES = {
    "q0": "select auction, bidder, price, channel, url, date_time, extra from bid",
    "q1": "select auction, bidder, price * 0.908 as price, channel, date_time, extra from bid",
    "q2": "select auction, price from bid where auction % 123 = 0",
    "hop count": "select window_start, auction, count() as n from hop(bid, date_time, 2s, 10s) "
    "group by window_start, auction",
    "tumble max": "select window_start, max(price) as top from tumble(bid, date_time, 10s) "
    "group by window_start",
}


def needed(plan: StreamingQuery) -> list[str]:
    """The columns that a plan reads, in the order of the file, and the event time."""
    found = {"date_time"}
    for scan in scans(plan.root):
        found |= {column.name for column in scan.schema}
    return [name for name in nexmark.BID_SCHEMA.names if name in found]


def parsed(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    """These columns of a file, in the batches that the reader makes."""
    convert = pyarrow.csv.ConvertOptions(column_types=nexmark.BID_SCHEMA, include_columns=names)
    read = pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES)
    with pyarrow.csv.open_csv(path, read, convert_options=convert) as reader:
        yield from reader


def ours(path: Path, query: str) -> tuple[float, int]:
    """CPU seconds of reading, parsing and running in this process, and the rows of the result."""
    pipelines = Pipelines()
    try:
        pipelines.stream("bid", nexmark.BID_COLUMNS)
        output = Counter()
        plan = pipelines.plan(QUERIES[query])
        began = time.process_time()
        pipelines.flow.start("q", plan, output, pipelines.clock.now_ms(), None)
        pipelines.virtual.settle()
        for part in parsed(path, needed(plan)):
            pipelines.storage.append("id_bid", with_time(part, "date_time"))
            pipelines.virtual.settle()
            kept = pipelines.storage.streams["id_bid"]
            kept[-1] = kept[0]  # its number stays taken, its rows go
        return time.process_time() - began, output.rows_out
    finally:
        pipelines.close()


def headless(path: Path) -> Path:
    """The same file without its first line: Flink's CSV reader has no option to skip one."""
    made = path.with_suffix(".headless.csv")
    if not made.exists():
        with path.open("rb") as source, made.open("wb") as target:
            source.readline()
            shutil.copyfileobj(source, target, 1 << 20)
    return made


def same_rows(path: Path, query: str, mine: int) -> None:
    """Raises RuntimeError unless Flink counts as many rows of the result."""
    command = [str(PYTHON), str(SCRIPTS["Flink"]), str(headless(path)), query, "count"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
    if done.returncode:
        raise RuntimeError(f"Flink cannot count {query}: {done.stderr[-800:]}")
    theirs = json.loads(done.stdout.strip().splitlines()[-1])["rows"]
    if theirs != mine:
        raise RuntimeError(f"{query}: Tailrace gives {mine} rows, Flink {theirs}")


def theirs(script: Path, path: Path, query: str) -> float:
    """CPU seconds of a peer's process tree for the same."""
    command = [str(PYTHON), str(script), str(path), query]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        used: dict[int, float] = {}
        deadline = time.monotonic() + SECONDS_MAX
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"{script.stem} {query}: not done in {SECONDS_MAX} s")
            try:
                for each in (watched, *watched.children(recursive=True)):
                    used[each.pid] = sum(each.cpu_times()[:2])
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.05)
        output, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{script.stem} {query}: {errors.decode()[-800:]}")
    reported = json.loads(output.decode().strip().splitlines()[-1])
    return max(sum(used.values()), float(reported.get("cpu_seconds", 0.0)))


def measure(options: Options) -> list[Figure]:
    """Ours always; the peers where they are installed."""
    sizes = (options.size(1_000_000, 500_000), options.size(4_000_000, 1_500_000))
    figures: list[Figure] = []
    with folder() as place:
        files = [place / f"bids_{size}.csv" for size in sizes]
        # Slow enough that many windows close within the smaller file.
        shape = nexmark.Shape(options.seed, rate=10_000)
        rows = [nexmark.write_csv(f, n, shape) for f, n in zip(files, sizes, strict=True)]
        more = rows[1] - rows[0]
        for query in QUERIES:
            runs = [tuple(ours(file, query) for file in files) for _ in range(options.repeats)]
            mine = more / statistics.median(large[0] - small[0] for small, large in runs)
            figures.append(Figure(f"{query} from CSV, Tailrace", mine, "bids/CPU-s"))
            if options.quick or not PYTHON.exists():
                continue
            same_rows(files[0], query, runs[0][0][1])
            for peer, script in SCRIPTS.items():
                given = [headless(f) for f in files] if peer == "Flink" else files
                spent = theirs(script, given[1], query) - theirs(script, given[0], query)
                rate = more / spent
                figures.append(Figure(f"{query} from CSV, {peer}", rate, "bids/CPU-s"))
                goal = FLINK_RATIO if peer == "Flink" else None
                what = f"{query}, Tailrace by {peer}"
                figures.append(Figure(what, mine / rate, "x", goal))
    return figures
