"""Source http_pull against a real server on the loopback address, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hostile import Hostile, Received, Reply, hostile
from live_checks import checks, found
from virtual import ListEngine, VirtualTime

from connectors import control, properties, pull_answers
from connectors.buffer import BufferLimits
from connectors.check_contract import Check
from connectors.contract import SourceDefinition
from connectors.preview import preview
from connectors.runner import SourceRunner
from connectors.sources import http_pull
from connectors.surroundings import Surroundings
from engine.clock import SystemClock
from engine.errors import UserError
from engine.source_appends import SourceAck, SourceAppend

REAL_SECONDS_MAX = 20.0


class Pull:
    """A runner in virtual time whose target is real, and what it stored."""

    def __init__(self, given: dict[str, Any], engine: ListEngine, rows_max: int = 10_000) -> None:
        self.time = VirtualTime()
        self.engine = engine
        limits = BufferLimits(append_rows_max=rows_max)
        around = Surroundings(self._connect, self.time.clock, self.time.sleep, limits, private=True)
        definition = SourceDefinition("id1", "default", "n", "http_pull", "s", given)
        self.runner = SourceRunner(definition, around)

    async def _connect(self, _workspace: str) -> ListEngine:
        return self.engine

    async def waits(self, count: int) -> None:
        """Until it waits for the so-manieth time, and what it had is stored."""
        async with asyncio.timeout(REAL_SECONDS_MAX):
            while len(self.time.sleeps) < count:
                await asyncio.sleep(0.001)  # the answers are real
        await self.time.settle()

    async def ask(self, seconds: float = 10) -> None:
        """Let the time of the next request come."""
        before = len(self.time.sleeps)
        await self.time.advance(round(seconds * 1000))
        await self.waits(before + 1)

    def rows(self) -> list[Any]:
        """What is stored."""
        return [msgspec.json.decode(message) for message in self.engine.messages]

    def said(self) -> str:
        """What the source is, and why."""
        status = self.runner.status()
        return f"{status.status}: {status.message}"


class Killed(ListEngine):
    """Stores `commits` in each life, the others never."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 1
        self.stored = asyncio.Event()

    async def append_source(self, request: SourceAppend, body: bytes) -> SourceAck:
        if self.stored.is_set() and self.commits == 1:
            await asyncio.get_running_loop().create_future()
        ack = await super().append_source(request, body)
        self.stored.set()
        return ack


@asynccontextmanager
async def pulling(
    given: dict[str, Any], engine: ListEngine | None = None, rows_max: int = 10_000
) -> AsyncIterator[Pull]:
    """One that has had its first answer."""
    pull = Pull({"data_type": "json", **given}, engine or ListEngine(), rows_max)
    pull.runner.start()
    await pull.waits(1)
    yield pull
    await pull.runner.stop()


def answers(server: Hostile, *bodies: bytes | Reply) -> None:
    """It gives one after the other, then the last for ever."""
    left = [each if isinstance(each, Reply) else Reply(body=each) for each in bodies]
    server.answering = lambda _: left.pop(0) if len(left) > 1 else left[0]


class Feed:
    """Events with rising numbers, a page at a time, by `since` and the newest first."""

    def __init__(self, page: int) -> None:
        self.page = page
        self.asked: list[str | None] = []
        self.events: list[dict[str, Any]] = []

    def __call__(self, one: Received) -> Reply:
        since = parse_qs(urlsplit(one.path).query).get("since", [None])[0]
        self.asked.append(since)
        # As many targets do, it gives the event of `since` once more.
        first = [e for e in self.events if since is None or e["at"]["n"] >= int(since)]
        return Reply(body=msgspec.json.encode({"data": {"items": first[: self.page][::-1]}}))

    def add(self, *numbers: int) -> None:
        self.events += [{"at": {"n": number}, "a": f"e{number}"} for number in numbers]


CURSOR = {"items": "data.items", "cursor_field": "at.n", "cursor_param": "since"}


