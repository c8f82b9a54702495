"""The hot tail that a reader cuts again and again: what is left, in few slices, rightly counted."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from engine.batch import StreamSlice
from engine.tail import HotTails


def part(sn: int, appends: int) -> StreamSlice:
    numbers = np.arange(sn, sn + appends)
    rows = pa.RecordBatch.from_pydict({"v": numbers.repeat(2)})
    return StreamSlice("s", rows, np.arange(appends + 1) * 2, numbers, numbers)


def numbers(tails: HotTails) -> list[int]:
    return [int(sn) for each in tails.slices("s", 0) for sn in each.sn]


def test_slices_that_are_left_are_joined_and_counted() -> None:
    rng, tails = random.Random(3), HotTails()
    sn = read = 0
    for _ in range(3_000):
        appends = rng.randint(1, 3)
        tails.add(part(sn, appends))
        sn += appends
        while tails.due:
            tails.tidy(1)
        if rng.random() < 0.3:
            read = rng.randint(read, min(sn, read + 4))
            tails.cut("s", read)
            assert numbers(tails) == list(range(read, sn))
    held = tails.slices("s", 0)
    assert len(held) < 150  # of some thousand appends
    fresh = HotTails()
    for each in held:
        fresh.add(each)
    assert tails.nbytes >= fresh.nbytes
    tails.cut("s", sn)
    assert (numbers(tails), tails.nbytes, tails.live_bytes) == ([], 0, 0)


def test_what_is_being_sealed_stays_as_it_was_handed_out() -> None:
    tails = HotTails()
    for sn in range(4):
        tails.add(part(sn, 1))
    sealed = tails.freeze()["s"]
    tails.add(part(4, 2))
    tails.cut("s", 3)
    assert [int(each.sn[0]) for each in sealed] == [0, 1, 2, 3]
    assert numbers(tails) == [3, 4, 5]
    tails.cut("s", 5)
    assert numbers(tails) == [5]
    tails.finish()
    assert numbers(tails) == [5]
