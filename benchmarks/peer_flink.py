"""Runs one query of `peers.py` in Flink SQL over CSV files without heads; prints CPU seconds.

For the environment of the peers, not ours: `python peer_flink.py FOLDER QUERY [count]`; the folder
has bid.csv, and auction.csv and person.csv for queries that read them. Flink's defaults, two slots,
results to its blackhole sink. `count` prints the rows of the result instead, of windows that are
complete at the last event.
"""

from __future__ import annotations

import json
import resource
import sys

from pyflink.table import EnvironmentSettings, TableEnvironment  # pyright: ignore

MARK = "WATERMARK FOR date_time AS date_time"
TABLES = {
    "bid": "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, "
    "date_time TIMESTAMP(3), extra STRING",
    "person": "id BIGINT, name STRING, state STRING, date_time TIMESTAMP(3), extra STRING",
    "auction": "id BIGINT, seller BIGINT, category BIGINT, initial_bid BIGINT, reserve BIGINT, "
    "date_time TIMESTAMP(3), expires TIMESTAMP(3), extra STRING",
}
HOP = "TABLE(HOP(TABLE bid, DESCRIPTOR(date_time), INTERVAL '2' SECOND, INTERVAL '10' SECOND))"
TEN = "TABLE(TUMBLE(TABLE {}, DESCRIPTOR(date_time), INTERVAL '10' SECOND))"
TUMBLE = TEN.format("bid")
COUNTS = (
    "SELECT auction, COUNT(*) AS num, window_start AS ws, window_end AS we "
    f"FROM {HOP} GROUP BY auction, window_start, window_end"
)
# Columns of the sink, the query as the authors of Nexmark have it in Flink's dialect.
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
    "q5": (
        "auction BIGINT, num BIGINT",
        f"SELECT c.auction, c.num FROM ({COUNTS}) AS c JOIN (SELECT MAX(num) AS maxn, ws, we "
        f"FROM ({COUNTS}) GROUP BY ws, we) AS best "
        "ON c.ws = best.ws AND c.we = best.we AND c.num >= best.maxn",
    ),
    "q7": (
        "auction BIGINT, price BIGINT, bidder BIGINT, date_time TIMESTAMP(3), extra STRING",
        "SELECT b.auction, b.price, b.bidder, b.date_time, b.extra FROM bid AS b JOIN "
        f"(SELECT MAX(price) AS maxprice, window_start AS ws, window_end AS we FROM {TUMBLE} "
        "GROUP BY window_start, window_end) AS w ON b.price = w.maxprice "
        "WHERE b.date_time >= w.ws AND b.date_time < w.we",
    ),
    "q8": (
        "id BIGINT, name STRING, ws TIMESTAMP(3)",
        "SELECT p.id, p.name, p.ws FROM (SELECT id, name, window_start AS ws, window_end AS we "
        f"FROM {TEN.format('person')} GROUP BY id, name, window_start, window_end) AS p JOIN "
        "(SELECT seller, window_start AS ws, window_end AS we "
        f"FROM {TEN.format('auction')} GROUP BY seller, window_start, window_end) AS a "
        "ON p.id = a.seller AND p.ws = a.ws AND p.we = a.we",
    ),
}
# What a window of the result must be for that Tailrace has sent it when the files end.
COMPLETE = {
    "hop count": "HAVING window_end <= (SELECT MAX(date_time) FROM bid)",
    "tumble max": "HAVING window_end <= (SELECT MAX(date_time) FROM bid)",
    # The maxima of a window are sent when the counts of a later one come.
    "q5": "WHERE c.we + INTERVAL '2' SECOND <= (SELECT MAX(date_time) FROM bid)",
    "q7": "AND w.we <= (SELECT MAX(date_time) FROM bid)",
    "q8": "WHERE p.we <= (SELECT MAX(date_time) FROM person) "
    "AND p.we <= (SELECT MAX(date_time) FROM auction)",
}


def opened(folder: str, settings: EnvironmentSettings) -> TableEnvironment:
    """Flink with the files as tables."""
    tables = TableEnvironment.create(settings)
    tables.get_config().set("parallelism.default", "2")
    for name, columns in TABLES.items():
        options = f"'connector' = 'filesystem', 'path' = '{folder}/{name}.csv', 'format' = 'csv'"
        tables.execute_sql(f"CREATE TABLE {name} ({columns}, {MARK}) WITH ({options})")
    return tables


def count(folder: str, query: str) -> None:
    """Rows of the result over the whole files."""
    tables = opened(folder, EnvironmentSettings.in_batch_mode())
    _, sql = QUERIES[query]
    whole = f"SELECT COUNT(*) FROM ({sql} {COMPLETE.get(query, '')})"
    with tables.execute_sql(whole).collect() as rows:
        print(json.dumps({"rows": next(iter(rows))[0]}))


def main() -> None:
    """Run and report."""
    folder, query = sys.argv[1:3]
    if sys.argv[3:] == ["count"]:
        count(folder, query)
        return
    columns, sql = QUERIES[query]
    tables = opened(folder, EnvironmentSettings.in_streaming_mode())
    tables.execute_sql(f"CREATE TABLE target ({columns}) WITH ('connector' = 'blackhole')")
    tables.execute_sql(f"INSERT INTO target {sql}").wait()
    own, children = (
        resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    spent = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    print(json.dumps({"cpu_seconds": spent}))


if __name__ == "__main__":
    main()
