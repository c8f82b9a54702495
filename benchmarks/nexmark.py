"""Nexmark-like data: persons, auctions and bids in the standard mix of 1 : 3 : 46, from a seed.

Own generator. Event n belongs to round n // 50; a round has one person, three auctions and 46
bids. Half of the bids go to a hot auction, three quarters come from a hot bidder. The same seed,
rate and size give the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

PERSONS, AUCTIONS, BIDS = 1, 3, 46
ROUND = PERSONS + AUCTIONS + BIDS
FIRST_ID = 1_000
OPEN_AUCTIONS = 100
ACTIVE_PERSONS = 1_000
HOT_EVERY = 100
START_MS = 1_767_225_600_000

BID_COLUMNS = (
    "auction int64, bidder int64, price int64, channel string, url string, "
    "date_time datetime64(3), extra string"
)
BID_SCHEMA = pa.schema(
    [
        ("auction", pa.int64()),
        ("bidder", pa.int64()),
        ("price", pa.int64()),
        ("channel", pa.string()),
        ("url", pa.string()),
        ("date_time", pa.timestamp("ms")),
        ("extra", pa.string()),
    ]
)
_CHANNELS = ("google", "facebook", "baidu", "apple", *(f"channel-{i}" for i in range(2_000)))
_URLS = tuple(
    f"https://auctions.example/{name}/item.htm?query=1&channel_id={i * 7919 % 1_048_576}"
    for i, name in enumerate(_CHANNELS)
)
_NAMES = tuple(
    f"{a} {b}" for a in ("Ada", "Bo", "Cai", "Dee", "Eli") for b in ("Ash", "Elm", "Fir")
)
_STATES = ("az", "ca", "id", "or", "wa", "wy")

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shape:
    """`rate`: events a second of event time; `late_ms`: how far an event may be behind."""

    seed: int = 42
    rate: int = 100_000
    late_ms: int = 0


def rounds(events: int, shape: Shape) -> Iterator[tuple[np.random.Generator, Numbers]]:
    """Blocks of round numbers with a generator each: a block does not depend on the others."""
    per_block = 20_000
    total = events // ROUND
    for block, start in enumerate(range(0, total, per_block)):
        numbers = np.arange(start, min(start + per_block, total), dtype=np.int64)
        yield np.random.default_rng((shape.seed, block)), numbers


def bids(events: int, shape: Shape | None = None) -> Iterator[pa.RecordBatch]:
    """The bids of that many events, one batch per million events."""
    shape = shape or Shape()
    for random, numbers in rounds(events, shape):
        round_of = np.repeat(numbers, BIDS)
        count = len(round_of)
        slot = np.tile(np.arange(BIDS), len(numbers)) + PERSONS + AUCTIONS
        newest = FIRST_ID + round_of * AUCTIONS + AUCTIONS - 1
        cold = newest - random.integers(0, OPEN_AUCTIONS, count) % (newest - FIRST_ID + 1)
        hot = np.maximum(newest // HOT_EVERY * HOT_EVERY, FIRST_ID)
        person = FIRST_ID + round_of
        other = person - random.integers(0, ACTIVE_PERSONS, count) % (round_of + 1)
        famous = person // HOT_EVERY * HOT_EVERY + 1
        picked = np.where(
            random.random(count) < 0.5,
            random.integers(0, 4, count),
            random.integers(4, len(_CHANNELS), count),
        )
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(np.where(random.random(count) < 0.5, hot, cold)),
                pa.array(np.where(random.random(count) < 0.75, famous, other)),
                pa.array(prices(random, count)),
                _take(_CHANNELS, picked),
                _take(_URLS, picked),
                times(round_of * ROUND + slot, shape, random),
                letters(random, count, 20),
            ],
            schema=BID_SCHEMA,
        )


def persons(events: int, shape: Shape | None = None) -> Iterator[pa.RecordBatch]:
    """The persons of that many events: id, name, state, date_time, extra."""
    shape = shape or Shape()
    for random, numbers in rounds(events, shape):
        count = len(numbers)
        yield pa.record_batch(
            {
                "id": pa.array(FIRST_ID + numbers),
                "name": _take(_NAMES, random.integers(0, len(_NAMES), count)),
                "state": _take(_STATES, random.integers(0, len(_STATES), count)),
                "date_time": times(numbers * ROUND, shape, random),
                "extra": letters(random, count, 90),
            }
        )


def auctions(events: int, shape: Shape | None = None) -> Iterator[pa.RecordBatch]:
    """The auctions of that many events: id, seller, category, prices, times, extra."""
    shape = shape or Shape()
    for random, numbers in rounds(events, shape):
        round_of = np.repeat(numbers, AUCTIONS)
        count = len(round_of)
        slot = np.tile(np.arange(AUCTIONS), len(numbers))
        first = prices(random, count)
        opened = times(round_of * ROUND + PERSONS + slot, shape, random)
        length = pa.array(random.integers(1, 2_000, count), pa.int64())
        closes = pa.compute.add(opened.view(pa.int64()), length).view(pa.timestamp("ms"))
        yield pa.record_batch(
            {
                "id": pa.array(FIRST_ID + round_of * AUCTIONS + slot),
                "seller": pa.array(FIRST_ID + round_of),
                "category": pa.array(10 + random.integers(0, 5, count)),
                "initial_bid": pa.array(first),
                "reserve": pa.array(first + prices(random, count)),
                "date_time": opened,
                "expires": closes,
                "extra": letters(random, count, 190),
            }
        )


def times(numbers: Numbers, shape: Shape, random: np.random.Generator) -> pa.Array:
    """Event times of events by number."""
    ms = START_MS + numbers * 1_000 // shape.rate
    if shape.late_ms:
        ms = ms - random.integers(0, shape.late_ms + 1, len(ms))
    return pa.array(ms).view(pa.timestamp("ms"))


def prices(random: np.random.Generator, count: int) -> Numbers:
    """From 1 to 1,000,000 in hundredths, as often small as large (log-uniform)."""
    return np.rint(10.0 ** (random.random(count) * 6.0) * 100.0).astype(np.int64)


def letters(random: np.random.Generator, count: int, width: int) -> pa.Array:
    """Texts of one width, made in one piece."""
    data = (random.integers(0, 26, count * width, dtype=np.uint8) + ord("a")).tobytes()
    ends = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(data))


def batches(parts: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of one size; a shorter rest is left out."""
    rest: list[pa.RecordBatch] = []
    for part in parts:
        table = pa.Table.from_batches([*rest, part]).combine_chunks()
        whole = table.to_batches()[0]
        used = 0
        while used + rows <= whole.num_rows:
            yield whole.slice(used, rows)
            used += rows
        rest = [whole.slice(used)] if used < whole.num_rows else []


PARTS: dict[str, Callable[[int, Shape | None], Iterator[pa.RecordBatch]]] = {
    "bid": bids,
    "person": persons,
    "auction": auctions,
}


def write_csv(path: Path, stream: str, events: int, shape: Shape | None = None) -> int:
    """Write the rows of a stream (a key of PARTS) as CSV with a head; returns how many."""
    count = 0
    parts = PARTS[stream](events, shape)
    first = next(parts)
    with pyarrow.csv.CSVWriter(path, first.schema) as writer:
        for batch in chain((first,), parts):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _take(values: tuple[str, ...], at: Numbers) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(at))
