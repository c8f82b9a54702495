"""Random queries: a stream from its first row gives what the bounded query over it gives."""

from __future__ import annotations

import pytest

from tests.engine.programs_bounded import made, multiset, of_bounded
from tests.engine.programs_run import of_engine
from tests.engine.programs_shrink import described
from tests.engine.seeds import first_seed

FULL, SHORT = 200, 30


def test_streaming_equals_bounded(full: bool) -> None:
    first, rows = first_seed(), 0
    for seed in range(first, first + (FULL if full else SHORT)):
        streaming, bounded = made(seed)
        expected, found = of_bounded(bounded), of_engine(streaming)
        rows += len(expected)
        if multiset(bounded, expected) != multiset(streaming, found):
            pytest.fail(f"seed {seed}:\n{described(streaming, expected, found)}")
    assert rows > SHORT, "programs that give nothing test nothing"
