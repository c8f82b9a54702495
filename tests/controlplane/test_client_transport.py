"""Both clients on the wire: the same requests, what is repeated, what fails, what stays secret."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from stand_in import StandIn, head, tail

from controlplane.client import (
    ApiError,
    AsyncClient,
    Client,
    ClientError,
    End,
    NewApiKey,
    QueryDef,
    QueryFailed,
    Rows,
    Setting,
    SinkDef,
    Timeouts,
    UdfAuth,
    Unreachable,
    UserDef,
)
from controlplane.clientlib import transport
from engine.clock import ManualClock
from tests.controlplane.client_calls import arguments, operations

KEY = "k" * 60
CALLS = [(group, name) for group, name, _ in operations()]
Answer = Callable[[httpx.Request], httpx.Response]


class Waiting:
    """A client of either kind behind one face: the async one is driven by a loop of its own."""

    def __init__(self, kind: str, answer: Answer, clock: ManualClock, **options: Any) -> None:
        mock = httpx.MockTransport(answer)
        self._loop = asyncio.new_event_loop()
        kinds: dict[str, Any] = {"blocking": Client, "async": AsyncClient}
        self.client = kinds[kind]("http://server", KEY, "w s", mock, clock=clock, **options)

    def do(self, action: Callable[[Any], Any]) -> Any:
        """What an action on the client gives, awaited if need be."""
        value = action(self.client)
        return self._loop.run_until_complete(value) if inspect.isawaitable(value) else value

    def close(self) -> None:
        """Close client and loop."""
        closing = getattr(self.client, "aclose", None) or self.client.close
        self.do(lambda _: closing())
        self._loop.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """Virtual time, which passes while a transport waits."""
    made = ManualClock(0, 7)

    async def sleep(seconds: float) -> None:
        made.advance(int(seconds * 1000) + 1)

    monkeypatch.setattr(
        transport, "time", SimpleNamespace(sleep=lambda s: made.advance(int(s * 1000) + 1))
    )
    monkeypatch.setattr(transport, "asyncio", SimpleNamespace(sleep=sleep))
    return made


@pytest.fixture(params=["blocking", "async"])
def made(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Callable[..., Waiting]]:
    """Makes clients of both kinds."""
    clients: list[Waiting] = []

    def make(answer: Answer, **options: Any) -> Waiting:
        clients.append(Waiting(request.param, answer, clock, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.mark.parametrize(("group", "name"), CALLS, ids=[".".join(call) for call in CALLS])
def test_both_clients_send_the_same(group: str, name: str, clock: ManualClock) -> None:
    seen: list[tuple[Any, ...]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        wanted = {k: request.headers.get(k) for k in ("X-Api-Key", "Content-Type", "User-Agent")}
        seen.append((request.method, str(request.url), request.content, wanted))
        return httpx.Response(403, json={"code": 497, "message": "no"})

    for kind in ("blocking", "async"):
        waiting = Waiting(kind, answer, clock)
        member = getattr(getattr(waiting.client, group), name)
        positional, named = arguments(inspect.unwrap(member), every=True)
        with pytest.raises(ApiError, match="no") as caught:
            waiting.do(lambda _, m=member, p=positional, n=named: m(*p, **n))
        assert (caught.value.status, caught.value.code) == (403, 497)
        waiting.close()
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert seen[0][3]["X-Api-Key"] == KEY
    root = seen[0][1].removeprefix("http://server")
    assert root.startswith(("/w%20s/api/", "/readyz", "/metrics"))


def test_ingest_is_repeated_with_one_id_until_it_is_stored(
    made: Callable[..., Waiting], clock: ManualClock
) -> None:
    ids: list[str] = []
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(clock.now_ms())
        ids.append(request.headers["X-Timeplus-Idempotent-Id"])
        if len(ids) == 1:
            raise httpx.ReadError("cut")
        if len(ids) == 2:
            return httpx.Response(429, headers={"Retry-After": "3"})
        return httpx.Response(200)

    client = made(answer)
    client.do(lambda c: c.streams.ingest("s", ["a"], [[1]]))
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert asked[2] - asked[1] >= 3_000, "the server asked for three seconds"
    client.do(lambda c: c.streams.ingest("s", ["a"], [[1]]))
    assert ids[3] != ids[0]
    client.do(lambda c: c.streams.ingest_objects("s", [{"a": 1}], idempotency_id="mine"))
    assert ids[4] == "mine"


def test_repetition_ends_after_its_time(made: Callable[..., Waiting], clock: ManualClock) -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(clock.now_ms())
        return httpx.Response(429, json={"code": 202, "message": "busy"})

    client = made(answer, timeouts=Timeouts(retry_seconds=20))
    with pytest.raises(ApiError, match="busy"):
        client.do(lambda c: c.streams.ingest_lines("s", ["a"]))
    assert 4 < len(asked) < 40
    assert 5_000 < asked[-1] <= 20_000


@pytest.mark.parametrize(
    ("action", "attempts"),
    [
        (lambda c: c.streams.ingest_once("s", b"", "lines", idempotency_id="i"), 1),
        (lambda c: c.streams.list(), 1),
        (lambda c: c.queries.exec("select 1"), 1),
        (lambda c: c.streams.ingest_raw("s", b""), 5),
    ],
    ids=["once", "list", "exec", "ingest"],
)
def test_only_what_is_stored_once_is_repeated(
    made: Callable[..., Waiting], action: Callable[[Any], Any], attempts: int
) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("away")

    with pytest.raises(Unreachable, match="No server answers at http://server"):
        made(answer).do(action)
    assert len(asked) >= attempts
    assert attempts > 1 or len(asked) == 1


def test_refusals_of_ingest_are_not_repeated(made: Callable[..., Waiting]) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(400, json={"code": 117, "message": "Row 1, column 'a': no number."})

    with pytest.raises(ApiError, match="column 'a'"):
        made(answer).do(lambda c: c.streams.ingest("s", ["a"], [["x"]]))
    assert len(asked) == 1


def test_bodies_of_ingest_are_what_each_format_asks_for(made: Callable[..., Waiting]) -> None:
    sent: list[tuple[str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.params["format"], request.content))
        return httpx.Response(200)

    client = made(answer)
    client.do(lambda c: c.streams.ingest("s", ["a", "b"], [[1, "x"], (2, None)]))
    client.do(lambda c: c.streams.ingest_objects("s", ({"a": n} for n in (1, 2))))
    client.do(lambda c: c.streams.ingest_lines("s", ["ä", "", " b "]))
    client.do(lambda c: c.streams.ingest_raw("s", " a\nb "))
    client.do(lambda c: c.streams.ingest_body("s", b"{}", "streaming"))
    odd = [{"a": None, "b": {"c": (float("-inf"), 1.5)}}]
    client.do(lambda c: c.streams.ingest_objects("s", odd))
    assert sent == [
        ("compact", b'{"columns":["a","b"],"data":[[1,"x"],[2,null]]}'),
        ("streaming", b'{"a":1}\n{"a":2}\n'),
        ("lines", "ä\n\n b \n".encode()),
        ("raw", b" a\nb "),
        ("streaming", b"{}"),
        ("streaming", b'{"a":null,"b":{"c":["-inf",1.5]}}\n'),
    ]


def test_answers_with_a_part_down_are_answers(made: Callable[..., Waiting]) -> None:
    body = {"status": "not ready", "checks": {"engine": "starting"}}
    client = made(lambda _: httpx.Response(503, json=body))
    assert client.do(lambda c: c.server.ready()).checks == {"engine": "starting"}
    with pytest.raises(ApiError, match="answered 503"):
        client.do(lambda c: c.streams.list())


def test_fields_of_newer_and_older_servers_are_no_errors(made: Callable[..., Waiting]) -> None:
    client = made(lambda _: httpx.Response(200, json=[{"name": "s", "shape": "round"}]))
    assert [stream.name for stream in client.do(lambda c: c.streams.list())] == ["s"]
    client = made(lambda _: httpx.Response(200, json=[{"name": 5}]))
    with pytest.raises(ClientError, match="cannot be read"):
        client.do(lambda c: c.streams.list())


@pytest.mark.parametrize("key", ["k" * 60 + "\n", "ké" * 30, "k\r\nX-Role= admin"])
def test_keys_that_no_header_takes_are_refused_without_being_shown(key: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ClientError, match="The key cannot be used") as caught:
            kind("http://server", key)
        assert key not in str(caught.value)


def test_addresses_that_are_none_are_refused() -> None:
    with pytest.raises(ClientError, match="not a http or https address"):
        Client("ftp://server").streams.list()
    with pytest.raises(ClientError, match="address cannot be used"):
        Client("http://server:port")


def test_no_secret_shows() -> None:
    secret = "s3cret-value"
    shown = [
        Client(f"http://ann:{secret}@server", KEY),
        AsyncClient("http://server", f"ann:{secret}"),
        UserDef("ann", secret),
        NewApiKey(id="1", api_key=secret),
        SinkDef("s", "http", "select 1", {"url": f"http://h/{secret}"}),
        Setting("password", secret),
        [UdfAuth("X-Token", secret)],
    ]
    text = repr(shown)
    assert secret not in text
    assert KEY not in text
    assert "******" in text
    assert msgspec.json.decode(msgspec.json.encode(shown[2]))["password"] == secret
    with pytest.raises(Unreachable) as caught:
        Client(
            f"http://ann:{secret}@127.0.0.1:9", timeouts=Timeouts(connect_seconds=2)
        ).server.info()
    assert secret not in str(caught.value)


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off after the head of a query."""

    def parts(self) -> Iterator[bytes]:
        """The head, and the break."""
        yield b'event: query\ndata: {"id":"q","status":"running"}\n\n'
        raise httpx.ReadError("reset by peer")

    def __iter__(self) -> Iterator[bytes]:
        return self.parts()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts():
            yield part


