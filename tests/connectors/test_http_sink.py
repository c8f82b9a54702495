"""Sinks http and slack against a real server: what is sent, tried again, refused, signed."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import Any
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest
from hostile import Hostile, Received, Reply, hostile
from live_sink import LiveSink

from connectors import http_client
from connectors.http_client import Call, HttpClient, Refused
from connectors.sink_contract import NotDelivered
from engine.clock import ManualClock


async def test_a_row_is_a_json_object_with_a_stable_id() -> None:
    async with hostile() as server:
        url = f"{server.url}/in?x=1"
        given = {"url": url, "http_header": {"X-Mine": "v", "Authorization": "Bearer t"}}
        async with LiveSink("http", given) as live:
            live.rows([1, 'a "quoted" text'], [2, None])
            await live.delivered(2)
            await live.until(lambda: live.engine.hidden[live.owner].position.row == 1, "position")
        first, second = server.received
        assert (first.method, first.path) == ("POST", "/in?x=1")
        assert first.headers["host"] == f"127.0.0.1:{server.port}"
        assert first.headers["content-type"] == "application/json"
        assert (first.headers["x-mine"], first.headers["authorization"]) == ("v", "Bearer t")
        assert msgspec.json.decode(first.body) == {"n": 1, "text": 'a "quoted" text'}
        assert msgspec.json.decode(second.body) == {"n": 2, "text": None}
        ids = [one.headers["x-event-id"] for one in server.received]
        epoch = live.engine.hidden[live.owner].records["epoch"].decode()
        assert ids == [f"{live.runner.definition.id}-{epoch}-0-{row}" for row in (0, 1)]
        assert server.connections == 1


async def test_templates_methods_and_content_types() -> None:
    given = {
        "http_method": "put", "content_type": "text/plain",
        "payload_field": "n={{ .n }} {{.text}}!", "paralism": "3",
    }  # fmt: skip
    async with hostile() as server:
        async with LiveSink("http", {"url": server.url, **given}) as live:
            live.rows([1, "x"])
            await live.delivered(1)
        (one,) = server.received
        assert (one.method, one.body) == ("PUT", b"n=1 x!")
        assert one.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    async with hostile() as server:
        replies = [Reply(status), Reply(cut=True), Reply(204, body=b"")]
        server.answering = lambda _: replies.pop(0)
        given = {"url": server.url, "retries": 2, "retry_interval": "20ms"}
        async with LiveSink("http", given) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            assert live.runner.stats(1, 1).errors == 2
        assert len({one.headers["x-event-id"] for one in server.received}) == 1
        assert len(server.received) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 409, 302])
async def test_what_will_never_pass_is_given_up_at_once(status: int) -> None:
    async with hostile() as server:
        server.answering = lambda one: Reply(status if b'"n":1' in one.body else 200)
        given = {"url": server.url, "retries": 5, "retry_interval": "1h"}
        async with LiveSink("http", given) as live:
            live.rows([1, "x"], [2, "y"])
            await live.delivered(2)
            await live.until(lambda: bool(live.letters), "letter")
            assert live.letters == [f"127.0.0.1 answered with status {status}."]
        assert len(server.received) == 2


async def test_retry_after_is_honoured() -> None:
    async with hostile() as server:
        replies = [Reply(429, {"Retry-After": "1"}), Reply()]
        moments: list[float] = []

        def answer(_: Received) -> Reply:
            moments.append(asyncio.get_running_loop().time())
            return replies.pop(0)

        server.answering = answer
        given = {"url": server.url, "retries": 3, "retry_interval": "1ms"}
        async with LiveSink("http", given) as live:
            live.rows([1, "x"])
            await live.delivered(1)
        assert 0.9 <= moments[1] - moments[0] < 5


async def test_a_server_that_hangs_or_is_away_is_a_message_without_secrets() -> None:
    async with hostile() as server:
        server.answering = lambda _: Reply(hang=True)
        given = {"url": f"{server.url}/?token=s3cret", "timeout": "50ms", "retries": -1}
        async with LiveSink("http", given) as live:
            live.rows([1, "x"])
            assert await live.refused() == "127.0.0.1 gave no answer within 0.05 s."
            assert live.letters == []
    async with LiveSink("http", {"url": "http://127.0.0.1:1/?token=s3cret"}) as live:
        live.rows([1, "x"])
        await live.delivered(1)
        await live.until(lambda: bool(live.letters), "letter")
        assert live.letters == ["127.0.0.1 cannot be reached: no connection."]
        assert "s3cret" not in str(live.runner.log.newest(99))


async def test_addresses_that_are_not_public_need_the_setting() -> None:
    async with hostile() as server:
        async with LiveSink("http", {"url": server.url}, private=False) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            await live.until(lambda: bool(live.letters), "letter")
            assert "allow_private_networks" in live.letters[0]
        assert server.received == []


async def test_redirects_are_followed_with_the_row_but_secrets_stay() -> None:
    async with hostile() as server, hostile() as other:
        server.answering = lambda one: Reply(
            307, {"Location": "/b" if one.path == "/a" else f"{other.url}/c"}
        )
        given = {"url": f"{server.url}/a", "http_header": {"Authorization": "Bearer t"}}
        async with LiveSink("http", given) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            assert live.letters == []
        assert [one.path for one in server.received] == ["/a", "/b"]
        assert server.received[1].headers["authorization"] == "Bearer t"
        (last,) = other.received
        assert (last.path, msgspec.json.decode(last.body)["n"]) == ("/c", 1)
        assert "authorization" not in last.headers
        assert last.headers["x-event-id"] == server.received[0].headers["x-event-id"]


@pytest.mark.parametrize(
    ("status", "location", "word"),
    [
        (302, "/b", "lose what is sent"),
        (307, "ftp://127.0.0.1/x", "no address"),
        (307, "/a", "more than 5 times"),
    ],
)
async def test_redirects_that_lead_nowhere(status: int, location: str, word: str) -> None:
    async with hostile() as server:
        server.answering = lambda _: Reply(status, {"Location": location})
        async with LiveSink("http", {"url": f"{server.url}/a", "retries": 9}) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            await live.until(lambda: bool(live.letters), "letter")
            assert word in live.letters[0]


async def test_each_redirect_is_looked_at() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "public.test" else ["10.0.0.7"]

    async with hostile() as server:
        server.answering = lambda _: Reply(307, {"Location": "http://inner.test/"})
        client = HttpClient(ManualClock(), private=False, connections=1, resolver=resolver)
        url = f"http://public.test:{server.port}/"
        call = Call("POST", url, b"x", {}, {}, 5.0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("connectors.outbound.is_public", lambda text: text == "127.0.0.1")
            with pytest.raises(NotDelivered, match=r"inner\.test is in a private network"):
                await client.send(call)
        await client.close()
        with pytest.raises(Refused, match="without TLS"):
            http_client._next(
                httpx.URL("https://a.test/"), "http://b.test/",
                http_client.Answer("a.test", 308, b""),
            )  # fmt: skip


async def test_rows_go_in_parallel_when_asked() -> None:
    async with hostile() as server:
        server.seconds = 0.05
        async with LiveSink("http", {"url": server.url, "paralism": 4}) as live:
            live.rows(*[[n, "x"] for n in range(20)])
            await live.delivered(20)
        assert server.most_at_once == 4
        assert len({one.headers["x-event-id"] for one in server.received}) == 20


async def test_nothing_is_missing_against_a_hostile_server(full: bool) -> None:
    events = 2_000 if full else 400
    chance = random.Random(5)
    taken: list[tuple[int, str]] = []

    def answer(one: Received) -> Reply:
        choice = chance.random()
        if choice < 0.02:
            return Reply(hang=True)
        if choice < 0.15:
            return Reply(chance.choice([429, 500, 503]))
        number = (msgspec.json.decode(one.body)["n"], one.headers["x-event-id"])
        taken.append(number)
        return Reply(cut=choice < 0.2)

    async with hostile() as server:
        server.answering = answer
        given = {"url": server.url, "retries": -1, "retry_interval": "1ms", "timeout": "100ms"}
        async with LiveSink("http", given) as live:
            for first in range(0, events, 100):
                live.rows(*[[n, "x"] for n in range(first, first + 100)])
            for count in range(100, events + 1, 100):
                await live.delivered(count)
        numbers = [number for number, _ in taken]
        assert list(dict.fromkeys(numbers)) == list(range(events))
        assert numbers == sorted(numbers)
        assert len(set(taken)) == events, "a row that comes twice has one id"
        assert len(taken) > events, "some came twice"


def _oauth(server: Hostile, token_url: str) -> dict[str, Any]:
    oauth = {
        "enabled": True, "client_key": "me", "client_secret": "s3cret", "token_url": token_url,
        "scopes": ["rows.write", "x"],
    }  # fmt: skip
    return {"url": server.url, "oauth2": oauth}


async def test_oauth2_tokens_are_kept_and_asked_for_again_after_a_401() -> None:
    valid = ["one"]
    given_tokens: list[str] = []

    def tokens(_: Received) -> Reply:
        given_tokens.append(valid[0])
        body = msgspec.json.encode({"access_token": valid[0], "expires_in": 3600})
        return Reply(body=body)

    def target(one: Received) -> Reply:
        return Reply(200 if one.headers["authorization"] == f"Bearer {valid[0]}" else 401)

    async with hostile() as server, hostile() as issuer:
        server.answering, issuer.answering = target, tokens
        async with LiveSink("http", _oauth(server, f"{issuer.url}/token")) as live:
            live.rows([1, "x"], [2, "x"])
            await live.delivered(2)
            assert given_tokens == ["one"]
            valid[0] = "two"
            live.rows([3, "x"])
            await live.delivered(3)
            assert (given_tokens, live.letters) == (["one", "two"], [])
            server.answering = lambda _: Reply(401)
            live.rows([4, "x"])
            await live.delivered(4)
            await live.until(lambda: bool(live.letters), "letter")
            assert live.letters == ["127.0.0.1 answered with status 401."]
            assert len(given_tokens) == 3
        ask = issuer.received[0]
        basic = base64.b64decode(ask.headers["authorization"].removeprefix("Basic ")).decode()
        assert basic == "me:s3cret"
        form = {name: value for name, (value,) in parse_qs(ask.body.decode()).items()}
        assert form == {"grant_type": "client_credentials", "scope": "rows.write x"}


async def test_a_token_is_not_used_in_its_last_minute() -> None:
    def tokens(_: Received) -> Reply:
        return Reply(body=b'{"access_token": "t", "expires_in": "60"}')

    async with hostile() as server, hostile() as issuer:
        issuer.answering = tokens
        async with LiveSink("http", _oauth(server, issuer.url)) as live:
            live.rows([1, "x"], [2, "x"])
            await live.delivered(2)
        assert len(issuer.received) == 2


async def test_a_token_server_that_wants_the_client_in_the_body_or_refuses() -> None:
    def tokens(one: Received) -> Reply:
        if b"client_secret=s3cret" not in one.body:
            return Reply(401)
        return Reply(body=b'{"access_token": "t"}')

    async with hostile() as server, hostile() as issuer:
        issuer.answering = tokens
        async with LiveSink("http", _oauth(server, issuer.url)) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            assert live.letters == []
        for reply, said in (
            (Reply(403), "answered with status 403"), (Reply(body=b"no"), "gave no token"),
        ):  # fmt: skip
            issuer.answering = lambda _, reply=reply: reply
            async with LiveSink("http", _oauth(server, issuer.url)) as live:
                live.rows([1, "x"])
                await live.delivered(1)
                await live.until(lambda: bool(live.letters), "letter")
                assert live.letters == [f"The token server 127.0.0.1 {said}."]


async def test_slack_messages() -> None:
    async with hostile() as server:
        given = {"url": f"{server.url}/hook", "header": {"X-A": "b"}}
        async with LiveSink("slack", given) as live:
            live.rows([1, "x"])
            await live.delivered(1)
        with_template = {**given, "template": "It is {{ .text }}: {{ .n }}"}
        async with LiveSink("slack", with_template) as live:
            live.rows([1, "hot"])
            await live.delivered(1)
        texts = [msgspec.json.decode(one.body) for one in server.received]
        assert texts == [{"text": '{"n":1,"text":"x"}'}, {"text": "It is hot: 1"}]
        assert server.received[0].headers["x-a"] == "b"


async def test_slack_alerts_say_what_happened() -> None:
    async with hostile() as server:
        given = {"url": f"{server.url}/hook"}
        async with LiveSink("slack", given, alert="too hot") as live:
            live.rows([1, "x"])
            live.rows([2, "y"], query=1)
            await live.delivered(2)
        texts = [msgspec.json.decode(one.body)["text"] for one in server.received]
        assert texts == [
            'Alert too hot is triggered\n{"n":1,"text":"x"}',
            'Alert too hot is resolved\n{"n":2,"text":"y"}',
        ]
        server.received.clear()
        templates = {
            "template": "any", "trigger_template": "{{ ._alert_name }} fired: {{ .text }}",
            "resolve_template": "over: {{ .n }} ({{ ._alert_severity }})",
        }  # fmt: skip
        async with LiveSink("slack", {**given, **templates}, alert="too hot") as live:
            live.rows([1, "x"])
            live.rows([2, "y"], query=1)
            await live.delivered(2)
        texts = [msgspec.json.decode(one.body)["text"] for one in server.received]
        assert texts == ["too hot fired: x", "over: 2 (2)"]


async def test_an_alert_over_http_has_headers_and_is_not_given_up() -> None:
    async with hostile() as server:
        replies = [Reply(500), Reply(500), Reply()]
        server.answering = lambda _: replies.pop(0)
        given = {"url": server.url, "retry_interval": "10ms"}
        async with LiveSink("http", given, alert="too hot") as live:
            live.rows([1, "x"])
            await live.delivered(1)
            assert live.letters == []
        last = server.received[-1]
        assert len(server.received) == 3
        assert last.headers["x-alert-status"] == "triggered"
        assert last.headers["x-alert-severity"] == "2"
        incident = last.headers["x-incident-id"]
        assert last.headers["x-event-id"] == f"{incident}-triggered"
        assert msgspec.json.decode(last.body) == {"n": 1, "text": "x"}


@pytest.mark.parametrize(("shape", "type_"), [("array", "json"), ("ndjson", "x-ndjson")])
async def test_rows_go_together_when_asked(shape: str, type_: str) -> None:
    def bodies() -> list[list[int]]:
        texts = [one.body.decode() for one in server.received]
        if shape == "ndjson":
            assert all(text.endswith("\n") for text in texts)
            texts = [f"[{text.strip().replace(chr(10), ',')}]" for text in texts]
        return [[row["n"] for row in msgspec.json.decode(text)] for text in texts]

    given = {"batch_count": 3, "batch_interval": "500ms", "batch_format": shape}
    async with hostile() as server:
        async with LiveSink("http", {"url": server.url, **given}) as live:
            live.rows([1, "x"])
            await asyncio.sleep(0.1)  # it waits for others
            live.rows([2, "x"], [3, "x"], [4, "x"])
            await live.until(lambda: len(server.received) == 1, "three at once")
            assert bodies() == [[1, 2, 3]]
            await live.delivered(4)
            assert bodies() == [[1, 2, 3], [4]]
        epoch = live.engine.hidden[live.owner].records["epoch"].decode()
        first = server.received[0].headers
        assert first["content-type"] == f"application/{type_}"
        assert first["x-event-id"] == f"{live.runner.definition.id}-{epoch}-0-0"


async def test_a_batch_that_is_refused_goes_row_by_row() -> None:
    async with hostile() as server:
        server.answering = lambda one: Reply(400 if b'"n":2' in one.body else 200)
        given = {"url": server.url, "batch_count": 10, "batch_interval": "50ms"}
        async with LiveSink("http", given) as live:
            live.rows(*[[n, "x"] for n in range(4)])
            await live.delivered(4)
            await live.until(lambda: bool(live.letters), "letter")
            assert live.letters == ["127.0.0.1 answered with status 400."]
        found = [[row["n"] for row in msgspec.json.decode(one.body)] for one in server.received]
        assert found == [[0, 1, 2, 3], [0], [1], [2], [3]]
