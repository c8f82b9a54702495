"""Which messages of a Pulsar subscription are stored and may come again, kept with their rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from connectors.contract import SourceBatch
from connectors.pulsar_channels import Received
from connectors.saved_record import SavedRecord
from connectors.sequences import Sequences
from engine.source_appends import SourceFormat

log = logging.getLogger("tailrace.connectors")

# Of a partition that is shared with other consumers: what lies further back is forgotten, so that
# the record stays small; it may come twice then, but is never lost.
RANGES_MAX: Final = 4_000
# Of all partitions together (of more than 1,000 some bytes each): it is made and stored with every
# batch. What is above is cut to less, so that not each batch has to cut.
RECORD_BYTES_MAX: Final = 32 << 10
_CUT: Final = 0.75
_encode = msgspec.msgpack.Encoder().encode


class _MarkRecord(msgspec.Struct, array_like=True, frozen=True):
    newest_ms: int = 0
    place: tuple[int, int, int] = (-1, -1, -1)


class _SharedRecord(msgspec.Struct, array_like=True, frozen=True):
    newest_ms: int = 0
    entries: dict[int, bytes] = {}
    parts: dict[int, dict[int, bytes]] = {}


class _Mark:
    """Messages of a partition that come in order: all up to the last one that was handed over.

    It lies above the mark-delete position, from which the broker begins again.
    """

    def __init__(self, record: _MarkRecord) -> None:
        self.newest_ms = record.newest_ms
        self._place: tuple[int, int, int] = record.place

    def __contains__(self, message: Received) -> bool:
        return message.place <= self._place

    def add(self, message: Received) -> None:
        self._place = message.place

    def encoded(self) -> bytes:
        return _encode(_MarkRecord(self.newest_ms, self._place))

    def cut(self, size: int) -> None:
        """It has always some 20 bytes."""


class _Shared:
    """Messages of a partition that others read too: entries as ranges, by ledger, and of entries
    (batches of a producer) that were handed over in part the numbers of the messages in them.

    A mark would not do: a message that another consumer gave back comes late.
    """

    def __init__(self, record: _SharedRecord) -> None:
        self.newest_ms = record.newest_ms
        self._encoded = b""  # until something is added: most batches change few partitions
        self._entries = {at: Sequences.decoded(data) for at, data in record.entries.items()}
        self._parts = {
            (ledger, entry): Sequences.decoded(data)
            for ledger, found in record.parts.items()
            for entry, data in found.items()
        }

    def __contains__(self, message: Received) -> bool:
        ledger, entry, batch = message.place
        if ledger in self._entries and entry in self._entries[ledger]:
            return True
        part = self._parts.get((ledger, entry))
        return part is not None and batch in part

    def add(self, message: Received) -> None:
        self._encoded = b""
        ledger, entry, batch = message.place
        if batch >= 0:
            part = self._parts.setdefault((ledger, entry), Sequences())
            part.add(batch)
            if part.ranges() != [(0, batch_size(message.raw.message_id().serialize()) - 1)]:
                return
            del self._parts[ledger, entry]
        self._entries.setdefault(ledger, Sequences()).add(entry)

    def encoded(self) -> bytes:
        """Its record, without what lies too far back."""
        if not self._encoded:
            self._forget(RANGES_MAX)
            self._encoded = _encode(self._record())
        return self._encoded

    def cut(self, size: int) -> None:
        """Forget what lies furthest back, so that the record has about so many bytes."""
        while len(self.encoded()) > size and (ranges := self._ranges()) > 1:
            self._forget(max(1, int(ranges * min(size / len(self._encoded), _CUT))))
            self._encoded = _encode(self._record())

    def _record(self) -> _SharedRecord:
        parts: dict[int, dict[int, bytes]] = {}
        for (ledger, entry), found in self._parts.items():
            parts.setdefault(ledger, {})[entry] = found.encoded()
        entries = {ledger: found.encoded() for ledger, found in self._entries.items()}
        return _SharedRecord(self.newest_ms, entries, parts)

    def _ranges(self) -> int:
        """How many it has; an entry that was handed over in part is one and has some."""
        parts = sum(map(len, self._parts.values())) + len(self._parts)
        return sum(map(len, self._entries.values())) + parts

    def _forget(self, most: int) -> None:
        """What lies furthest back, beyond so many ranges; parts of entries are at most half."""
        over = self._ranges() - most
        if over <= 0:
            return
        parts = sum(map(len, self._parts.values())) + len(self._parts)
        for place in sorted(self._parts):
            if parts <= most // 2:
                break
            weight = len(self._parts.pop(place)) + 1
            parts -= weight
            over -= weight
        for ledger in sorted(self._entries):
            if over <= 0:
                return
            ranges = self._entries.pop(ledger).ranges()
            if len(ranges) > over:
                self._entries[ledger] = Sequences(ranges[over:])
            over -= len(ranges)


def batch_size(id_: bytes) -> int:
    """How many messages the entry of a message has, from its id as Pulsar's clients keep it (a
    MessageIdData of Protobuf, whose field 6 it is; the client has no other way to ask for it)."""
    at, found = 0, 1
    while at < len(id_):
        tag, at = _number(id_, at)
        value, at = _number(id_, at)
        if tag & 7 == 2:  # bytes of that length
            at += value
        elif tag >> 3 == 6:
            found = value
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


class PulsarPositions:
    """What was handed over, by partition. Records of another topic, subscription or cluster are not
    taken for those of this one, and go with the next batch.

    Of a topic that was made anew no message is taken for one of the old: its ids are above those,
    or, of a cluster that begins anew too, it was published after the newest that was stored.
    """

    def __init__(self, saved: Mapping[str, bytes], *of: object, ordered: bool) -> None:
        """`of`: what the messages belong to: brokers, topic, subscription. `ordered`: those of a
        partition come in the order of their ids."""
        self._record = SavedRecord(saved, *of, ordered)
        self._topic = str(of[1])
        self._ordered = ordered
        data = self._record.stored
        self._known: dict[int, _Mark | _Shared] = {}
        if data and ordered:
            marks = msgspec.msgpack.decode(data, type=dict[int, _MarkRecord])
            self._known |= {at: _Mark(record) for at, record in marks.items()}
        elif data:
            shared = msgspec.msgpack.decode(data, type=dict[int, _SharedRecord])
            self._known |= {at: _Shared(record) for at, record in shared.items()}

    def batch(
        self, received: Sequence[Received], format_: SourceFormat, created: float
    ) -> SourceBatch:
        """The messages that were not handed over before; all are acknowledged with them.

        A message without a value is a deletion mark: as JSON it holds no row.
        """
        new = [message for message in received if self._is_new(message)]
        saved = self._record.written(_encode(self._records())) if new else {}
        kept = [m for m in new if m.data is not None or format_ != "streaming"]
        places = [(message.partition, message.place) for message in kept]
        return SourceBatch(
            [message.data or b"" for message in kept],
            created,
            format_,
            token=self._acknowledged(received),
            saved=saved,
            origin=lambda at: origin(self._topic, *places[at]),
        )

    def _records(self) -> dict[int, msgspec.Raw]:
        """One record of all: a topic may have thousands of partitions, some bytes each. The
        largest are cut when it is too large."""
        sizes = {at: len(known.encoded()) for at, known in self._known.items()}
        if sum(sizes.values()) > RECORD_BYTES_MAX:
            left = int(RECORD_BYTES_MAX * _CUT)
            rest = len(sizes)
            for at, size in sorted(sizes.items(), key=lambda each: each[1]):
                share = max(0, left) // rest  # what small ones leave is for the others
                if size > share:
                    self._known[at].cut(share)
                left -= min(size, share)
                rest -= 1
        return {at: msgspec.Raw(known.encoded()) for at, known in self._known.items()}

    def _is_new(self, message: Received) -> bool:
        """Whether it was not handed over; it is from now on."""
        at = message.partition
        known = self._known.get(at)
        if known is not None and message in known:
            if message.published_ms <= known.newest_ms:
                return False
            log.warning("topic %s was made anew: read from its beginning", self._topic)
            known = None
        if known is None:
            known = _Mark(_MarkRecord()) if self._ordered else _Shared(_SharedRecord())
            self._known[at] = known
        known.add(message)
        known.newest_ms = max(known.newest_ms, message.published_ms)
        return True

    def _acknowledged(self, received: Sequence[Received]) -> dict[Any, Any]:
        """Ids to acknowledge: in order the last one of each partition, else each of them."""
        if self._ordered:
            return {message.partition: message.raw.message_id() for message in received}
        return {(m.partition, m.place): m.raw.message_id() for m in received}


def origin(topic: str, partition: int, place: tuple[int, int, int]) -> str:
    """What a message is called in messages to users."""
    where = f"{topic}/{partition}" if partition >= 0 else topic
    ledger, entry, batch = place
    return f"{where}@{ledger}:{entry}" + (f":{batch}" if batch >= 0 else "")
