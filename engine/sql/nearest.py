"""What an unknown name was probably meant to be, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Below this likeness a guess confuses more than it helps.
LIKENESS_MIN = 0.7


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean NAME?` with the known name that is most like it, '' when none is."""
    close = difflib.get_close_matches(name[:200], list(known), 1, LIKENESS_MIN)
    return f"; did you mean {close[0]}?" if close else ""
