"""Sink pulsar against a real broker: what messages hold, their order, what comes twice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from live_sink import ID, LiveSink

from connectors import properties, pulsar_connection, registry
from connectors.sinks import pulsar as pulsar_sink
from engine.errors import UserError
from tests.services.pulsar import Pulsar, pulsar

__all__ = ["pulsar"]  # the fixture, for the tests here


def numbers(messages: list[Any]) -> list[int]:
    """The rows, in the order of the topic."""
    return [msgspec.json.decode(message.data())["n"] for message in messages]


async def test_rows_are_messages_in_order_with_their_event_ids(pulsar: Pulsar) -> None:
    given = {"broker_url": pulsar.url, "topic": pulsar.new_topic(), "batch_count": 10}
    async with LiveSink("pulsar", given) as live:
        live.rows(*[[number, "x"] for number in range(25)])
        live.rows(*[[number, "ä"] for number in range(25, 30)])
        await live.delivered(30)
        epoch = live.engine.hidden[live.owner].records["epoch"].decode()
    found = await pulsar.messages(given["topic"])
    assert numbers(found) == list(range(30))
    assert found[3].data() == b'{"n":3,"text":"x"}'
    assert found[3].properties() == {"X-Event-Id": f"{ID}-{epoch}-0-3"}
    assert found[29].properties() == {"X-Event-Id": f"{ID}-{epoch}-1-4"}
    assert found[29].producer_name() == f"tailrace-{ID}-{epoch}"


async def test_rows_of_an_append_are_in_one_partition_in_order(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic(3)
    async with LiveSink("pulsar", {"broker_url": pulsar.url, "topic": topic}) as live:
        for append in range(6):
            live.rows(*[[append * 100 + number, "x"] for number in range(50)])
        await live.delivered(300)
    for partition in range(3):
        found = numbers(await pulsar.messages(f"{topic}-partition-{partition}"))
        assert found == [
            append * 100 + number for append in (partition, partition + 3) for number in range(50)
        ]


async def test_a_broker_that_drops_repeats_has_each_row_once(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic(deduplicates=True)
    given = {"broker_url": pulsar.url, "topic": topic, "batch_count": 7}
    first = LiveSink("pulsar", given)
    async with first as live:
        live.rows(*[[number, "x"] for number in range(12)])
        live.rows(*[[number, "x"] for number in range(12, 20)])
        await live.delivered(20)
    # The process died before the position was stored: all rows are read again, and more.
    hidden = first.engine.hidden[first.owner]
    hidden.position = type(hidden.position)()
    again = LiveSink("pulsar", {**given, "batch_count": 11})
    again.engine = first.engine
    async with again as live:
        live.rows(*[[number, "x"] for number in range(20, 30)])
        await live.delivered(30)
    assert numbers(await pulsar.messages(topic)) == list(range(30))


async def test_a_row_that_the_broker_does_not_take_is_a_letter(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    async with LiveSink("pulsar", {"broker_url": pulsar.url, "topic": topic}) as live:
        live.rows([1, "x"], [2, "x" * 6_000_000], [3, "x"])
        await live.delivered(3)
        await live.until(lambda: bool(live.letters), "letter")
        assert live.letters == ["The broker takes no message of 6000017 bytes."]
    assert numbers(await pulsar.messages(topic)) == [1, 3]


async def test_alerts_have_properties_of_the_incident(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    given = {"broker_url": pulsar.url, "topic": topic}
    async with LiveSink("pulsar", given, alert="too hot") as live:
        live.rows([1, "x"])
        await live.delivered(1)
    (found,) = [message.properties() for message in await pulsar.messages(topic)]
    assert found["X-Alert-Status"] == "triggered"
    assert found["X-Event-Id"] == f"{found['X-Incident-Id']}-triggered"


async def test_rows_wait_for_a_broker_that_hangs_and_none_is_missing(
    pulsar: Pulsar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulsar_connection, "REPLY_SECONDS", 1)
    topic = pulsar.new_topic()
    async with LiveSink("pulsar", {"broker_url": pulsar.url, "topic": topic}) as live:
        live.rows([1, "x"])
        await live.delivered(1)
        pulsar.pause()
        try:
            live.rows(*[[number, "x"] for number in range(2, 10)])
            assert "Pulsar did not take the rows: Timeout" in await live.refused()
        finally:
            pulsar.resume()
        await live.delivered(9)
        assert live.letters == []
    found = numbers(await pulsar.messages(topic))
    assert sorted(set(found)) == list(range(1, 10))
    # What came twice is in order each time.
    assert found[:9] == list(range(1, 10))


async def test_a_broker_that_is_away_is_a_message_and_rows_wait() -> None:
    away = {"broker_url": "pulsar://127.0.0.1:1", "topic": "t"}
    async with LiveSink("pulsar", away) as live:
        live.rows([1, "x"])
        assert "Pulsar at pulsar://127.0.0.1:1 cannot be used" in await live.refused()
        assert live.letters == []
    async with LiveSink("pulsar", away, private=False) as live:
        assert "allow_private_networks" in await live.refused()


def test_properties() -> None:
    given = {"broker_url": "pulsar://host", "topic": "t"}
    config = properties.parse(pulsar_sink.Config, given)
    assert (config.batch_count, config.data_type) == (1_000, "json")
    assert (config.topic, config.auth_type) == ("t", "")
    assert registry.sink("pulsar").guarantee == "at least once"
    assert properties.secret_names(pulsar_sink.Config) == {"auth_params"}
    for change in ({"batch_count": 0}, {"batch_count": 20_000}, {"data_type": "avro"}):
        with pytest.raises(UserError, match=next(iter(change))):
            properties.parse(pulsar_sink.Config, {**given, **change})