@pytest.mark.parametrize(
    ("body", "items", "rows"),
    [
        (b'{"a":1}', "", [{"a": 1}]),
        (b' [{"a":1}, {"a":\n[2]}]\n', "", [{"a": 1}, {"a": [2]}]),
        (b'\xef\xbb\xbf[{"a":"\xc3\xbc"}]', "", [{"a": "ü"}]),
        (b'{"a":1}\r\n\r\n{"a":2}\n', "", [{"a": 1}, {"a": 2}]),
        (b'{"x":[{"b":{}}],"b":{"a":[{"a":1},{"a":2}]}}', "b.a", [{"a": 1}, {"a": 2}]),
        (b'{"b":{"a":3}}', "b", [{"a": 3}]),
        (b'{"b":null}', "b", []),
        (b"[]", "", []),
        (b"", "", []),
    ],
)
async def test_what_an_answer_holds(body: bytes, items: str, rows: list[Any]) -> None:
    async with hostile() as server:
        answers(server, body)
        async with pulling({"url": server.url, "items": items}) as pull:
            assert pull.rows() == rows
            assert pull.said() == "running: "


async def test_text_is_one_event_and_an_interval_lies_between_two_requests() -> None:
    async with hostile() as server:
        answers(server, b"two\nlines", b"\xff", b"")
        given = {"url": server.url, "data_type": "text", "interval": "1m"}
        async with pulling(given) as pull:
            await pull.time.advance(59_900)
            assert len(server.received) == 1
            await pull.ask(0.1)
            await pull.ask(60)
            assert pull.engine.messages == [b"two\nlines"]
            assert [letter.raw for letter in pull.engine.letters] == ["/w=="]
        assert len(server.received) == 3
        assert server.connections == 1


async def test_a_cursor_gives_each_event_once_over_restarts() -> None:
    feed, engine = Feed(page=3), ListEngine()
    feed.add(1, 2, 3, 4, 5, 9)
    async with hostile() as server:
        server.answering = feed
        given = {"url": server.url, **CURSOR}
        async with pulling(given, engine) as pull:
            assert [row["at"]["n"] for row in pull.rows()] == [1, 2, 3, 4, 5, 9]
            assert feed.asked == [None, "3", "5", "9"], "a page after the other, without a wait"
            feed.add(10)
            await pull.ask()
            await pull.ask()
            assert feed.asked[4:] == ["9", "10", "10"]
        async with pulling(given, engine) as pull:
            feed.add(11)
            await pull.ask()
            assert feed.asked[7:] == ["10", "10", "11"]
            assert [row["at"]["n"] for row in pull.rows()] == [1, 2, 3, 4, 5, 9, 10, 11]
        # Another address is another feed; what was stored of this one goes.
        async with pulling({**given, "url": f"{server.url}/x"}, engine) as pull:
            assert feed.asked[10] is None
            assert len([key for key in engine.records if key != "_append"]) == 1


@pytest.mark.parametrize(
    ("cursors", "start", "kept"),
    [
        ([9, 10, 0.1], "0.1", [9, 10]),
        (["9", "10", "100"], "", ["9", "10", "100"]),
        (["2026-01-02", "2026-01-01", "2026-01-03"], "2026-01-01", ["2026-01-02", "2026-01-03"]),
        ([0, 123456789012345678901234567890], "-1", [0, 123456789012345678901234567890]),
    ],
)
async def test_cursors_are_numbers_or_texts(
    cursors: list[Any], start: str, kept: list[Any]
) -> None:
    async with hostile() as server:
        asked: list[str] = []

        def answer(one: Received) -> Reply:
            asked.append(one.path)
            return Reply(body=msgspec.json.encode([{"c": cursor} for cursor in cursors]))

        server.answering = answer
        given = {"cursor_field": "c", "cursor_param": "a b", "cursor_start": start}
        async with pulling({"url": f"{server.url}/?x=1", **given}) as pull:
            assert [row["c"] for row in pull.rows()] == kept
        assert asked == [f"/?x=1&a+b={start}" if start else "/?x=1", f"/?x=1&a+b={kept[-1]}"]


