"""Runs one query of `peers.py` in Pathway over a CSV file of bids; prints its CPU seconds.

For the environment of the peers, not ours: `python peer_pathway.py FILE QUERY`. Static mode, one
thread, results to a sink that drops them.
"""

from __future__ import annotations

import datetime
import json
import resource
import sys

import pathway as pw  # pyright: ignore


class Bid(pw.Schema):
    """A row of the file."""

    auction: int
    bidder: int
    price: int
    channel: str
    url: str
    date_time: str
    extra: str


def timed(bid: pw.Table) -> pw.Table:
    """With its event time."""
    return bid.with_columns(at=bid.date_time.dt.strptime("%Y-%m-%d %H:%M:%S.%f"))


def windowed(bid: pw.Table, query: str) -> pw.Table:
    """The two window queries."""
    rows = timed(bid)
    seconds = datetime.timedelta(seconds=1)
    if query == "hop count":
        window = pw.temporal.sliding(hop=2 * seconds, duration=10 * seconds)
        grouped = rows.windowby(rows.at, window=window, instance=rows.auction)
        return grouped.reduce(pw.this._pw_window_start, pw.this._pw_instance, n=pw.reducers.count())
    grouped = rows.windowby(rows.at, window=pw.temporal.tumbling(duration=10 * seconds))
    return grouped.reduce(pw.this._pw_window_start, top=pw.reducers.max(pw.this.price))


def planned(bid: pw.Table, query: str) -> pw.Table:
    """A query by its name."""
    if query == "q0":
        return bid
    if query == "q1":
        return bid.with_columns(price=bid.price * 0.908)
    if query == "q2":
        return bid.filter(bid.auction % 123 == 0).select(pw.this.auction, pw.this.price)
    return windowed(bid, query)


def main() -> None:
    """Run and report."""
    path, query = sys.argv[1:]
    bid = pw.io.csv.read(path, schema=Bid, mode="static")
    pw.io.null.write(planned(bid, query))
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    own = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_seconds": own.ru_utime + own.ru_stime}))


if __name__ == "__main__":
    main()
