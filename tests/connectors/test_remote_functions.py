"""Calls of remote functions: what is sent, what is tried again, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from connectors.remote_functions import SERVERS_MAX, RemoteFunctions
from engine.calls import Answer, Remote, Request
from engine.clock import ManualClock
from engine.errors import Code

KEY = "open sesame"
Reply = Callable[[httpx.Request], httpx.Response]


def request(url: str = "https://example.org/f?x=1", timeout_ms: int = 5_000) -> Request:
    where = Remote(url, "auth_header", "X-Key", KEY)
    return Request("remote", "f", "scalar", b'{"ip":["a"]}', timeout_ms, where)


class Made:
    """The functions over a server that is a function."""

    def __init__(self, reply: Reply, addresses: list[str], *, private: bool = False) -> None:
        self.sent: list[httpx.Request] = []
        self.slept: list[float] = []

        def handle(sent: httpx.Request) -> httpx.Response:
            self.sent.append(sent)
            return reply(sent)

        async def resolve(host: str, port: int) -> list[str]:
            return addresses

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            await asyncio.sleep(0)

        transport = httpx.MockTransport(handle)
        self.functions = RemoteFunctions(
            ManualClock(), sleep, private=private, resolver=resolve, transport=transport
        )

    async def call(self, asked: Request | None = None) -> Answer:
        answer = await self.functions.call(asked or request())
        await self.functions.close()
        return answer


def gives(status: int, **headers: str) -> Reply:
    return lambda _: httpx.Response(status, headers=headers, content=b'{"result":["b"]}')


async def test_the_batch_is_posted_with_the_header_to_the_address_that_was_looked_at() -> None:
    made = Made(gives(200), ["93.184.215.14"])
    answer = await made.call()
    assert msgspec.json.decode(answer.body) == {"result": ["b"]}
    [sent] = made.sent
    assert (sent.method, str(sent.url)) == ("POST", "https://93.184.215.14/f?x=1")
    assert sent.headers["host"] == "example.org"
    assert sent.extensions["sni_hostname"] == "example.org"
    assert sent.headers["x-key"] == KEY
    assert sent.content == b'{"ip":["a"]}'


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_server_that_is_busy_is_asked_again(status: int) -> None:
    replies = [status, status, 200]
    made = Made(lambda sent: gives(replies.pop(0))(sent), ["93.184.215.14"])
    assert not (await made.call()).failure
    assert len(made.sent) == 3
    assert all(seconds <= 2.0 for seconds in made.slept)


@pytest.mark.parametrize(
    ("reply", "attempts", "why"),
    [
        (gives(500), 1, "answered with status 500"),
        (gives(404), 1, "answered with status 404"),
        (gives(503), 4, "answered with status 503"),
        (gives(302, location="http://10.0.0.1/"), 1, "redirects, which is not followed"),
    ],
)
async def test_failures_name_the_function_and_the_host_alone(
    reply: Reply, attempts: int, why: str
) -> None:
    made = Made(reply, ["93.184.215.14"])
    answer = await made.call()
    assert answer.code == Code.FUNCTION_FAILED
    assert answer.failure.startswith(f"Function f failed: example.org {why}")
    assert KEY not in answer.failure
    assert len(made.sent) == attempts


async def test_a_server_that_cannot_be_reached_is_tried_again() -> None:
    def refuse(sent: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused: open sesame", request=sent)

    made = Made(refuse, ["93.184.215.14"])
    answer = await made.call()
    assert answer.failure == "Function f failed: example.org could not be reached (ConnectError)."
    assert len(made.sent) == 4


async def test_the_deadline_is_that_of_the_call() -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    made = Made(gives(200), ["93.184.215.14"])
    made.functions = RemoteFunctions(
        ManualClock(),
        asyncio.sleep,
        private=True,
        transport=httpx.MockTransport(never),
        resolver=lambda host, port: asyncio.sleep(0, ["93.184.215.14"]),
    )
    answer = await made.call(request(timeout_ms=50))
    assert answer.failure == "Function f failed: example.org gave no answer within 0.05 s."


PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "169.254.1.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "0.0.0.0",
]


@pytest.mark.parametrize("address", PRIVATE)
async def test_addresses_that_are_not_public_need_the_setting(address: str) -> None:
    made = Made(gives(200), ["93.184.215.14", address])
    answer = await made.call()
    assert "allow_private_networks" in answer.failure
    assert made.sent == []
    allowed = Made(gives(200), [address], private=True)
    assert not (await allowed.call()).failure


async def test_metadata_services_are_never_called() -> None:
    made = Made(gives(200), ["10.1.2.3", "64:ff9b::169.254.169.254"], private=True)
    assert "is a metadata service" in (await made.call()).failure
    assert made.sent == []


async def test_an_answer_that_is_too_large_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.remote_functions.ANSWER_BYTES_MAX", 4)
    answer = await Made(gives(200), ["93.184.215.14"]).call()
    assert "gave an answer over" in answer.failure


async def test_servers_of_one_address_share_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TLS connection is verified for the name that it was made with."""
    made: list[httpx.AsyncClient] = []
    first = httpx.AsyncClient.__init__

    def init(self: httpx.AsyncClient, **given: Any) -> None:
        made.append(self)
        first(self, **given)

    monkeypatch.setattr(httpx.AsyncClient, "__init__", init)
    pool = Made(gives(200), ["93.184.215.14"])
    for host in ("a.example", "b.example", "a.example"):
        answer = await pool.functions.call(request(f"https://{host}/f"))
        assert answer.body
    assert len(made) == 2
    for number in range(SERVERS_MAX + 5):
        await pool.functions.call(request(f"https://s{number}.example/f"))
    assert sum(not client.is_closed for client in made) == SERVERS_MAX
    await pool.functions.close()
    assert all(client.is_closed for client in made)