async def test_events_without_a_cursor_and_such_as_do_not_fit_are_letters_once() -> None:
    async with hostile() as server:
        answers(
            server,
            b'[{"n":2,"a":"bad"},{"a":"none"},{"n":1}]',
            b'[{"n":2,"a":"bad"},{"a":"none"},{"n":1},{"n":3}]',
        )
        engine = ListEngine()
        engine.unfit = lambda message: "It does not fit." if b"bad" in message else ""
        async with pulling({"url": server.url, "cursor_field": "n"}, engine) as pull:
            await pull.ask()
            await pull.ask()
            assert pull.rows() == [{"n": 1}, {"n": 3}]
            assert pull.runner.status().status == "running"
        letters = [(each.raw, each.error) for each in engine.letters]
        none = ('{"a":"none"}', "It has no number or text in 'n'.")
        assert sorted(set(letters)) == [none, ('{"n":2,"a":"bad"}', "It does not fit.")]
        # The same event is the same letter: its origin is the key of its row.
        assert len({each.origin for each in engine.letters}) == 2


async def test_the_same_answer_is_stored_once_over_restarts() -> None:
    one, other = b'{"at":1,"v":[{"a":1},{"a":2}]}', b'{"at":1,"v":[{"a":3}]}'
    same = one.replace(b'"at":1', b'"at":2')
    engine = ListEngine()
    async with hostile() as server:
        answers(server, one, same, other, b'{"v":[]}', other)
        given = {"url": server.url, "items": "v"}
        async with pulling(given, engine) as pull:
            await pull.ask()
            assert [row["a"] for row in pull.rows()] == [1, 2]
            await pull.ask()
            await pull.ask()
            assert [row["a"] for row in pull.rows()] == [1, 2, 3]
        async with pulling(given, engine) as pull:
            assert [row["a"] for row in pull.rows()] == [1, 2, 3, 3], "it was away between"
        async with pulling(given, engine) as pull:
            assert len(pull.rows()) == 4
            answers(server, one)
            await pull.ask()
            assert [row["a"] for row in pull.rows()] == [1, 2, 3, 3, 1, 2]


async def test_a_target_that_knows_validators_need_not_answer_again() -> None:
    def answer(one: Received) -> Reply:
        if one.headers.get("if-none-match") == '"7"':
            return Reply(304, body=b"")
        moment = {"ETag": '"7"', "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"}
        return Reply(200, moment, b'[{"a":1}]')

    engine = ListEngine()
    async with hostile() as server:
        server.answering = answer
        for _ in range(2):
            async with pulling({"url": server.url}, engine) as pull:
                await pull.ask()
                assert (pull.rows(), pull.said()) == ([{"a": 1}], "running: ")
        sent = [one.headers.get("if-none-match") for one in server.received]
        assert sent == [None, '"7"', '"7"', '"7"']
        moment = "Sun, 22 Nov 2026 10:00:00 GMT"
        assert server.received[-1].headers["if-modified-since"] == moment
        async with pulling({"url": server.url, "repeat": "keep"}) as pull:
            await pull.ask()
            assert pull.rows() == [{"a": 1}, {"a": 1}]
        assert "if-none-match" not in server.received[-1].headers


