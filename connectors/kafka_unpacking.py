"""Takes the records out of a Kafka consumer's answers: in a thread, so many bytes in one poll."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

from connectors.kafka_codecs import BATCH_BYTES_MAX, BatchTooLarge
from engine.errors import UserError

# What one poll hands over, by records and by their bytes: two full answers of a broker that are not
# compressed. What is beyond waits, packed, for the next poll. Beside it there is the one batch that
# the poll ended in: no other of the consumer is unpacked.
POLL_RECORDS: Final = 5_000
POLL_BYTES_MAX: Final = 16 << 20


class Unpacked:
    """Stands in for the library's iterator over an answer for one partition, which unpacks while it
    is asked: gives what a thread has unpacked before, and ends only when that was all."""

    def __init__(self, packed: Any, partition: Any) -> None:
        """`packed`: the library's own iterator."""
        self._packed = packed
        self._partition = partition
        self._ready: deque[Any] = deque()
        self._failure: Exception | None = None
        self.done = False  # nothing is packed any more
        self.begun = False
        # The library looks at it: where the partition goes on behind what was handed over.
        self.next_fetch_offset: int = packed.next_fetch_offset

    @property
    def ready(self) -> int:
        """Records that can be asked for."""
        return len(self._ready)

    def unpack(self, records: int, size: int) -> int:
        """Unpack until there are so many records, or so many bytes; the bytes. Blocks."""
        self.begun = True
        held = 0
        try:
            while len(self._ready) < records and held < size:
                record = next(self._packed)
                self._ready.append(record)
                held += _size(record)
        except StopIteration:
            self.done = True
        except BatchTooLarge:
            self._failure = self._too_large()
        except Exception as error:  # noqa: BLE001 - raised where it is asked for
            self._failure = error
        return held

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._ready:
            record = self._ready.popleft()
            self.next_fetch_offset = record.offset + 1
            return record
        if self._failure is not None:
            raise self._failure
        # Behind the last record there may be marks of transactions.
        self.next_fetch_offset = self._packed.next_fetch_offset
        raise StopIteration

    def _too_large(self) -> UserError:
        topic, number = self._partition
        return UserError(
            f"A record batch of the topic {topic}, partition {number}, from offset "
            f"{self._packed.next_fetch_offset} on, becomes larger than {BATCH_BYTES_MAX >> 20} MiB "
            "when it is unpacked, which is not read. Delete the records up to its end, and let its "
            "producer write smaller batches.",
            400,
            "orbit",
        )


async def arrived(consumer: Any, seconds: float) -> None:
    """Wait until there is an answer, or what went wrong; so long at most."""
    fetcher = consumer._fetcher
    if fetcher._records:
        return
    waiter = fetcher._create_fetch_waiter()
    try:
        await asyncio.wait([waiter], timeout=seconds)
    finally:
        waiter.cancel()


async def take(consumer: Any) -> dict[Any, list[Any]]:
    """Records of the answers that are there, by partition. Raises what the library raises, and a
    UserError for a batch that becomes too large; when there are records before it, next time."""
    from aiokafka import TopicPartition

    # Of none: tells what is wrong with the group, and lets go what others have now.
    await consumer.getmany(TopicPartition("", -1), timeout_ms=0)
    answers = consumer._fetcher._records
    found: dict[Any, Unpacked] = {}
    failed: list[Any] = []
    for partition, answer in list(answers.items()):
        packed = getattr(answer, "_partition_records", None)
        if packed is None:  # an error
            failed.append(partition)
            continue
        if not isinstance(packed, Unpacked):
            packed = answer._partition_records = Unpacked(packed, partition)
        found[partition] = packed
    # What was begun first: so one batch at most is held unpacked from poll to poll.
    ordered = sorted(found.items(), key=lambda each: not each[1].begun)
    if ordered:
        await asyncio.to_thread(_unpack, [each for _, each in ordered])
    polled: dict[Any, list[Any]] = {}
    for partition, each in ordered:
        if getattr(answers.get(partition), "_partition_records", None) is not each:
            continue  # others have the partition by now
        if each.ready or each.done or not polled:
            # Without a number up to its end, or to what cannot be unpacked.
            most = each.ready if each.ready and not each.done else None
            polled |= await consumer.getmany(partition, timeout_ms=0, max_records=most)
    for partition in failed:
        if not polled:
            polled |= await consumer.getmany(partition, timeout_ms=0)
    return polled


def _unpack(all_: Iterable[Unpacked]) -> None:
    """As far as one poll goes."""
    records, size = POLL_RECORDS, POLL_BYTES_MAX
    for each in all_:
        if records <= 0 or size <= 0:
            return
        size -= each.unpack(records, size)
        records -= each.ready


def _size(record: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.value or b"") + len(record.key or b"") + headers
