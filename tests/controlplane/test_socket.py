"""The console's socket over a stand-in engine: who may open it, bounds, how it ends."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from controlplane import socket_session
from controlplane.socket import SOCKETS_PER_USER_MAX
from tests.controlplane.conftest import (
    API,
    KEY,
    Plane,
    listening,
    make_plane,
    new_store,
    settings_for,
)
from tests.controlplane.socket_client import SocketClient, socket
from tests.journeys.waiting import within

ADMIN = {"X-Api-Key": KEY}
SQL = "SELECT cid, speed from iot"
USER = {"username": "eve", "password": "longenough"}


@dataclass
class World:
    """A control plane that listens."""

    plane: Plane
    address: str

    async def login(self, role: str = "admin") -> tuple[httpx.AsyncClient, dict[str, str]]:
        """A client with a session, and the headers of a page of this server with its cookie."""
        made = await self.plane.client.post(f"{API}/users", json={**USER, "role": role})
        assert made.status_code == 201, made.text
        client = self.plane.anonymous()
        answer = await client.post(f"{API}/auth/login", json=USER)
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        cookie = f"tailrace_session={client.cookies['tailrace_session']}"
        return client, {"Cookie": cookie, "Origin": self.address}

    async def refused(self, headers: dict[str, str], path: str = "/api/v1beta2/ws") -> Any:
        """Status and body of a socket that must not open."""
        with pytest.raises(InvalidStatus) as raised:
            async with connect(self.address.replace("http", "ws", 1) + path,
                               additional_headers=headers):  # fmt: skip
                pass
        response = raised.value.response
        return response.status_code, json.loads(response.body or b"{}")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A control plane with a stream, and short times."""
    settings = settings_for(sse_send_timeout_seconds=1)
    plane, stack = await make_plane(await new_store(tmp_path), tmp_path, settings)
    async with stack, listening(plane.app) as address:
        await plane.stream()
        yield World(plane, address)


async def begin(client: SocketClient, world: World, **fields: Any) -> Any:
    """Subscribe and wait for the query; the stand-in's side of it."""
    await client.say("sub", **{"id": "a", "sql": SQL, **fields})
    frame = await client.next("query")
    return world.plane.engine.queries[frame["query"]["id"]]


