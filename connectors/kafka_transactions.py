"""Kafka transactions of a sink: a batch and the mark of its end become visible together, or not.

The mark is an offset that the transaction commits for a consumer group of the sink's own; its
metadata name the rows. What is sent again after a crash is known by it and not written twice.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from connectors import kafka_records
from connectors.kafka_records import Pack, Record
from connectors.sink_contract import SinkRow
from engine.protocol import Position

GROUP_PREFIX: Final = "tailrace-sink-"
# The mark belongs to this partition of the sink's topic, which each topic has.
MARK_PARTITION: Final = 0
# What a step of a transaction may take; then the producer is given up.
STEP_SECONDS: Final = 30.0
# It may be cut short: the next producer ends what is left.
ABORT_SECONDS: Final = 3.0
# How long a broker waits for the end of a transaction whose producer is gone.
TIMEOUT_MS: Final = 60_000


class _Mark(msgspec.Struct, frozen=True, array_like=True):
    """A batch: the event ids of its first and last row, the place of the last, and as bits the rows
    that were given up."""

    first: str
    last: str
    sn: int
    row: int
    refused: str = ""


class TooLarge(Exception):
    """The topic does not take these record batches. The producer that sent them is to be given up:
    its numbers have a gap now."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        super().__init__()
        self.packs = packs


class Transactions:
    """Delivers batches through a producer that has a transactional id. For one task at a time."""

    def __init__(self, producer: Any, topic: str, name: str) -> None:
        """`name`: what the mark is kept under, the same in each life of the sink."""
        self._producer = producer
        self._topic = topic
        self._group = GROUP_PREFIX + name
        self._mark: _Mark | None = None
        self._seen = 0  # rows of the marked batch that came again

    async def begin(self) -> None:
        """Shut out producers of former lives, whose open transaction ends by that, and learn which
        batch was the last; errors of the library, TimeoutError."""
        producer = self._producer
        async with asyncio.timeout(STEP_SECONDS):
            await producer.begin_transaction()
            await producer.abort_transaction()
            self._mark = await self._read()

    def known(self, rows: Sequence[SinkRow]) -> int:
        """How many of the rows the last transaction ended with."""
        if self._mark is None:
            return 0
        life, last = _life(self._mark.last), Position(self._mark.sn, self._mark.row)
        return sum(_life(row.event_id) == life and row.position <= last for row in rows)

    def given_up(self, rows: Sequence[SinkRow]) -> list[int]:
        """Those of them that were given up when they were known before. A batch that comes again
        may come in pieces, one after the other."""
        done = self.known(rows)
        if not done or self._mark is None:
            return []
        if rows[0].event_id == self._mark.first:
            self._seen = 0
        begin, self._seen = self._seen, self._seen + done
        bits = int.from_bytes(base64.b85decode(self._mark.refused), "little") >> begin
        return [at for at in range(done) if bits >> at & 1]

    async def write(
        self,
        rows: Sequence[SinkRow],
        records: Sequence[Record],
        given_up: Sequence[int],
        partition: int,
        *,
        alone: bool,
    ) -> None:
        """One transaction: records of the rows, and the mark that the rows are done but for those
        that are given up. TooLarge; errors of the library."""
        from aiokafka.errors import KafkaError

        producer = self._producer
        bits = sum(1 << index for index in given_up)
        text = base64.b85encode(bits.to_bytes((bits.bit_length() + 7) // 8, "little")).decode()
        last = rows[-1]
        mark = _Mark(rows[0].event_id, last.event_id, last.position.sn, last.position.row, text)
        try:
            async with asyncio.timeout(STEP_SECONDS):
                await producer.begin_transaction()
                await self._send(records, partition, alone=alone)
                await producer.send_offsets_to_transaction(self._offsets(rows, mark), self._group)
                await producer.commit_transaction()
        except BaseException:
            with contextlib.suppress(KafkaError, OSError, TimeoutError, AssertionError):
                async with asyncio.timeout(ABORT_SECONDS):
                    await producer.abort_transaction()
            raise
        self._mark = mark

    async def _send(self, records: Sequence[Record], partition: int, *, alone: bool) -> None:
        from aiokafka.errors import MessageSizeTooLargeError

        packs = await kafka_records.packs(self._producer, records, alone=alone)
        waiting = [
            await self._producer.send_batch(pack.builder, self._topic, partition=partition)
            for pack in packs
        ]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        failures = [each for each in found if isinstance(each, BaseException)]
        large = [
            pack
            for pack, each in zip(packs, found, strict=True)
            if isinstance(each, MessageSizeTooLargeError)
        ]
        if large:
            raise TooLarge(large)
        if failures:
            raise failures[0]

    def _offsets(self, rows: Sequence[SinkRow], mark: _Mark) -> dict[Any, Any]:
        from aiokafka.structs import OffsetAndMetadata, TopicPartition

        text = msgspec.json.encode(mark).decode()
        offset = OffsetAndMetadata(max(0, rows[-1].position.sn), text)
        return {TopicPartition(self._topic, MARK_PARTITION): offset}

    async def _read(self) -> _Mark | None:
        """The mark; none if there was none. An answer that says neither is an error: to take it for
        none would write a batch twice."""
        from aiokafka.client import ConnectionGroup, CoordinationType
        from aiokafka.errors import GroupCoordinatorNotAvailableError, for_code
        from aiokafka.protocol.commit import OffsetFetchRequest

        client = self._producer.client
        node = await client.coordinator_lookup(CoordinationType.GROUP, self._group)
        if not await client.ready(node, group=ConnectionGroup.COORDINATION):
            raise GroupCoordinatorNotAvailableError()
        request = OffsetFetchRequest(self._group, [(self._topic, [MARK_PARTITION])])
        answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
        found = [each for _, partitions in answer.topics for each in partitions]
        codes = [getattr(answer, "error_code", 0), *(each[3] for each in found)]
        if any(codes) or not found:
            raise for_code(next(filter(None, codes), -1))(f"no mark of {self._group}")
        offset, text = found[0][1], found[0][2]
        if offset < 0 or not text:
            return None
        try:
            return msgspec.json.decode(text, type=_Mark)
        except msgspec.DecodeError:
            return None  # somebody else's


def _life(event_id: str) -> str:
    """What an event id begins with: the sink and the life of its query, in which places grow."""
    return event_id.rsplit("-", 2)[0]
