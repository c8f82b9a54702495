"""The Nexmark queries as streaming SQL, each beside its batch form in DuckDB over the same rows.

Sources: the statements of the benchmark's authors in the forms that mean what the query is to
mean (two windows of one query are joined on the window, the latest bid is one of a bidder and an
auction). A batch form names tables `person`, `auction`, `bid`, `side_input`, with the number `n` of
a row in its stream; `{closed}` is the last event time: a window is sent when its end is not after
it. `arrived` is the time at which a live row came, `{now}` the time at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

EARLIEST = " settings seek_to='earliest'"


@dataclass(frozen=True)
class Query:
    """`last`: of the streaming rows only those of the last emission count, since every emission
    has the whole result. `live`: it is about the time at which rows come, so they come while it
    runs and not before."""

    name: str
    streaming: str
    batch: str
    last: bool = False
    live: bool = False


_HOP = (
    "unnest(generate_series(time_bucket(INTERVAL 2 SECOND, date_time) - INTERVAL 8 SECOND, "
    "time_bucket(INTERVAL 2 SECOND, date_time), INTERVAL 2 SECOND))"
)
_COUNTS = (
    f"counts AS (SELECT auction, count(*) AS num, ws FROM (SELECT auction, {_HOP} AS ws FROM bid) "
    "WHERE ws + INTERVAL 10 SECOND <= '{closed}' GROUP BY ALL)"
)
_TEN = "time_bucket(INTERVAL 10 SECOND, date_time)"
_RANKS = ("price < 10000", "price >= 10000 AND price < 1000000", "price >= 1000000")
_STATISTICS = ", ".join(
    [
        "count(*)",
        *(f"count(*) FILTER (WHERE {rank})" for rank in _RANKS),
        "count(DISTINCT bidder)",
        *(f"count(DISTINCT bidder) FILTER (WHERE {rank})" for rank in _RANKS),
        "count(DISTINCT auction)",
        *(f"count(DISTINCT auction) FILTER (WHERE {rank})" for rank in _RANKS),
    ]
)
_COUNTED = ", ".join(
    [
        "count()",
        *(f"count_if({rank})" for rank in _RANKS),
        "count_distinct(bidder)",
        *(f"count_distinct_if(bidder, {rank})" for rank in _RANKS),
        "count_distinct(auction)",
        *(f"count_distinct_if(auction, {rank})" for rank in _RANKS),
    ]
)
_FILTERED = _STATISTICS.replace("count(*)", "count()")
_TIME_TYPE = (
    "CASE WHEN hour(date_time) BETWEEN 8 AND 18 THEN 'dayTime' "
    "WHEN hour(date_time) <= 6 OR hour(date_time) >= 20 THEN 'nightTime' ELSE 'otherTime' END"
)
# A past is joined by left, then by right rows; a group came with its first one.
_FINALS = (
    "finals AS (SELECT max(b.price) AS final, a.seller AS seller, "
    "min(struct_pack(a := a.n, b := b.n)) AS came FROM auction a JOIN bid b ON a.id = b.auction "
    "WHERE b.date_time BETWEEN a.date_time AND a.expires GROUP BY a.id, a.seller, b.date_time)"
)
# A session ends with the first bid at the moment of expiry, and no other begins.
_RACES = (
    "races AS (SELECT a.id, a.item_name, a.seller, a.expires, b.price, b.date_time, b.n, "
    "min(b.n) FILTER (WHERE b.date_time = a.expires) OVER (PARTITION BY a.id) AS ended "
    "FROM auction a JOIN bid b ON a.id = b.auction WHERE b.date_time BETWEEN a.date_time AND "
    "a.expires)"
)
_CHANNEL = (
    "CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2' "
    "WHEN 'baidu' THEN '3' ELSE regexp_extract(url, '.*channel_id=([^&]*)', 1) END"
)

QUERIES = (
    Query("q0", "select auction, bidder, price, date_time, extra from bid",
          "SELECT auction, bidder, price, date_time, extra FROM bid"),
    Query("q1", "select auction, bidder, price * 0.908 as price, date_time, extra from bid",
          "SELECT auction, bidder, price * 0.908::DOUBLE, date_time, extra FROM bid"),
    Query("q2", "select auction, price from bid where auction % 123 = 0",
          "SELECT auction, price FROM bid WHERE auction % 123 = 0"),
    Query("q3", "select p.name, p.city, p.state, a.id from auction as a inner join person as p "
          "on a.seller = p.id where a.category = 10 and p.state in ('or', 'id', 'ca')",
          "SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id "
          "WHERE a.category = 10 AND p.state IN ('or', 'id', 'ca')"),
    Query("q4", "with q as (select a.id as id, a.category as category, max(b.price) as final, "
          "_tp_delta from auction as a inner join bid as b on a.id = b.auction where "
          "b.date_time >= a.date_time and b.date_time <= a.expires group by a.id, a.category "
          "emit changelog periodic 1s) select category, avg(final) as avg_final from q "
          "group by category emit periodic 1s",
          "SELECT category, avg(final) FROM (SELECT a.id, a.category, max(b.price) AS final FROM "
          "auction a JOIN bid b ON a.id = b.auction WHERE b.date_time BETWEEN a.date_time AND "
          "a.expires GROUP BY ALL) GROUP BY category", last=True),
    Query("q5", "with counts as (select auction, count() as num, window_start, window_end from "
          "hop(bid, date_time, 2s, 10s) group by auction, window_start, window_end), best as ("
          "select max(num) as maxn, window_start as ws, window_end as we from tumble(counts, "
          "window_start, 2s) group by window_start, window_end) select counts.auction, counts.num "
          "from counts join best on counts.window_start = best.ws where counts.num >= best.maxn",
          f"WITH {_COUNTS}, best AS (SELECT max(num) AS maxn, ws FROM counts GROUP BY ws) "
          "SELECT auction, num FROM counts JOIN best USING (ws) WHERE num >= maxn AND "
          "ws + INTERVAL 2 SECOND <= (SELECT max(ws) FROM counts)"),
    Query("q6", "select seller, array_avg(array_concat([final], lags(final, 1, 9, 0))) as "
          "avg_sell_price from (select max(b.price) as final, a.seller as seller, b.date_time from "
          "auction as a inner join bid as b on a.id = b.auction where b.date_time >= a.date_time "
          "and b.date_time <= a.expires group by a.id, a.seller, b.date_time emit periodic 1s) "
          "partition by seller",
          f"WITH {_FINALS} SELECT seller, sum(final) OVER (PARTITION BY seller ORDER BY came ROWS "
          "BETWEEN 9 PRECEDING AND CURRENT ROW) / 10 FROM finals", last=True),
    Query("q7", "select b.auction, b.price, b.bidder, b.date_time, b.extra from bid as b "
          "inner join "
          "(select max(price) as maxprice, window_start, window_end from tumble(bid, "
          "date_time, 10s)"
          " group by window_start, window_end) as w on b.price = w.maxprice where "
          "b.date_time >= w.window_start and b.date_time < w.window_end",
          "WITH w AS (SELECT max(price) AS maxprice, "
          f"{_TEN} AS ws FROM bid GROUP BY ALL) SELECT auction, price, bidder, date_time, extra "
          f"FROM bid JOIN w ON price = maxprice AND ws = {_TEN} "
          "WHERE ws + INTERVAL 10 SECOND <= '{closed}'"),
    Query("q8", "select p.id, p.name, p.window_start from (select id, name, window_start, "
          "window_end"
          " from tumble(person, date_time, 10s) group by id, name, window_start, window_end) as p "
          "inner join (select seller, window_start, window_end from tumble(auction, date_time, 10s)"
          " group by seller, window_start, window_end) as a on p.id = a.seller and "
          "p.window_start = a.window_start",
          f"SELECT DISTINCT p.id, p.name, p.ws FROM (SELECT *, {_TEN} AS ws FROM person) p JOIN "
          f"(SELECT *, {_TEN} AS ws FROM auction) a ON p.id = a.seller AND p.ws = a.ws "
          "WHERE p.ws + INTERVAL 10 SECOND <= '{closed_person}' "
          "AND p.ws + INTERVAL 10 SECOND <= '{closed_auction}'"),
    Query("q9", "with q as (select a.*, b.auction, b.bidder, b.price, b.date_time as bid_time from "
          "auction as a join bid as b on a.id = b.auction where b.date_time >= a.date_time and "
          "b.date_time <= a.expires) select window_start as ws, window_end as we, max_k(price, 1, "
          "id, item_name, seller) as wb from session(q, bid_time, 2h, [bid_time < expires, "
          "bid_time >= expires]) partition by id group by window_start, window_end "
          "emit after window close and timeout 2s",
          f"WITH {_RACES} SELECT min(date_time), max(date_time) + INTERVAL 1 MILLISECOND, "
          "[arg_max(struct_pack(p := price, i := id, n := item_name, s := seller), "
          "struct_pack(p := price, n := -n))] FROM races WHERE ended IS NULL OR n <= ended "
          "GROUP BY id"),
    Query("q10", "select auction, bidder, price, date_time, extra, format_datetime(date_time, "
          "'%Y-%m-%d') as dt, format_datetime(date_time, '%H:%i') as hm from bid",
          "SELECT auction, bidder, price, date_time, extra, strftime(date_time, '%Y-%m-%d'), "
          "strftime(date_time, '%H:%M') FROM bid"),
    Query("q11", "select bidder, count() as bid_count, window_start as ws, window_end as we from "
          "session(bid, date_time, 1s, 1h) partition by bidder group by window_start, window_end",
          "WITH a AS (SELECT *, lag(date_time) OVER (PARTITION BY bidder ORDER BY n) AS before "
          "FROM bid), b AS (SELECT *, count(*) FILTER (WHERE date_time >= before + INTERVAL 1 "
          "SECOND) OVER (PARTITION BY bidder ORDER BY n) AS k FROM a), c AS (SELECT bidder, k, "
          "count(*) AS found, min(date_time) AS ws, max(date_time) + INTERVAL 1 SECOND AS we "
          "FROM b GROUP BY bidder, k) SELECT bidder, found, ws, we FROM c "
          "QUALIFY k < max(k) OVER (PARTITION BY bidder)"),
    Query("q12", "select bidder, count() as bid_count, window_start as ws, window_end as we from "
          "tumble(bid, now64(3, 'UTC'), 10s) group by bidder, window_start, window_end",
          "SELECT bidder, count(*), time_bucket(INTERVAL 10 SECOND, arrived) AS ws, "
          "ws + INTERVAL 10 SECOND FROM bid GROUP BY bidder, ws "
          "HAVING ws + INTERVAL 10 SECOND <= '{now}'", live=True),
    Query("q13", "select b.auction, b.bidder, b.price, b.date_time, s.value from bid as b join "
          "table(side_input) as s on b.auction % 10000 = s.key",
          "SELECT b.auction, b.bidder, b.price, b.date_time, s.value FROM bid b JOIN side_input s "
          "ON b.auction % 10000 = s.key"),
    Query("q14", "select auction, bidder, 0.908 * price as price, multi_if(hour(date_time) >= "
          "8 and "
          "hour(date_time) <= 18, 'dayTime', hour(date_time) <= 6 or hour(date_time) >= 20, "
          "'nightTime', 'otherTime') as bid_time_type, date_time, extra from bid "
          "where 0.908 * bid.price > 1000 and 0.908 * bid.price < 50000000",
          f"SELECT auction, bidder, 0.908::DOUBLE * price, {_TIME_TYPE}, date_time, extra FROM bid "
          "WHERE 0.908::DOUBLE * price > 1000 AND 0.908::DOUBLE * price < 50000000"),
    Query("q15", f"select to_date(date_time) as day, {_COUNTED} from bid group by day "
          "emit periodic 1s",
          f"SELECT CAST(date_time AS DATE), {_STATISTICS} FROM bid GROUP BY 1", last=True),
    Query("q16", "select channel, to_date(date_time) as day, max(date_trunc('minute', "
          "date_time)) as "
          f"minute, {_FILTERED} from bid group by channel, day emit periodic 1s",
          "SELECT channel, CAST(date_time AS DATE), max(date_trunc('minute', date_time)), "
          f"{_STATISTICS} FROM bid GROUP BY 1, 2", last=True),
    Query("q17", "select auction, to_date(date_time) as day, count() as total_bids, "
          "count() filter (where price < 10000) as rank1_bids, min(price) as min_price, "
          "max(price) as max_price, avg(price) as avg_price, sum(price) as sum_price from bid "
          "group by auction, day emit periodic 1s",
          "SELECT auction, CAST(date_time AS DATE), count(*), count(*) FILTER (WHERE price < "
          "10000),"
          " min(price), max(price), avg(price), sum(price) FROM bid GROUP BY 1, 2", last=True),
    Query("q18", "select auction, bidder, latest(price) as price, latest(channel) as channel, "
          "latest(date_time) as date_time from bid group by bidder, auction emit periodic 1s",
          "SELECT auction, bidder, last(price ORDER BY n), last(channel ORDER BY n), "
          "last(date_time ORDER BY n) FROM bid GROUP BY bidder, auction", last=True),
    Query("q19", "select auction, max_k(price, 10) as top_10 from bid group by auction "
          "emit periodic 1s",
          "SELECT auction, max(price, 10) FROM bid GROUP BY auction", last=True),
    Query("q20", "select auction, bidder, price, channel, url, b.date_time as b_time, "
          "b.extra as b_extra, item_name, description, initial_bid, reserve, a.date_time as "
          "a_time, "
          "expires, seller, category, a.extra as a_extra from bid as b inner join auction as a on "
          "b.auction = a.id where a.category = 10",
          "SELECT auction, bidder, price, channel, url, b.date_time, b.extra, item_name, "
          "description, initial_bid, reserve, a.date_time, expires, seller, category, a.extra "
          "FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10"),
    Query("q21", "select auction, bidder, price, channel, lower(channel) as l_channel, multi_if("
          "l_channel = 'apple', '0', l_channel = 'google', '1', l_channel = 'facebook', '2', "
          "l_channel = 'baidu', '3', extract(url, '.*channel_id=([^&]*)')) as channel_id from bid "
          "where l_channel in ('apple', 'google', 'facebook', 'baidu') or "
          "extract(url, '.*channel_id=([^&]*)') != ''",
          f"SELECT auction, bidder, price, channel, lower(channel), {_CHANNEL} FROM bid WHERE "
          "lower(channel) IN ('apple', 'google', 'facebook', 'baidu') OR "
          "regexp_extract(url, '.*channel_id=([^&]*)', 1) != ''"),
    Query("q22", "select auction, bidder, price, channel, split_by_string('/', url) as parts, "
          "parts[4] as dir1, parts[5] as dir2, parts[6] as dir3 from bid",
          "SELECT auction, bidder, price, channel, string_split(url, '/') AS parts, "
          "coalesce(parts[4], ''), coalesce(parts[5], ''), coalesce(parts[6], '') FROM bid"),
)  # fmt: skip