def test_event_streams_are_asked_for_plain_and_their_breaks_are_told(
    made: Callable[..., Waiting],
) -> None:
    headers: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        headers.append(request.headers)
        return httpx.Response(200, stream=Broken())

    with pytest.raises(Unreachable, match="reset by peer"):
        made(answer).do(lambda c: c.query("select 1").fetch())
    assert headers[0]["Accept-Encoding"] == "identity"
    assert headers[0]["Accept"] == "text/event-stream"


def rows_of(url: str, query: str | QueryDef) -> list[Any]:
    with Client(url) as client, client.query(query) as results:
        return list(results.rows())


async def async_rows_of(url: str, query: str | QueryDef) -> list[Any]:
    async with AsyncClient(url) as client, client.query(query) as results:
        return [row async for row in results.rows()]


def test_rows_come_without_what_stands_between_them() -> None:
    with StandIn() as server:
        server.events = [
            head({"id": "int64", "price": "decimal(9, 2)"}),
            ("", [[1, 0.5]]),
            ("metrics", {"count": 1}),
            ("", [[2, 1.5], [3, None]]),
            tail(),
        ]
        blocking = rows_of(server.url, "select 1")
        assert [row[0] for row in blocking] == [1, 2, 3]
        assert asyncio.run(async_rows_of(server.url, QueryDef("select 1"))) == blocking
        with Client(server.url) as client:
            table = client.query("select 1").to_arrow()
        assert [str(kind) for kind in table.schema.types] == ["int64", "decimal128(9, 2)"]
        assert table.num_rows == 3


