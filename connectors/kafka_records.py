"""Rows of a sink as Kafka records, and records as batches that a broker takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from connectors.batching import Turn
from connectors.formats.contract import Encoder, Undecodable
from connectors.sink_contract import Refusal, SinkRow

EVENT_ID: Final = "X-Event-Id"


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `index`: of its row in the batch."""

    index: int
    value: bytes
    headers: list[tuple[str, bytes]]


async def records_of(
    rows: Sequence[SinkRow], encoder: Encoder
) -> tuple[list[Record], list[Refusal]]:
    """The records of all rows, but for those that cannot be written."""
    records: list[Record] = []
    refused: list[Refusal] = []
    turn = Turn()
    for index, row in enumerate(rows):
        if turn.is_over(len(row.values), sum(map(len, row.values))):
            await asyncio.sleep(0)
        try:
            value = encoder.encode(row.values)
        except Undecodable as error:
            refused.append(Refusal(index, f"{error.message[:1].upper()}{error.message[1:]}."))
            continue
        headers = [(EVENT_ID, row.event_id.encode())]
        headers += [(name, text.encode()) for name, text in row.headers]
        records.append(Record(index, value, headers))
    return records, refused


@dataclass(frozen=True, slots=True)
class Pack:
    """A record batch of the library, and the records in it."""

    builder: Any
    records: list[Record]


async def packs(producer: Any, records: Sequence[Record], *, alone: bool = False) -> list[Pack]:
    """The records in as few batches as a broker takes; one that is larger than those is alone, for
    the topic may take more. `alone`: each is."""
    found: list[Pack] = []
    turn = Turn()
    for record in records:
        if turn.is_over(1, len(record.value)):
            await asyncio.sleep(0)
        if alone or not found or not _append(found[-1].builder, record):
            found.append(Pack(producer.create_batch(), []))
            _append(found[-1].builder, record)
        found[-1].records.append(record)
    return found


def _append(builder: Any, record: Record) -> bool:
    added = builder.append(key=None, value=record.value, timestamp=None, headers=record.headers)
    return added is not None
