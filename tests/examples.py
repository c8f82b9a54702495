"""How many examples a property is tried with that needs more, or dearer ones, than the others."""

from __future__ import annotations

from hypothesis import settings

# What `--full` chooses for the other properties (tests/conftest.py).
FULL_FROM = 1_000
EXAMPLES_MIN = 5


def is_full() -> bool:
    """Whether this is the full run, also where there is no fixture yet to ask."""
    return settings.default.max_examples >= FULL_FROM


def examples(count: int) -> int:
    """`count` in the full run; two fifths of it in any other, where others are drawn each time or,
    in the gate, always the same."""
    if is_full():
        return count
    return max(EXAMPLES_MIN, count * 2 // 5)