@pytest.mark.parametrize(
    ("events", "error", "text"),
    [
        ([("", [[1]]), tail("failed", "code 241: memory")], QueryFailed, "code 241: memory"),
        ([("", [[1]]), tail("canceled", "")], QueryFailed, "The query was canceled"),
        ([("", [[1]])], Unreachable, "ended before the query did"),
        ([("", [["x"]]), tail()], ClientError, "cannot be read"),
    ],
    ids=["failed", "canceled", "cut", "other rows"],
)
def test_ends_other_than_finishing_are_errors(
    events: list[Any], error: type[Exception], text: str
) -> None:
    with StandIn() as server:
        server.events = [head({"id": "int64"}), *events]
        with pytest.raises(error, match=text):
            rows_of(server.url, "select 1")
        with pytest.raises(error, match=text):
            asyncio.run(async_rows_of(server.url, "select 1"))
        with Client(server.url) as client:
            with pytest.raises(error, match=text):
                client.query("select 1").to_arrow()
            with pytest.raises(error, match=text), client.query("select 1") as results:
                list(results.batches())


async def test_events_of_the_async_client() -> None:
    with StandIn() as server:
        server.events = [head({"id": "int64"}, streaming=True), ("", [[1]]), tail()]
        async with AsyncClient(server.url) as client, client.query("select 1") as results:
            assert results.streaming
            assert [event async for event in results] == [Rows([[1]]), End("finished")]
        async with AsyncClient(server.url) as client:
            assert len(await client.query("select 1").to_arrow()) == 1
            server.refuse_query = (400, 62, "Syntax error.")
            with pytest.raises(ApiError, match="Syntax error"):
                await client.query("selec").fetch()


async def test_one_statement_may_be_fetched_by_many_at_once() -> None:
    with StandIn() as server:
        server.events = [head({"id": "int64"}), *[("", [[n]]) for n in range(50)], tail()]
        wanted = [(n,) for n in range(50)]
        async with AsyncClient(server.url) as client:
            statement = client.query("select 1")
            found = await asyncio.gather(*(statement.fetch() for _ in range(8)))
            assert [result.rows for result in found] == [wanted] * 8
        with Client(server.url) as blocking:
            fetch = blocking.query("select 1").fetch
            results = await asyncio.gather(*(asyncio.to_thread(fetch) for _ in range(8)))
            assert [result.rows for result in results] == [wanted] * 8


def test_definitions_have_no_rows() -> None:
    with StandIn() as server:
        server.events = [("query", {"id": "q", "status": "finished"})]
        assert rows_of(server.url, "drop stream s") == []
        assert asyncio.run(async_rows_of(server.url, "drop stream s")) == []


def test_errors_of_the_caller_stay_their_own() -> None:
    with StandIn() as server:
        server.events = [head({"id": "int64"}), ("", [[1]]), tail()]
        with Client(server.url) as client:
            with pytest.raises(httpx.ReadTimeout), client.query("select 1"):
                raise httpx.ReadTimeout("of another client")
            with pytest.raises(msgspec.DecodeError), client.query("select 1"):
                msgspec.json.decode(b"{")


async def test_leaving_early_leaves_nothing_open() -> None:
    with StandIn() as server:
        server.events = [head({"id": "int64"}, streaming=True), *[("", [[n]]) for n in range(50)]]
        async with AsyncClient(server.url) as client:
            statement = client.query("select 1")
            for _ in range(3):  # each use runs it anew
                async with statement as results:
                    async for row in results.rows():
                        assert row == (0,)
                        break
            async with statement as outer, statement as inner:
                assert await anext(inner.rows()) == await anext(outer.rows()) == (0,)
        with Client(server.url) as client, client.query("select 1") as results:
            assert next(results.batches()).num_rows == 1
