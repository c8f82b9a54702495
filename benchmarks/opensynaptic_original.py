"""The original OpenSynaptic store under the same load; run by its own Python, without ours.

Arguments: dialect, driver configuration as JSON, repeats; facts come on standard input. Prints
JSON: seconds of the load, then of each page. It stores some thousand facts a second on PostgreSQL:
after LOAD_SECONDS of it the rest of the load is reckoned, and its rows are put there in bulk.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import uuid

from opensynaptic.services.db_engine import DatabaseManager

LOAD_SECONDS = 20.0
PART = 1_000
PACKETS = (
    "os_packets (packet_uuid, device_id, device_status, timestamp_raw, payload_json, created_at)"
)
SENSORS = (
    "os_sensors (packet_uuid, sensor_index, sensor_id, sensor_status, normalized_value, "
    "normalized_unit)"
)


def load(store: DatabaseManager, dialect: str) -> float:
    """Seconds that all facts take it."""
    spent, stored, count = 0.0, 0, 0
    for line in sys.stdin:
        facts = json.loads(line)["facts"]
        count += len(facts)
        while facts and spent < LOAD_SECONDS:
            part, facts = facts[:PART], facts[PART:]
            begun = time.perf_counter()
            assert store.export_many(part) == len(part)
            spent += time.perf_counter() - begun
            stored += len(part)
        if facts:
            fill(store, dialect, facts)
    return spent * count / stored


def fill(store: DatabaseManager, dialect: str, facts: list[dict]) -> None:
    """The rows that it would have made of these facts."""
    made = [store._build_rows(str(uuid.uuid4()), fact) for fact in facts]
    packets = [store.driver._coerce_packet(packet) for packet, _ in made]
    sensors = [row for _, rows in made for row in rows]
    connection = store.driver.conn
    for place, rows in ((PACKETS, packets), (SENSORS, sensors)):
        if dialect == "sqlite":
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"insert into {place} values ({marks})", rows)
            continue
        with connection.cursor() as cursor, cursor.copy(f"copy {place} from stdin") as copy:
            for row in rows:
                copy.write_row(row)
    connection.commit()


def main() -> None:
    """Facts in by `export_many`, then pages by the methods that its HTTP routes call."""
    dialect, driver, repeats = sys.argv[1:4]
    store = DatabaseManager(dialect, json.loads(driver))
    store.connect()
    found = {"load": load(store, dialect)}
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
