"""The console's socket on a running server: live rows, whole results, going on after a loss."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.controlplane.socket_client import SocketClient, socket
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

PAST_ROWS = 20_000


@pytest.fixture(scope="module")
def stream(server: Server) -> Server:
    """The server with a stream of numbers and a table's worth of past."""
    server.create("ticks", n="int64", text="string")
    server.create("late", n="int64", text="string")
    server.create("past", n="int64", text="string")
    for start in range(0, PAST_ROWS, 5_000):
        server.ingest("past", ["n", "text"], [[n, "p" * 40] for n in range(start, start + 5_000)])
    return server


async def ingest(server: Server, *numbers: int, at: str = "") -> None:
    """One append: to `ticks`, with an event time to `late`."""
    columns = ["n", "text", *(["_tp_time"] if at else [])]
    rows = [[n, "x", *([at] if at else [])] for n in numbers]
    body = {"columns": columns, "data": rows}
    name = "late" if at else "ticks"
    async with httpx.AsyncClient(headers=server.headers, timeout=30) as client:
        answer = await client.post(f"{server.api}/streams/{name}/ingest", json=body)
    assert answer.status_code == 200, answer.text


async def subscribe(client: SocketClient, sql: str, **fields: Any) -> dict[str, Any]:
    """The frame of the query of a new subscription `a`."""
    await client.say("sub", **{"id": "a", "sql": sql, "max_hz": 100, **fields})
    return await client.next("query")


async def test_rows_come_while_they_are_appended(stream: Server) -> None:
    async with socket(stream.url, stream.headers, "/default") as client:
        began = await subscribe(client, "select n from ticks", tags=["socket"])
        assert began["query"]["result"]["header"] == [{"name": "n", "type": "int64"}]
        for number in range(5):
            await ingest(stream, number)
            assert await client.rows("a", 1) == [[number]]
        assert [one["id"] for one in stream.running("socket")] == [began["query"]["id"]]
        frame = await client.hear()
        while frame["ev"] != "metrics":
            frame = await client.hear()
        assert frame["metrics"]["scanned_rows"] >= 1
        stream.call("POST", f"/queries/{began['query']['id']}/cancel")
        assert (await client.next("end"))["query"]["status"] == "canceled"
        assert not stream.running("socket")


async def test_a_bounded_query_comes_whole_at_the_clients_pace(stream: Server) -> None:
    async with socket(stream.url, stream.headers) as client:
        await subscribe(client, "select n, text from table(past) order by n", max_rows=500)
        seen: list[int] = []
        while (frame := await client.next("data", "end"))["ev"] == "data":
            seen += [row[0] for row in frame["rows"]]
            if frame["n"] % 8 == 0:
                await asyncio.sleep(0.02)
                await client.say("ack", id="a", n=frame["n"])
        assert seen == list(range(PAST_ROWS))
        assert frame["query"]["status"] == "finished"


async def test_the_newest_rows_of_a_flood(stream: Server) -> None:
    async with socket(stream.url, stream.headers) as client:
        sql = "select n from past settings seek_to = 'earliest'"
        await subscribe(client, sql, max_hz=20, max_rows=100)
        seen: list[int] = []
        dropped = 0
        while len(seen) + dropped < PAST_ROWS:
            frame = await client.next("data", "dropped")
            if frame["ev"] == "dropped":
                dropped = frame["total"]
                continue
            assert len(frame["rows"]) <= 100
            seen += [row[0] for row in frame["rows"]]
            await client.say("ack", id="a", n=frame["n"])
        assert (seen[-1], sorted(set(seen))) == (PAST_ROWS - 1, seen)
        assert len(seen) + dropped == PAST_ROWS
        assert dropped > PAST_ROWS / 2


async def test_going_on_after_a_loss(stream: Server) -> None:
    sql = "select n, to_unix_timestamp64_milli(_tp_time) as at from late where n >= 100"
    async with socket(stream.url, stream.headers) as client:
        await subscribe(client, sql)
        await ingest(stream, 100, 5, 101, at="2026-01-01 10:00:00.250")
        await ingest(stream, 102, at="2026-01-01 10:00:01.500")
        rows = await client.rows("a", 3)
    last = max(at for _, at in rows)
    await ingest(stream, 103, at="2026-01-01 10:00:00.750")
    await ingest(stream, 104, at="2026-01-01 10:00:02")
    async with socket(stream.url, stream.headers) as client:
        began = await subscribe(client, sql, since=last)
        assert "restarted" not in began
        assert [n for n, _ in await client.rows("a", 3)] == [102, 103, 104]
        await ingest(stream, 105, at="2026-01-01 10:00:03")
        assert [n for n, _ in await client.rows("a", 1)] == [105]


@pytest.mark.parametrize(
    ("sql", "restarted"),
    [
        ("select n + 1 as m from (select n from ticks where n > 0)", False),
        ("select n from ticks union all select n from past", False),
        ("select count() from ticks", True),
        ("select n from ticks limit 3", True),
        ("select distinct n from ticks", True),
        ("select lag(n) from ticks", True),
        ("select count() from tumble(ticks, 1s) group by window_start", True),
        ("select n from table(ticks)", True),
    ],
)
async def test_what_has_a_state_begins_anew(stream: Server, sql: str, restarted: bool) -> None:
    async with socket(stream.url, stream.headers) as client:
        began = await subscribe(client, sql, since=1_767_261_600_000)
        assert began.get("restarted", False) == restarted
    async with socket(stream.url, stream.headers) as client:
        assert "restarted" not in await subscribe(client, sql)


async def test_a_kept_query_has_delivered_what_was_acknowledged(stream: Server) -> None:
    async with socket(stream.url, stream.headers) as client:
        began = await subscribe(client, "subscribe to select n from ticks")
        await ingest(stream, 201)
        assert await client.rows("a", 1) == [[201]]
        await ingest(stream, 202)
        assert (await client.next("data"))["rows"] == [[202]]
        await ingest(stream, 203)
    wait_until(lambda: not stream.running(), 10, "the end of the query")
    async with socket(stream.url, stream.headers) as client:
        await subscribe(client, f"recover from '{began['query']['id']}'")
        assert await client.rows("a", 2) == [[202], [203]]
    stream.call("POST", "/queries", {"sql": f"unsubscribe to '{began['query']['id']}'"})


async def test_statements_fail_as_by_rest(stream: Server) -> None:
    async with socket(stream.url, stream.headers) as client:
        for sql in ("select m from ticks", "select\n n frm ticks", "select 1 +"):
            rest = stream.call("POST", "/queries", {"sql": sql})
            assert rest.status_code == 400
            await client.say("sub", id="a", sql=sql)
            assert await client.next() == {"ev": "error", "id": "a", "error": rest.json()}


async def test_a_query_that_fails_says_why_at_its_end(stream: Server) -> None:
    async with socket(stream.url, stream.headers) as client:
        await subscribe(client, "select to_int(text) from table(past)")
        ended = (await client.next("end"))["query"]
        assert (ended["status"], bool(ended["message"])) == ("failed", True)


async def test_a_long_statement_fits(stream: Server) -> None:
    async with socket(stream.url, stream.headers) as client:
        text = "\x01" * 200_000
        assert len(json.dumps(text)) > 1_000_000
        await client.say("sub", id="a", sql=f"select length('{text}') as size")
        await client.next("query")
        assert await client.rows("a", 1) == [[200_000]]
