"""Positions of Pulsar sources: what comes again is dropped, and nothing else."""

from __future__ import annotations

import random
from dataclasses import dataclass

from connectors import pulsar_positions
from connectors.pulsar_channels import Place, Received
from connectors.pulsar_positions import PulsarPositions, batch_size

OF = ([("host", 6650)], "t", "s")


@dataclass
class Id:
    """An id as the client serializes it."""

    place: Place
    size: int

    def serialize(self) -> bytes:
        """Ledger, entry, then of a batch the place in it and its size."""
        found = b"\x08" + _number(self.place.ledger) + b"\x10" + _number(self.place.entry)
        if self.place.batch < 0:
            return found
        return found + b"\x18\x02\x20" + _number(self.place.batch) + b"\x30" + _number(self.size)


@dataclass
class Raw:
    """The client's message."""

    id: Id

    def message_id(self) -> Id:
        """Its id."""
        return self.id


def _number(value: int) -> bytes:
    head = bytes([value & 127 | (128 if value > 127 else 0)])
    return head + _number(value >> 7) if value > 127 else head


def message(
    ledger: int, entry: int, batch: int = -1, size: int = 1, at: int = 1_000, partition: int = 0
) -> Received:
    place = Place(ledger, entry, batch)
    data = b"%d:%d:%d" % place
    return Received(partition, place, at, data, Raw(Id(place, size)))


def taken(positions: PulsarPositions, *messages: Received) -> list[bytes]:
    return list(positions.batch(messages, "lines", 0.0).messages)


def reopened(saved: dict[str, bytes], ordered: bool = True) -> PulsarPositions:
    return PulsarPositions(saved, *OF, ordered=ordered)


def test_the_size_of_a_batch_is_in_the_id() -> None:
    assert batch_size(Id(Place(300, 70_000, 4), 1_000).serialize()) == 1_000
    assert batch_size(Id(Place(300, 70_000, -1), 0).serialize()) == 1
    assert batch_size(b"\x08\x01\x10\x02\x2a\x03abc\x30\x05") == 5


def test_in_order_all_up_to_the_last_place_is_known() -> None:
    first = PulsarPositions({}, *OF, ordered=True)
    batch = first.batch([message(1, 0, 0), message(1, 0, 1), message(1, 1)], "lines", 0.0)
    assert list(batch.messages) == [b"1:0:0", b"1:0:1", b"1:1:-1"]
    assert batch.origin is not None
    assert batch.origin(1) == "t/0@1:0:1"
    assert list(batch.token) == [0]  # type: ignore[call-overload]
    again = reopened(dict(batch.saved))
    come = [
        message(1, 0, 1),
        message(1, 1),
        message(1, 2),
        message(2, 0),
        message(1, 0, partition=1),
    ]
    assert taken(again, *come) == [b"1:2:-1", b"2:0:-1", b"1:0:-1"]
    known = again.batch([message(1, 2)], "lines", 0.0)
    assert (list(known.messages), dict(known.saved)) == ([], {})
    assert known.token  # it is acknowledged


def test_a_cluster_that_begins_anew_is_told_by_the_time_of_publication() -> None:
    for ordered in (True, False):
        first = PulsarPositions({}, *OF, ordered=ordered)
        saved = dict(first.batch([message(9, at, at=1_000) for at in range(5)], "lines", 0.0).saved)
        late = reopened(saved, ordered)
        assert taken(late, message(9, 4, at=1_000)) == []
        assert taken(late, message(9, 3, at=1_001), message(9, 4, at=1_001)) == [
            b"9:3:-1", b"9:4:-1",
        ]  # fmt: skip
        assert taken(late, message(9, 3, at=1_001)) == []


def test_what_is_shared_may_come_in_any_order_and_in_parts_of_batches() -> None:
    chance = random.Random(4)
    all_ = [message(ledger, entry, batch, 5) for ledger in (3, 4) for entry in range(20)
            for batch in range(5)]  # fmt: skip
    chance.shuffle(all_)
    saved: dict[str, bytes] = {}
    found: list[bytes] = []
    for begin in range(0, len(all_), 30):
        positions = reopened(saved, ordered=False)  # a new life each time
        again = chance.sample(all_[:begin], min(begin, 40))
        piece = [*again, *all_[begin : begin + 30]]
        batch = positions.batch(piece, "lines", 0.0)
        found += batch.messages
        saved |= batch.saved
    assert sorted(found) == sorted(one.data or b"" for one in all_)
    assert len(found) == len(all_)
    whole = len(next(iter(saved.values())))
    assert whole < 40  # two ledgers, one range each


def test_what_is_kept_of_a_shared_partition_is_bounded() -> None:
    positions = PulsarPositions({}, *OF, ordered=False)
    most = pulsar_positions.RANGES_MAX
    others = [message(1, 2 * at) for at in range(3 * most)]  # each second entry is another's
    parts = [message(2, at, 0, 2) for at in range(most)]
    saved = dict(positions.batch([*others, *parts], "lines", 0.0).saved)
    assert len(next(iter(saved.values()))) < 40_000
    again = reopened(saved, ordered=False)
    assert taken(again, others[-1], parts[-1]) == []
    assert len(taken(again, others[0], parts[0])) == 2  # twice rather than never
    late = [message(1, 2 * at + 1) for at in range(3 * most)]
    assert len(taken(again, *late)) == len(late)


def test_what_is_kept_of_all_partitions_together_is_bounded() -> None:
    positions = PulsarPositions({}, *OF, ordered=False)
    others = [message(1, 9 * at, partition=p) for p in range(100) for at in range(800)]
    parts = [message(2, at, 2 * n, 99, partition=100) for at in range(500) for n in range(40)]
    one = message(1, 1, partition=101)
    saved = dict(positions.batch([one, *others, *parts], "lines", 0.0).saved)
    size = len(next(iter(saved.values())))
    assert pulsar_positions.RECORD_BYTES_MAX // 3 < size <= pulsar_positions.RECORD_BYTES_MAX
    again = reopened(saved, ordered=False)
    newest = [message(1, 9 * 799, partition=p) for p in range(100)]
    assert taken(again, one, *newest, parts[-1]) == []
    assert len(taken(again, others[0], parts[0])) == 2  # twice rather than never


def test_records_of_another_subscription_go() -> None:
    saved = dict(PulsarPositions({}, *OF, ordered=True).batch([message(5, 5)], "lines", 0).saved)
    other = PulsarPositions(saved, *OF[:2], "other", ordered=True)
    batch = other.batch([message(5, 5)], "lines", 0.0)
    assert list(batch.messages) == [b"5:5:-1"]
    assert sorted(map(bool, batch.saved.values())) == [False, True]
    assert list(other.batch([message(5, 6)], "lines", 0.0).saved) == [
        key for key, value in batch.saved.items() if value
    ]


def test_a_deletion_mark_holds_no_row_as_json() -> None:
    mark = message(1, 1)._replace(data=None)
    positions = PulsarPositions({}, *OF, ordered=True)
    batch = positions.batch([message(1, 0), mark], "streaming", 0.0)
    assert list(batch.messages) == [b"1:0:-1"]
    assert taken(positions, mark) == []
