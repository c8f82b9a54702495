"""Source pulsar against a real broker: each message once, sign-in, TLS, what users are told."""

from __future__ import annotations

import asyncio
import base64
import ssl
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pulsar as library
import pytest
from hostile import Received, Reply, hostile
from live import Live

from connectors import control, preview, properties, pulsar_connection, pulsar_sign_in
from connectors.contract import SourceContext
from connectors.sources import pulsar as pulsar_source
from connectors.sources.pulsar import PulsarSource
from connectors.surroundings import Surroundings
from engine.clock import SystemClock
from engine.errors import EngineUnavailable, UserError
from tests.services.pulsar import Pulsar, pulsar

__all__ = ["pulsar"]  # the fixture, for the tests here


def objects(*numbers: int) -> list[bytes]:
    """Messages."""
    return [b'{"a":%d}' % number for number in numbers]


def numbers(live: Live) -> list[int]:
    """What was stored, sorted."""
    return sorted(row["a"] for row in live.objects())


def next_life(live: Live, given: dict[str, Any]) -> Live:
    """Another source over what the engine holds."""
    again = Live("pulsar", given)
    again.engine = live.engine
    return again


def backlog(broker: Pulsar, topic: str, name: str = "timeplus-source-id1") -> int:
    """Entries that the subscription has not acknowledged."""
    stats = broker.admin("GET", f"{topic.replace('://', '/')}/stats?getPreciseBacklog=true")
    return int(stats["subscriptions"][name]["msgBacklog"])


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """No acknowledgement is sent: as if the process dies before each."""

    async def forget(_: PulsarSource, __: Sequence[object]) -> None:
        return

    monkeypatch.setattr(PulsarSource, "acknowledge", forget)


@pytest.mark.parametrize("type_", ["exclusive", "failover", "shared", "key_shared"])
async def test_what_is_stored_is_dropped_when_it_comes_again(
    pulsar: Pulsar, deaf: None, type_: str
) -> None:
    topic = pulsar.new_topic(3)
    given = {"broker_url": pulsar.url, "topic": topic, "subscription_type": type_}
    for _ in range(3):  # each producer begins with another partition
        await pulsar.publish(topic, *objects(*range(100)))
    async with Live("pulsar", given) as live:
        await live.until(lambda: len(live.texts()) == 300, "what was there")
    await pulsar.publish(topic, *objects(*range(100, 110)), b"poison")
    async with next_life(live, given) as again:
        await again.until(lambda: len(again.letters()) == 1, "what came")
        await again.until(lambda: len(again.texts()) >= 310, "what came")
        assert numbers(again) == sorted([*range(100)] * 3 + [*range(100, 110)])
        letter = again.engine.letters[0]
        assert letter.raw == "poison"
        assert letter.origin.startswith(f"{topic}/")
    async with next_life(live, given) as last:
        await last.connected()
        await pulsar.publish(topic, *objects(111))
        await last.until(lambda: len(last.texts()) >= 311, "the third life")
        assert len(last.texts()) == 311


