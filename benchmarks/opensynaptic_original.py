"""The original OpenSynaptic store under the same load; run by its own Python, without ours.

Arguments: dialect, driver configuration as JSON, repeats; facts come on standard input. Prints
JSON: seconds of the load, then of each page.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from opensynaptic.services.db_engine import DatabaseManager


def main() -> None:
    """Facts in by `export_many`, pages by the methods that its HTTP routes call."""
    dialect, driver, repeats = sys.argv[1:4]
    store = DatabaseManager(dialect, json.loads(driver))
    store.connect()
    started = time.perf_counter()
    facts: list[dict] = []
    for line in sys.stdin:
        facts += json.loads(line)["facts"]
        if len(facts) >= 10_000:
            assert store.export_many(facts) == len(facts)
            facts = []
    assert not facts or store.export_many(facts) == len(facts)
    found = {"load": time.perf_counter() - started}
    for name, ask in (
        ("packets", lambda: store.query_packets(limit=50, offset=100_000)),
        ("sensors", lambda: store.query_sensors(limit=50, offset=100_000)),
        ("device", lambda: store.query_packets(device_id="NODE_0007", limit=50)),
        ("devices", lambda: store.query_devices(limit=100)),
    ):
        times = []
        for _ in range(int(repeats)):
            begun = time.perf_counter()
            answer = ask()
            times.append(time.perf_counter() - begun)
            assert "error" not in answer, answer
            assert answer["total"], name
        found[name] = statistics.median(times)
    print(json.dumps(found))


main()
