"""How far sources of brokers have read: what comes again is dropped, other topics are others."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nats.aio.msg import Msg

from connectors import jetstream_positions, registry
from connectors.guarantees import SOURCES
from connectors.jetstream_positions import JetStreamPositions
from connectors.kafka_positions import KafkaPositions
from connectors.messages import pieces


def records(*offsets: int, value: bytes | None = b"{}") -> list[Any]:
    return [SimpleNamespace(offset=offset, value=value, timestamp=7) for offset in offsets]


def messages(*sequences: int) -> list[Any]:
    """As the client makes them, with both forms of the subject for the answer, in turn."""
    forms = ("$JS.ACK.s.c.1.{}.7.{}.0", "$JS.ACK._.hash.s.c.1.{}.7.{}.0.random")
    return [
        Msg(
            _client=cast("Any", None),
            data=b"%d" % sequence,
            reply=forms[sequence % 2].format(sequence, 100 * 1_000_000_000),
        )
        for sequence in sequences
    ]


def test_offsets_go_on_where_the_stored_rows_end() -> None:
    partition = SimpleNamespace(topic="t", partition=3)
    first = KafkaPositions({}, "b", "t", "g")
    batch = first.batch(partition, records(4, 5, 9), "streaming", 0.0)
    assert batch is not None and batch.origin is not None
    assert (len(batch.messages), batch.token) == (3, (partition, 10))
    assert re.fullmatch(r"t/3@9:[0-9a-f]{8}", batch.origin(2))
    second = KafkaPositions(batch.saved, "b", "t", "g")
    assert second.next(3) == 10
    assert second.batch(partition, records(5, 9), "streaming", 0.0) is None
    again = second.batch(partition, records(9, 10, 11), "streaming", 0.0)
    assert again is not None and len(again.messages) == 2
    assert KafkaPositions(again.saved, "b", "t", "g").next(3) == 12


def test_records_without_a_value_move_the_position_and_hold_no_json() -> None:
    partition = SimpleNamespace(topic="t", partition=0)
    positions = KafkaPositions({}, "t")
    batch = positions.batch(partition, records(1, 2, value=None), "streaming", 0.0)
    assert batch is not None
    assert (list(batch.messages), batch.token) == ([], (partition, 3))
    text = positions.batch(partition, records(3, value=None), "lines", 0.0)
    assert text is not None
    assert list(text.messages) == [b""]


def test_positions_of_another_topic_are_not_taken_and_go() -> None:
    partition = SimpleNamespace(topic="t", partition=0)
    old = KafkaPositions({}, "old").batch(partition, records(7), "lines", 0.0)
    assert old is not None
    positions = KafkaPositions(old.saved, "new")
    assert positions.next(0) is None
    batch = positions.batch(partition, records(1), "lines", 0.0)
    assert batch is not None
    assert [batch.saved[key] for key in old.saved] == [b""]
    assert KafkaPositions(batch.saved, "new").next(0) == 2


def test_the_position_of_many_partitions_is_one_record() -> None:
    positions = KafkaPositions({}, "t")
    for number in range(1_000):
        partition = SimpleNamespace(topic="t", partition=number)
        batch = positions.batch(partition, records(10**9), "lines", 0.0)
    assert batch is not None
    assert len(batch.saved) == 1
    assert len(b"".join(batch.saved.values())) < 16_000


def test_a_partition_that_begins_before_its_place_is_another() -> None:
    partition = SimpleNamespace(topic="t", partition=0)
    positions = KafkaPositions({}, "t")
    assert not positions.is_behind(0, records(7))
    positions.batch(partition, records(7), "lines", 0.0)
    assert not positions.is_behind(0, records(8))
    assert positions.is_behind(0, records(0, 1))


async def test_sequences_that_come_again_are_acknowledged_and_not_stored() -> None:
    first = JetStreamPositions({}, "s", "made", "c")
    batch = await first.batch(messages(5, 7, 6), "streaming", 0.0)
    assert list(batch.messages) == [b"5", b"7", b"6"]
    second = JetStreamPositions(batch.saved, "s", "made", "c")
    come = messages(6, 8, 7)
    again = await second.batch(come, "streaming", 0.0)
    assert (list(again.messages), again.token) == ([b"8"], come)
    assert again.origin is not None and re.fullmatch(r"s@8:[0-9a-f]{8}", again.origin(0))
    none = await second.batch(messages(5), "streaming", 0.0)
    assert (list(none.messages), dict(none.saved)) == ([], {})
    second.acknowledged(20)
    third = await second.batch(messages(3, 20, 21), "streaming", 0.0)
    assert list(third.messages) == [b"21"]
    assert len(second) == 1
    anew = JetStreamPositions(again.saved, "s", "made later", "c")
    both = await anew.batch(messages(5, 6), "streaming", 0.0)
    assert len(both.messages) == 2


async def test_a_stream_that_was_made_anew_meanwhile_is_noticed() -> None:
    positions = JetStreamPositions({}, "s")
    positions.since_ms = 100_000
    await positions.batch(messages(5), "streaming", 0.0)
    come = messages(5)
    await positions.batch(come, "streaming", 0.0)
    assert not positions.made_anew  # it is as old as the stream that was looked at
    assert come[0].data == b""
    positions.since_ms = 99_000
    await positions.batch(messages(5), "streaming", 0.0)
    assert positions.made_anew


async def test_letters_of_a_stream_or_topic_made_anew_are_others() -> None:
    partition = SimpleNamespace(topic="t", partition=0)
    found = set()
    for key, time in (("old", 7), ("old", 7), ("new", 7), ("new", 8)):
        come = records(5)
        come[0].timestamp = time
        kafka = KafkaPositions({}, key).batch(partition, come, "lines", 0.0)
        stream = await JetStreamPositions({}, "s", key).batch(messages(5), "lines", 0.0)
        assert kafka is not None and kafka.origin is not None and stream.origin is not None
        found |= {kafka.origin(0), stream.origin(0)}
    assert len(found) == 3 + 2


def test_messages_are_handed_over_in_pieces() -> None:
    found = list(pieces([b"a" * (3 << 20), b"b" * (2 << 20), b"c", b"d" * (9 << 20), b"e"], len))
    assert [[each[:1] for each in piece] for piece in found] == [
        [b"a"],
        [b"b", b"c"],
        [b"d"],
        [b"e"],
    ]
    assert list(pieces([], len)) == []


def test_each_source_says_what_it_promises() -> None:
    assert {name: spec.guarantee for name, spec in registry.sources().items()} == SOURCES


async def test_batches_beside_very_many_ranges_are_not_made_in_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jetstream_positions, "HERE_RANGES_MAX", 3)
    threads: list[int] = []
    in_stream = jetstream_positions.in_stream

    def watched(message: Any) -> int:
        threads.append(threading.get_ident())
        return in_stream(message)

    monkeypatch.setattr(jetstream_positions, "in_stream", watched)
    positions = JetStreamPositions({}, "s")
    await positions.batch(messages(1, 3, 5), "streaming", 0.0)
    await positions.batch(messages(7), "streaming", 0.0)
    batch = await positions.batch(messages(7, 9), "streaming", 0.0)
    assert list(batch.messages) == [b"9"]
    here = [each == threading.get_ident() for each in threads]
    assert here == [True, True, True, True, False, False]