async def test_what_is_durable_is_acknowledged_and_nothing_else(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    await pulsar.publish(topic, *objects(1, 2, 3))
    given = {"broker_url": pulsar.url, "topic": topic, "data_type": "json"}
    async with Live("pulsar", given) as live:
        live.engine.refuse = lambda _body: EngineUnavailable("away")
        assert await live.refused() == "away"
        assert backlog(pulsar, topic) == 1  # one entry holds all three
        live.engine.refuse = lambda _body: None
        await live.until(lambda: numbers(live) == [1, 2, 3], "the messages")
    await live.until(lambda: backlog(pulsar, topic) == 0, "the acknowledgement")


async def test_a_source_that_has_no_room_lets_the_broker_wait(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    given = {"broker_url": pulsar.url, "topic": topic, "receiver_queue_size": 50}
    many = [b'{"a":%d,"text":"%s"}' % (at, b"x" * 10_000) for at in range(3_000)]
    async with Live("pulsar", given) as live:
        live.engine.gate = asyncio.Event()
        await live.connected()
        await pulsar.publish(topic, *many)
        path = f"{topic.replace('://', '/')}/stats"

        def given_out() -> int:
            found = pulsar.admin("GET", path)["subscriptions"]["timeplus-source-id1"]
            return int(found["msgOutCounter"])

        await live.until(lambda: given_out() > 500, "messages")
        await asyncio.sleep(0.5)
        # 8 MiB wait for the engine, as much is on its way, and what the client holds.
        assert given_out() < 2_500
        live.engine.gate.set()
        await live.until(lambda: len(live.texts()) == 3_000, "all of them")


async def test_a_shared_subscription_takes_what_another_gives_back(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    given = {
        "broker_url": pulsar.url, "topic": topic, "subscription": "team",
        "subscription_type": "shared",
    }  # fmt: skip
    async with pulsar.client() as client:
        other = await client.subscribe(
            topic, "team", consumer_type=library.ConsumerType.Shared, receiver_queue_size=10,
            initial_position=library.InitialPosition.Earliest,
        )  # fmt: skip
        async with Live("pulsar", given) as live:
            await live.connected()
            for number in range(100):
                await pulsar.publish(topic, *objects(number))
            async with asyncio.timeout(20):
                held = {(await other.receive()).data() for _ in range(5)}
            await live.until(lambda: len(live.texts()) >= 50, "its share")
            before = len(live.texts())
            assert before < 100
            await other.close()  # what it did not acknowledge goes to the source, late
            await live.until(lambda: len(live.texts()) >= 100, "what was given back")
            assert numbers(live) == list(range(100))
            assert held <= {text.encode() for text in live.texts()[before:]}


async def test_a_topic_that_is_made_anew_is_read_from_its_beginning(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    await pulsar.publish(topic, *objects(*range(50)))
    given = {"broker_url": pulsar.url, "topic": topic}
    async with Live("pulsar", given) as live:
        await live.until(lambda: len(live.texts()) == 50, "the first topic")
        await asyncio.to_thread(
            pulsar.admin, "DELETE", f"{topic.replace('://', '/')}?force=true"
        )  # fmt: skip
        await pulsar.publish(topic, *objects(*range(100, 110)))
        await live.until(lambda: len(live.texts()) >= 60, "the second topic")
        assert numbers(live) == [*range(50), *range(100, 110)]


async def test_latest_begins_when_the_source_first_connects(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic(2)
    await pulsar.publish(topic, b"before")
    given = {
        "broker_url": pulsar.url, "topic": topic, "offset": "latest", "data_type": "text",
    }  # fmt: skip
    async with Live("pulsar", given) as live:
        await live.connected()
    await pulsar.publish(topic, b"while it was stopped")
    async with next_life(live, given) as again:
        await again.until(lambda: bool(again.texts()), "the message")
        assert again.texts() == ["while it was stopped"]


async def test_a_preview_leaves_nothing_behind(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic(2)
    await pulsar.publish(topic, *objects(*range(20)))
    around = Surroundings(_no_engine, SystemClock(), private=True)
    given = {"broker_url": pulsar.url, "topic": topic}
    command = control.Preview("pulsar", given, 5, 10_000)
    assert await preview.preview(command, around) == [{"a": number} for number in range(5)]
    for partition in range(2):
        path = f"{topic.replace('://', '/')}-partition-{partition}/subscriptions"
        assert [n for n in pulsar.admin("GET", path) if n.startswith("timeplus")] == []


async def _no_engine(_: str) -> Any:
    raise EngineUnavailable("none")


async def test_tokens(pulsar: Pulsar, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = pulsar.new_topic()
    await pulsar.publish(topic, *objects(1))
    given = {"broker_url": pulsar.url, "topic": topic, "auth_type": "token"}
    async with Live("pulsar", {**given, "auth_params": pulsar.token("reader")}) as live:
        await live.until(lambda: numbers(live) == [1], "the message")
        consumers = pulsar.admin("GET", f"{topic.replace('://', '/')}/stats")["subscriptions"]
        assert "timeplus-source-id1" in consumers
    monkeypatch.setattr(pulsar_connection, "REPLY_SECONDS", 1)
    foreign = pulsar.token().rpartition(".")[0] + "." + "A" * 43
    async with Live("pulsar", {**given, "auth_params": foreign}) as live:
        message = await live.refused()
    assert "sign-in that it does not take" in message
    assert foreign not in str(live.runner.log.newest(9))


async def test_access_tokens_of_an_issuer(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    await pulsar.publish(topic, *objects(1))
    async with hostile() as server:
        issuer = {"issuer_url": server.url, "audience": "urn:pulsar", "scope": "read"}

        def answer(request: Received) -> Reply:
            if request.method == "GET":
                assert request.path == "/.well-known/openid-configuration"
                body: dict[str, Any] = {"token_endpoint": f"{server.url}/token"}
            else:
                body = {"access_token": pulsar.token("app"), "expires_in": 3600}
            return Reply(body=msgspec.json.encode(body))

        server.answering = answer
        key = base64.b64encode(b'{"client_id":"me","client_secret":"s3cret","type":"x"}').decode()
        given = {
            "broker_url": pulsar.url, "topic": topic, "auth_type": "oauth2",
            "auth_params": msgspec.json.encode(
                {**issuer, "private_key": pulsar_sign_in.KEY_PREFIX + key}
            ).decode(),
        }  # fmt: skip
        async with Live("pulsar", given) as live:
            await live.until(lambda: numbers(live) == [1], "the message")
        asked = parse_qs(server.received[1].body.decode())
        assert (asked["audience"], asked["scope"]) == (["urn:pulsar"], ["read"])
        assert base64.b64decode(server.received[1].headers["authorization"][6:]) == b"me:s3cret"
        server.answering = lambda _: Reply(status=500)
        async with Live("pulsar", given) as live:
            assert "no access token. The issuer 127.0.0.1 answered" in await live.refused()


async def test_tls(pulsar: Pulsar, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = pulsar.new_topic()
    await pulsar.publish(topic, *objects(1))
    given: dict[str, Any] = {"broker_url": pulsar.tls_url, "topic": topic}
    async with Live("pulsar", given) as live:
        assert "certificate verify failed" in await live.refused()
    async with Live("pulsar", {**given, "tls.skip_verify_server": True}) as live:
        await live.until(lambda: numbers(live) == [1], "the message")
    monkeypatch.setenv("SSL_CERT_FILE", str(pulsar.certificates.authority))
    assert ssl.get_default_verify_paths().cafile == str(pulsar.certificates.authority)
    async with Live("pulsar", {**given, "subscription": "trusting"}) as live:
        await live.until(lambda: numbers(live) == [1], "the message")


async def test_a_broker_that_is_away_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    away = {"broker_url": "pulsar://127.0.0.1:1", "topic": "t"}
    async with Live("pulsar", away) as live:
        assert await live.refused() == (
            "Pulsar at pulsar://127.0.0.1:1 cannot be used: Connection refused."
        )
    async with Live("pulsar", away, private=False) as live:
        assert "allow_private_networks" in await live.refused()
    monkeypatch.setitem(sys.modules, "pulsar.asyncio", None)
    async with Live("pulsar", away) as live:
        assert "install tailrace[pulsar]" in await live.refused()


async def test_the_connection_is_checked_step_by_step(pulsar: Pulsar) -> None:
    given = {"broker_url": pulsar.url, "topic": pulsar.new_topic(2)}
    assert await _steps(given) == [
        ("address", True, ""), ("connection", True, ""), ("client", True, ""),
        ("topic", True, "2 partitions"),
    ]  # fmt: skip
    steps = await _steps({**given, "topic": "persistent://nobody/nothing/t"})
    assert [(name, ok) for name, ok, _ in steps][2:] == [("client", True), ("topic", False)]
    steps = await _steps({**given, "broker_url": "127.0.0.1:1"})
    assert steps[-1][:2] == ("connection", False)


async def _steps(given: dict[str, Any]) -> list[tuple[str, bool, str]]:
    config = properties.parse(pulsar_source.Config, given)
    context = SourceContext("id1", SystemClock(), asyncio.sleep, private=True)
    source = PulsarSource(config, context)
    return [(step.name, step.ok, step.message) async for step in source.check()]


ISSUER = '{"issuer_url":"https://i.example.org","client_id":"me","client_secret":"s3cret"'


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"broker_url": None}, "broker_url"),
        ({"broker_url": "http://x"}, "pulsar://"),
        ({"broker_url": "pulsar://user:s3cret@x"}, "holds a user"),
        ({"broker_url": "pulsar://x:0"}, "addresses such as"),
        ({"broker_url": "pulsar://x,"}, "addresses such as"),
        ({"topic": ""}, "topic"),
        ({"topic": "non-persistent://public/default/t"}, "persistent"),
        ({"auth_type": "basic"}, "auth_type"),
        ({"auth_type": "token"}, "auth_params"),
        ({"auth_type": "token", "auth_params": "file:///etc/passwd"}, "not the name of a file"),
        ({"auth_type": "token", "auth_params": '{"s3cret":1}'}, "no 'token'"),
        ({"auth_type": "oauth2", "auth_params": "s3cret"}, "JSON object"),
        ({"auth_type": "oauth2", "auth_params": '{"issuer_url":"https://x"}'}, "client_secret"),
        ({"auth_type": "oauth2", "auth_params": ISSUER.replace("https", "file") + "}"}, "https"),
        (
            {"auth_type": "oauth2", "auth_params": ISSUER + ',"private_key":"/etc/passwd"}'},
            "files are not read",
        ),
        ({"subscription_type": "s"}, "subscription_type"),
        ({"receiver_queue_size": 0}, "receiver_queue_size"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], word: str) -> None:
    given = {"broker_url": "pulsar://host:6650", "topic": "t", **change}
    with pytest.raises(UserError, match=word) as caught:
        properties.parse(pulsar_source.Config, given)
    assert "s3cret" not in caught.value.message


def test_the_defaults_and_the_forms_that_are_taken() -> None:
    given = {"broker_url": "one, two:7000", "topic": "t", "auth_type": "", "auth_params": ""}
    config = properties.parse(pulsar_source.Config, given)
    assert config.url() == "pulsar://one:6650,two:7000"
    assert (config.offset, config.data_type) == ("earliest", "json")
    assert (config.subscription_type, config.receiver_queue_size) == ("exclusive", 1_000)
    secure = properties.parse(pulsar_source.Config, {**given, "broker_url": "pulsar+ssl://[::1]"})
    assert secure.url() == "pulsar+ssl://[::1]:6651"
    assert properties.secret_names(pulsar_source.Config) == {"auth_params"}
    assert {
        pulsar_sign_in.token_of(text) for text in ("t.o.k", "token:t.o.k", ' {"token":"t.o.k"}')
    } == {"t.o.k"}
