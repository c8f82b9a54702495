"""Runs one query of `peers.py` in Flink SQL over a CSV file without a head; prints CPU seconds.

For the environment of the peers, not ours: `python peer_flink.py FILE QUERY [count]`. Flink's
defaults, two slots, results to its blackhole sink. `count` prints the rows of the result instead,
of windows that are complete at the last event.
"""

from __future__ import annotations

import json
import resource
import sys

from pyflink.table import EnvironmentSettings, TableEnvironment  # pyright: ignore

BID = (
    "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, "
    "date_time TIMESTAMP(3), extra STRING, "
    "WATERMARK FOR date_time AS date_time"
)
HOP = "TABLE(HOP(TABLE bid, DESCRIPTOR(date_time), INTERVAL '2' SECOND, INTERVAL '10' SECOND))"
TUMBLE = "TABLE(TUMBLE(TABLE bid, DESCRIPTOR(date_time), INTERVAL '10' SECOND))"
# Columns of the sink, the query.
QUERIES = {
    "q0": (
        "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, "
        "date_time TIMESTAMP(3), extra STRING",
        "SELECT auction, bidder, price, channel, url, date_time, extra FROM bid",
    ),
    "q1": (
        "auction BIGINT, bidder BIGINT, price DOUBLE, channel STRING, date_time TIMESTAMP(3), "
        "extra STRING",
        "SELECT auction, bidder, CAST(price AS DOUBLE) * 0.908, channel, date_time, extra FROM bid",
    ),
    "q2": (
        "auction BIGINT, price BIGINT",
        "SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0",
    ),
    "hop count": (
        "window_start TIMESTAMP(3), auction BIGINT, n BIGINT",
        f"SELECT window_start, auction, COUNT(*) FROM {HOP} "
        "GROUP BY window_start, window_end, auction",
    ),
    "tumble max": (
        "window_start TIMESTAMP(3), top BIGINT",
        f"SELECT window_start, MAX(price) FROM {TUMBLE} GROUP BY window_start, window_end",
    ),
}


def opened(path: str, settings: EnvironmentSettings) -> TableEnvironment:
    """Flink with the file as table `bid`."""
    tables = TableEnvironment.create(settings)
    tables.get_config().set("parallelism.default", "2")
    options = f"'connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv'"
    tables.execute_sql(f"CREATE TABLE bid ({BID}) WITH ({options})")
    return tables


def count(path: str, query: str) -> None:
    """Rows of the result over the whole file."""
    tables = opened(path, EnvironmentSettings.in_batch_mode())
    _, sql = QUERIES[query]
    if "window_end" in sql:
        complete = "HAVING window_end <= (SELECT MAX(date_time) FROM bid)"
        sql = f"{sql} {complete}"
    with tables.execute_sql(f"SELECT COUNT(*) FROM ({sql})").collect() as rows:
        print(json.dumps({"rows": next(iter(rows))[0]}))


def main() -> None:
    """Run and report."""
    path, query = sys.argv[1:3]
    if sys.argv[3:] == ["count"]:
        count(path, query)
        return
    columns, sql = QUERIES[query]
    tables = opened(path, EnvironmentSettings.in_streaming_mode())
    tables.execute_sql(f"CREATE TABLE target ({columns}) WITH ('connector' = 'blackhole')")
    tables.execute_sql(f"INSERT INTO target {sql}").wait()
    own, children = (
        resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    spent = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    print(json.dumps({"cpu_seconds": spent}))


if __name__ == "__main__":
    main()
