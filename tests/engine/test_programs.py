"""Random programs: the engine equals the reference interpreter.

Whatever the grouping of appends is, and wherever the query loses its memory and takes it up again.
In the full run 2,000 of them, else 400. Where their seeds begin follows from the commit, so that
others run after each; `TAILRACE_PROGRAM_SEED` says another beginning. A failing program prints its
seed and itself, made small, as a fixture.
"""

from __future__ import annotations

import pytest

from tests.engine.programs import Program
from tests.engine.programs_nested import FAMILIES, made
from tests.engine.programs_run import Rows, of_engine, of_reference
from tests.engine.programs_shrink import described, shrunk
from tests.engine.seeds import first_seed

FULL, SHORT = 2_000, 400


def _results(program: Program) -> tuple[Rows, Rows]:
    return of_reference(program), of_engine(program)


def _differs(program: Program) -> bool:
    expected, found = _results(program)
    return expected != found


def _check(family: str, seed: int) -> int:
    """Compare; the number of rows."""
    program = made(family, seed)
    expected, found = _results(program)
    if expected != found:
        small = shrunk(program, _differs)
        pytest.fail(f"{family}, seed {seed}:\n{described(small, *_results(small))}")
    return len(expected)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("family", FAMILIES)
def test_engine_equals_reference(family: str, full: bool) -> None:
    each = -(-(FULL if full else SHORT) // len(FAMILIES))
    first = first_seed()
    rows = sum(_check(family, seed) for seed in range(first, first + each))
    assert rows > each, "programs that give nothing test nothing"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_says_the_whole_program(family: str) -> None:
    assert described(made(family, 7), [], []) == described(made(family, 7), [], [])