async def eventually(condition: Any, seconds: float = 10.0) -> None:
    """Wait for something."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_rows_of_a_query_until_nobody_wants_them(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        query = await begin(client, world, name="fleet", tags=["live"])
        query.push(["c1", 1.5])
        assert await client.next() == {"ev": "data", "id": "a", "n": 1, "rows": [["c1", 1.5]]}
        listed = (await world.plane.client.get(f"{API}/queries?tag=live")).json()
        assert [(one["name"], one["status"]) for one in listed] == [("fleet", "running")]
        await client.say("unsub", id="a")
        await eventually(lambda: query.canceled)
        await client.say("sub", id="a", sql=SQL)
        assert (await client.next())["ev"] == "query"
        await client.say("ping")
        assert await client.next() == {"ev": "pong"}


async def test_metrics_come_once_a_second(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        query = await begin(client, world)
        query.push(["c1", 1.5], ["c2", 2.5])
        await client.next("data")
        frame = await client.hear()
        assert (frame["ev"], frame["id"]) == ("metrics", "a")
        assert (frame["metrics"]["count"], frame["metrics"]["scanned_rows"]) == (2, 2)


async def test_a_cancel_by_rest_ends_the_subscription(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        await client.say("sub", id="a", sql=SQL)
        query = (await client.next("query"))["query"]
        cancelled = await world.plane.client.post(f"{API}/queries/{query['id']}/cancel")
        assert cancelled.status_code == 204
        frame = await client.next("end")
        assert (frame["id"], frame["query"]["status"]) == ("a", "canceled")
        shown = (await world.plane.client.get(f"{API}/queries/{query['id']}")).json()
        assert frame["query"] == shown


async def test_errors_are_those_of_rest(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        for sql in ("SELEC 1", "SELECT 1 from missing", ""):
            body = {"sql": sql}
            rest = await world.plane.client.post(f"{API}/queries", json=body)
            await client.say("sub", id="a", **body)
            assert await client.next() == {"ev": "error", "id": "a", "error": rest.json()}
        for text in ("no json", "[]", '{"op": "dance"}', '{"op": "unsub"}'):
            await client.connection.send(text)
            frame = await client.next("error")
            assert frame["error"]["code"] == 400
            assert "id" not in frame
        for op, fields in (("unsub", {}), ("ack", {"n": 1}), ("rate", {"max_hz": 1})):
            await client.say(op, id="over", **fields)
        await client.say("sub", id="b", sql=SQL, max_hz=0)
        assert (await client.next("error"))["id"] == "b"
        query = await begin(client, world)
        await client.say("sub", id="a", sql=SQL)
        assert "id" not in await client.next("error")
        await client.say("ack", id="a", n=3)
        assert "id" not in await client.next("error")
        query.push(["c1", 1.5])
        assert (await client.next("data"))["n"] == 1


async def test_who_may_open_a_socket(world: World) -> None:
    assert (await world.refused({}))[0] == 401
    status, body = await world.refused({"X-Api-Key": "x" * 60})
    assert (status, body["code"], body["system"]) == (403, 403, "neutron")
    assert (await world.refused(ADMIN, "/lab/api/v1beta2/ws"))[0] == 404
    assert (await world.refused(ADMIN, "/api/v1beta2/streams"))[0] == 404
    plain = await world.plane.client.get(f"{API}/ws")
    assert (plain.status_code, plain.headers["upgrade"]) == (426, "websocket")
    async with socket(world.address, ADMIN, "/default") as client:
        await begin(client, world)


async def test_a_cookie_opens_it_for_pages_of_this_server_alone(world: World) -> None:
    client, page = await world.login()
    async with aclosing(client):
        for origin in ("http://elsewhere.example", "null", world.address + "0"):
            status, body = await world.refused({**page, "Origin": origin})
            assert (status, body["code"]) == (403, 403)
        assert (await world.refused({"Cookie": page["Cookie"]}))[0] == 403
        async with socket(world.address, page) as opened:
            await begin(opened, world)


async def test_a_socket_ends_with_the_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_session, "CHECK_SECONDS", 0.05)
    client, page = await world.login()
    async with aclosing(client), socket(world.address, page) as opened:
        query = await begin(opened, world)
        assert (await client.post(f"{API}/auth/logout", content=b"null")).status_code == 204
        assert (await opened.closed())[0] == 4401
        await eventually(lambda: query.canceled)


async def test_a_socket_ends_with_its_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_session, "CHECK_SECONDS", 0.05)
    body = {"name": "tv", "permissions": ["read:*", "write:query"]}
    made = (await world.plane.client.post(f"{API}/auth/api_keys", json=body)).json()
    async with socket(world.address, {"X-Api-Key": made["api_key"]}) as opened:
        await begin(opened, world)
        gone = await world.plane.client.delete(f"{API}/auth/api_keys/{made['id']}")
        assert gone.status_code in (200, 204), gone.text
        assert (await opened.closed())[0] == 4401


async def test_roles_and_keys_bound_what_runs(world: World) -> None:
    client, page = await world.login("read_only")
    async with aclosing(client), socket(world.address, page) as opened:
        await begin(opened, world)
        await opened.say("sub", id="b", sql="CREATE STREAM other (n int)")
        rest = await client.post(f"{API}/queries", json={"sql": "CREATE STREAM other (n int)"})
        assert rest.status_code == 403
        assert (await opened.next("error"))["error"] == rest.json()
    body = {"name": "tv", "permissions": ["read:*"]}
    made = (await world.plane.client.post(f"{API}/auth/api_keys", json=body)).json()
    async with socket(world.address, {"X-Api-Key": made["api_key"]}) as opened:
        await opened.say("sub", id="a", sql=SQL)
        assert (await opened.next("error"))["error"]["code"] == 403


async def test_definitions_are_audited_as_by_rest(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        await client.say("sub", id="a", sql="CREATE STREAM made")
        assert (await client.next("query"))["query"]["status"] == "finished"
        assert (await client.next("end"))["id"] == "a"
        await client.say("sub", id="b", sql="CREATE STREAM made")
        await client.next()
    trail = (await world.plane.client.get(f"{API}/audit?limit=2")).json()
    assert [(one["action"], one["object"]) for one in trail] == [("CREATE STREAM", "made")] * 2
    assert trail[1]["result"] == "done"


async def test_equal_statements_share_a_query_and_not_their_credit(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        query = await begin(client, world, max_hz=100)
        await client.say("sub", id="b", sql=SQL, max_hz=100, max_rows=5)
        assert (await client.next("query"))["query"]["id"] == query.opened.id
        assert len(world.plane.engine.queries) == 1
        rows: list[int] = []
        slow: list[dict[str, Any]] = []
        for number in range(40):
            query.push([str(number), 1.0])
            while not rows or rows[-1] < number:
                frame = await client.next("data", "dropped")
                if frame["id"] == "b":
                    slow.append(frame)
                else:
                    rows += [int(row[0]) for row in frame["rows"]]
                    await client.say("ack", id="a", n=frame["n"])
        assert rows == list(range(40))
        await client.say("unsub", id="a")
        batches = [frame for frame in slow if frame["ev"] == "data"]
        assert [frame["n"] for frame in batches] == list(range(1, 9))
        await client.say("ack", id="b", n=8)
        while (frame := await client.next("data", "dropped"))["ev"] == "dropped":
            slow.append(frame)
        assert [row[0] for row in frame["rows"]] == [*map(str, range(35, 40))]
        received = sum(len(one["rows"]) for one in (*batches, frame))
        dropped = [one["rows"] for one in slow if one["ev"] == "dropped"]
        assert received + sum(dropped) == 40
        assert not query.canceled
        await client.say("sub", id="c", sql=SQL)
        assert (await client.next("query"))["query"]["id"] != query.opened.id
        await client.say("unsub", id="b")
        await eventually(lambda: query.canceled)


async def test_mode_all_holds_the_query_back_and_loses_nothing(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        query = await begin(client, world, mode="all", max_hz=100, max_rows=10)
        for number in range(2_000):
            query.push([str(number), "x" * 100])
        for _ in range(8):
            await client.next("data")
        await asyncio.sleep(0.3)
        assert query.taken < 1_500
        await client.say("ack", id="a", n=8)
        rows = await client.rows("a", 1_920)
        assert [int(row[0]) for row in rows] == list(range(80, 2_000))


async def test_the_rate_may_change(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        query = await begin(client, world, max_hz=0.2)
        query.push(["c1", 1.0])
        await client.next("data")
        query.push(["c2", 1.0])
        query.push(["c3", 1.0])
        await asyncio.sleep(0.1)
        await client.say("rate", id="a", max_hz=50)
        async with within(3):
            assert [row[0] for row in await client.rows("a", 2)] == ["c2", "c3"]


async def test_numbers_are_bounded(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        for number in range(socket_session.SUBSCRIPTIONS_MAX):
            await client.say("sub", id=str(number), sql=SQL)
            await client.next("query")
        await client.say("sub", id="more", sql=SQL)
        frame = await client.next("error")
        assert (frame["id"], frame["error"]["code"]) == ("more", 429)
        assert len(world.plane.engine.queries) == 1
        await client.say("unsub", id="0")
        await client.say("sub", id="long", sql="x" * socket_session.STATEMENT_CHARS_MAX)
        frame = await client.next("error")
        assert (frame["id"], frame["error"]["code"]) == ("long", 429)
        url = world.address.replace("http", "ws", 1) + "/api/v1beta2/ws"
        others = range(SOCKETS_PER_USER_MAX - 1)
        opened = await asyncio.gather(*(connect(url, additional_headers=ADMIN) for _ in others))
        assert (await world.refused(ADMIN))[0] == 429
        await asyncio.gather(*(one.close() for one in opened))
        await client.connection.send(b"bytes")
        assert (await client.closed())[0] == 1008


async def test_many_messages_at_once_are_all_answered(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        count = 10 * socket_session.NOTICES_MAX
        await asyncio.gather(*(client.say("ping") for _ in range(count)))
        assert [await client.next() for _ in range(count)] == [{"ev": "pong"}] * count


async def test_a_client_that_reads_nothing_is_cut_off(world: World) -> None:
    narrow = sockets.socket()
    narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    host, port = world.address.removeprefix("http://").split(":")
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    async with socket(world.address, ADMIN, sock=narrow, close_timeout=0.1) as client:
        queries = []
        for number in range(16):
            fields = {"id": str(number), "max_hz": 100}
            queries.append(await begin(client, world, **fields, sql=f"{SQL} where {number}"))
        client.connection.transport.pause_reading()
        text = "x" * 60_000
        counters = world.plane.app.counters
        async with asyncio.timeout(30):
            while counters.sockets_open:
                for query in queries:
                    if not query.canceled:
                        query.push([text, 1.0])
                await asyncio.sleep(0.02)
        assert counters.socket_bytes < 6 << 20
        assert all(query.canceled for query in queries)
        assert counters.socket_dropped_rows > 0
        client.connection.transport.resume_reading()


async def test_a_stop_ends_queries_and_then_the_socket(world: World) -> None:
    async with socket(world.address, ADMIN) as client:
        query = await begin(client, world, max_hz=100)
        for number in range(8):
            query.push([str(number), 1.0])
            await client.next("data")
        query.push(["8", 1.0], ["9", 1.0])
        held_back = await begin(client, world, id="b", mode="all", max_hz=0.2, max_rows=1)
        for number in range(2_000):
            held_back.push([str(number), "x" * 100])
        await client.next("data")
        stopping = asyncio.create_task(world.plane.app.begin_stop())
        frames: list[dict[str, Any]] = []
        while sum(frame["ev"] == "end" for frame in frames) < 2:
            frames.append(await client.next())
        assert {frame["query"]["code"] for frame in frames if frame["ev"] == "end"} == {503}
        dropped = {frame["id"]: frame["total"] for frame in frames if frame["ev"] == "dropped"}
        assert (dropped["a"], dropped["b"] > 100) == (2, True)
        assert (await client.closed())[0] == 1001
        await stopping
        assert (await world.refused(ADMIN))[0] == 503


async def test_a_connection_is_not_held_to_the_times_of_heads(tmp_path: Path) -> None:
    settings = settings_for(header_seconds=1)
    plane, stack = await make_plane(await new_store(tmp_path), tmp_path, settings)
    async with stack, listening(plane.app) as address, socket(address, ADMIN) as client:
        await asyncio.sleep(1.3)
        await client.say("ping")
        assert await client.next() == {"ev": "pong"}
