"""The benchmark command: runs every claim, or those named, and prints figures and targets."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

from benchmarks.harness import Figure, Options, machine, table

# One file per claim, in the order of the results.
CLAIMS = {
    "ingest_http": "Durable ingest over HTTP",
    "append": "Durable append of Arrow batches",
    "group_commit": "Group commit over many streams",
    "engine_flow": "Queries per CPU-second",
    "stateful": "Queries with state",
    "spill": "State four times the memory",
    "checkpoints": "What checkpoints cost",
    "latency": "From ingest to frame",
    "socket": "The console's socket",
    "console": "The query page in a browser",
    "console_panels": "Twelve live panels in a browser",
    "console_lineage": "The lineage page in a browser",
    "many_queries": "Many queries over one stream",
    "bounded": "Bounded queries over history",
    "control_plane": "Definitions over REST",
    "kronicle": "The Kronicle API, also against the original",
    "timedb": "The TimeDB API, also against the original",
    "opensynaptic": "The OpenSynaptic API, beside the original",
    "idle": "At rest",
    "connectors_throughput": "Sources, and Kafka to Kafka",
    "connectors_latency": "From publish to frame",
    "idle_connectors": "200 connectors at rest",
    "peers": "Against Flink SQL and Pathway on the same CSV file",
}
BEGIN, END = "<!-- figures: made by make bench -->", "<!-- end of figures -->"
RESULTS = Path(__file__).with_name("RESULTS.md")


def head() -> str:
    """The machine as a Markdown list."""
    return "\n".join(f"- {name}: {value}" for name, value in machine())


def main() -> int:
    """Measure, print, and with --write put the figures into RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    parser.add_argument("claims", nargs="*", choices=[*CLAIMS, []], help="all when none is named")
    parser.add_argument("--quick", action="store_true", help="small data, under 3 minutes")
    parser.add_argument("--write", action="store_true", help="put the figures into RESULTS.md")
    parser.add_argument("--seed", type=int, default=Options().seed)
    parser.add_argument("--only", action="append", default=[], help="cases of peers and stateful")
    chosen = parser.parse_args()
    options = Options(chosen.quick, chosen.seed, tuple(chosen.only))
    parts = [head(), f"- runs: medians of {options.repeats}" + (", quick" if chosen.quick else "")]
    print("\n".join(parts), flush=True)
    failed = 0
    for name in chosen.claims or CLAIMS:
        print(f"\n## {CLAIMS[name]}\n", flush=True)
        began = time.perf_counter()
        try:
            figures: list[Figure] = importlib.import_module(f"benchmarks.{name}").measure(options)
        except (RuntimeError, AssertionError, OSError) as error:
            failed += 1
            print(f"failed: {error}", flush=True)
            continue
        text = table(figures) if figures else "not measured here"
        print(f"{text}\n\n({time.perf_counter() - began:.0f} s)", flush=True)
        parts.append(f"\n### {CLAIMS[name]}\n\n{text}")
    if chosen.write and not failed and not chosen.only:
        write("\n".join(parts))
    return 1 if failed else 0


def write(text: str) -> None:
    """Replace the figures in RESULTS.md."""
    page = RESULTS.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    RESULTS.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
