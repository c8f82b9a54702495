"""How far sources of brokers have read: what comes again is dropped, other topics are others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from connectors import registry
from connectors.guarantees import SOURCES
from connectors.jetstream_positions import JetStreamPositions
from connectors.kafka_positions import KafkaPositions


def records(*offsets: int, value: bytes | None = b"{}") -> list[Any]:
    return [SimpleNamespace(offset=offset, value=value) for offset in offsets]


def messages(*sequences: int) -> list[Any]:
    return [
        SimpleNamespace(
            data=b"%d" % sequence,
            metadata=SimpleNamespace(sequence=SimpleNamespace(stream=sequence)),
        )
        for sequence in sequences
    ]


def test_offsets_go_on_where_the_stored_rows_end() -> None:
    partition = SimpleNamespace(topic="t", partition=3)
    first = KafkaPositions({}, "b", "t", "g")
    batch = first.batch(partition, records(4, 5, 9), "streaming", 0.0)
    assert batch is not None and batch.origin is not None
    assert (len(batch.messages), batch.token, batch.origin(2)) == (3, (partition, 10), "t/3@9")
    second = KafkaPositions(batch.saved, "b", "t", "g")
    assert second.next(3) == 10
    assert second.batch(partition, records(5, 9), "streaming", 0.0) is None
    again = second.batch(partition, records(9, 10, 11), "streaming", 0.0)
    assert again is not None and len(again.messages) == 2
    assert list(again.saved.values()) == [b"12"]


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
    assert sorted(batch.saved.values()) == [b"", b"2"]
    assert set(old.saved) < set(batch.saved)


def test_sequences_that_come_again_are_acknowledged_and_not_stored() -> None:
    first = JetStreamPositions({}, "s", "made", "c")
    batch = first.batch(messages(5, 7, 6), "streaming", 0.0)
    assert list(batch.messages) == [b"5", b"7", b"6"]
    second = JetStreamPositions(batch.saved, "s", "made", "c")
    come = messages(6, 8, 7)
    again = second.batch(come, "streaming", 0.0)
    assert (list(again.messages), again.token) == ([b"8"], come)
    assert again.origin is not None and again.origin(0) == "s@8"
    none = second.batch(messages(5), "streaming", 0.0)
    assert (list(none.messages), dict(none.saved)) == ([], {})
    second.acknowledged(20)
    assert list(second.batch(messages(3, 20, 21), "streaming", 0.0).messages) == [b"21"]
    assert len(second) == 1
    anew = JetStreamPositions(again.saved, "s", "made later", "c")
    assert len(anew.batch(messages(5, 6), "streaming", 0.0).messages) == 2


def test_each_source_says_what_it_promises() -> None:
    assert {name: spec.guarantee for name, spec in registry.sources().items()} == SOURCES