@pytest.mark.parametrize("with_cursor", [True, False])
async def test_a_kill_between_two_commits_of_one_answer_loses_and_doubles_nothing(
    with_cursor: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_answers, "PIECE_EVENTS_MAX", 2)
    numbers = [7, 3, 1, 5, 4, 2, 6]
    engine = Killed()
    async with hostile() as server:
        answers(server, msgspec.json.encode([{"n": number} for number in numbers]))
        given = {"url": server.url, **({"cursor_field": "n"} if with_cursor else {})}
        for life in range(1, 4):
            pull = Pull({"data_type": "json", **given}, engine, rows_max=2)
            engine.stored.clear()
            pull.runner.start()
            async with asyncio.timeout(REAL_SECONDS_MAX):
                await engine.stored.wait()
            assert len(engine.messages) == life * 2
            task = pull.runner._task
            assert task is not None
            task.cancel()  # as a kill does: nothing is finished
            await asyncio.wait([task])
        engine.stored.clear()
        engine.commits = 9
        async with pulling(given, engine) as pull:
            stored = [row["n"] for row in pull.rows()]
        assert stored == (sorted(numbers) if with_cursor else numbers)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(500, body=b"token s3cret"), "127.0.0.1 answered with status 500."),
        (Reply(304, body=b""), "127.0.0.1 answered with status 304."),
        (Reply(body=b"<html>"), "127.0.0.1 answered with no JSON object that has 'b'."),
        (Reply(body=b'{"c":1}'), "127.0.0.1 answered without 'b'."),
        (Reply(body=b'{"b":"s3cret"}'), "127.0.0.1 answered with no array at 'b'."),
        (Reply(body=b'{"b":[{"a":1}'), "127.0.0.1 answered what is no JSON"),
        (Reply(body=b'{"b":["\xff"]}'), "127.0.0.1 answered what is no UTF-8."),
        (Reply(body=b'{"b":%s' % (b"[" * 200_000)), "it is nested too deep."),
        (Reply(body=b'{"b":[' + b"1," * 100_000 + b"1]}"), "has more than 100,000 events"),
        (Reply(cut=True), "127.0.0.1 cannot be reached"),
    ],
)
async def test_what_is_no_answer_is_a_message_and_tried_again(reply: Reply, said: str) -> None:
    async with hostile() as server:
        answers(server, reply, b'{"b":[{"a":1}]}')
        given = {"url": f"{server.url}/?key=s3cret", "items": "b", "headers": {"X-Key": "s3cret"}}
        async with pulling(given) as pull:
            assert said in pull.said().removeprefix("failed: ")
            assert pull.runner.status().status == "failed"
            await pull.ask(1)
            assert (pull.said(), pull.rows()) == ("running: ", [{"a": 1}])
            assert "s3cret" not in str(pull.runner.log.newest(9))


async def test_an_answer_that_is_too_large_is_refused_with_the_limit() -> None:
    async with hostile() as server:
        answers(server, b'[{"a":"' + b"x" * http_pull.ANSWER_BYTES_MAX + b'"}]')
        async with pulling({"url": server.url}) as pull:
            assert pull.said() == "failed: 127.0.0.1 answered with more than 8 MiB."
        exact = b'[{"a":"' + b"x" * (http_pull.ANSWER_BYTES_MAX - 10) + b'"}]'
        answers(server, exact)
        async with pulling({"url": server.url}) as pull:
            assert [len(message) for message in pull.engine.messages] == [len(exact) - 2]


async def test_a_target_says_when_it_can_be_asked_again() -> None:
    async with hostile() as server:
        busy = Reply(429, {"Retry-After": "90"})
        answers(server, b'[{"a":1}]', busy, Reply(503, {"Retry-After": "99999"}), b'[{"a":2}]')
        async with pulling({"url": server.url}) as pull:
            await pull.ask()
            assert pull.said() == (
                "failed: 127.0.0.1 answered with status 429. It is asked again in 90 s."
            )
            await pull.time.advance(89_000)
            assert len(server.received) == 2
            await pull.ask(1)
            assert pull.said().endswith("status 503. It is asked again in 3600 s.")
            await pull.ask(3600)
            assert (pull.rows(), pull.said()) == ([{"a": 1}, {"a": 2}], "running: ")


async def test_requests_are_signed_and_redirects_take_no_secrets_elsewhere() -> None:
    valid = ["one"]

    def tokens(_: Received) -> Reply:
        return Reply(body=msgspec.json.encode({"access_token": valid[0], "expires_in": 3600}))

    def target(one: Received) -> Reply:
        taken = one.headers["authorization"] == f"Bearer {valid[0]}"
        return Reply(200 if taken else 401, body=b'[{"a":1}]')

    oauth = {"enabled": True, "client_key": "me", "client_secret": "s3cret"}
    async with hostile() as server, hostile() as other:
        server.answering, other.answering = target, tokens
        given = {
            "url": f"{server.url}/q", "method": "POST", "body": '{"query":1}', "repeat": "keep",
            "headers": {"X-Key": "k"}, "oauth2": {**oauth, "token_url": other.url},
        }  # fmt: skip
        async with pulling(given) as pull:
            valid[0] = "two"
            await pull.ask()
            assert len(pull.rows()) == 2
        sent = server.received[0]
        assert (sent.method, sent.path, sent.body) == ("POST", "/q", b'{"query":1}')
        assert (sent.headers["x-key"], sent.headers["content-type"]) == ("k", "application/json")
        server.answering = lambda _: Reply(302, {"Location": f"{other.url}/b"})
        other.answering = lambda _: Reply(body=b'[{"a":2}]')
        async with pulling({"url": server.url, "headers": {"X-Key": "k"}}) as pull:
            assert pull.rows() == [{"a": 2}]
        assert (other.received[-1].path, "x-key" in other.received[-1].headers) == ("/b", False)
        async with pulling({"url": server.url, "method": "POST", "body": "x"}) as pull:
            assert "would lose what is sent" in pull.said()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"url": "ftp://h"}, "url"),
        ({"interval": "500ms"}, "interval"),
        ({"interval": "2d"}, "interval"),
        ({"interval": "soon"}, "interval"),
        ({"method": "PUT"}, "method"),
        ({"body": "x"}, "body"),
        ({"body": "x" * 65_537, "method": "POST"}, "body"),
        ({"items": "a..b"}, "items"),
        ({"data_type": "text", "items": "a"}, "items"),
        ({"cursor_param": "since"}, "cursor_field"),
        ({"cursor_field": "n", "repeat": "keep"}, "repeat"),
        ({"cursor_field": "n", "cursor_param": "x", "url": "http://h/?x=1"}, "cursor_param"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"oauth2": {"enabled": True}}, "oauth2.client_key"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=f"'{named}'"):
        properties.parse(http_pull.Config, {"url": "http://h", "data_type": "json", **given})


async def test_a_check_tells_the_status_and_how_many_events_there_are() -> None:
    async with hostile() as server:
        answers(server, b'{"v":[{"n":1},{"n":2}]}', Reply(404), b"[]")
        given = {"url": server.url, "data_type": "json", "items": "v", "cursor_field": "n"}
        wanted = Check("source", "http_pull", given, "default")
        steps = await checks().check(wanted)
        assert found(steps) == [("address", True), ("connection", True), ("answer", True)]
        assert steps[-1].message == "127.0.0.1 answered with status 200 and 2 events."
        told = [(await checks().check(wanted))[-1].message for _ in range(2)]
        assert told[0] == "127.0.0.1 answered with status 404."
        assert "status 200; it answered with no JSON object that has 'v'" in told[1]


async def test_a_preview_is_the_first_answer_and_does_not_wait_for_more() -> None:
    async with hostile() as server:
        answers(server, b'[{"n":2},{"n":1}]')
        around = Surroundings(None, SystemClock(), private=True)  # type: ignore[arg-type]
        given = {"url": server.url, "data_type": "json", "cursor_field": "n"}
        command = control.Preview("http_pull", given, 50, 60_000)
        async with asyncio.timeout(10):
            assert await preview(command, around) == [{"n": 1}, {"n": 2}]
        assert len(server.received) == 1
