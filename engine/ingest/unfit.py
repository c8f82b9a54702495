"""A value that does not fit its column: what converters raise and what the writer is told."""

from __future__ import annotations

from typing import Final

from engine.errors import Code, IngestError

SHOWN_CHARACTERS: Final = 60  # of a bad value in a message
WHY_CHARACTERS: Final = 400  # of what a converter says


class Unfit(ValueError):
    """A value that cannot be stored. `row` counts from 0, -1 = unknown; `column` is a place in
    the list of the given columns, -1 = unknown; `why` is a clause without a full stop."""

    def __init__(
        self, why: str, code: int = Code.INCORRECT_DATA, row: int = -1, column: int = -1
    ) -> None:
        super().__init__(why)
        self.why = why
        self.code = code
        self.row = row
        self.column = column

    def error(self, names: tuple[str, ...]) -> IngestError:
        """What the writer gets: row (from 1) and column named."""
        why = self.why[:WHY_CHARACTERS]
        place = [f"row {self.row + 1}"] if self.row >= 0 else []
        if 0 <= self.column < len(names):
            place.append(f"column '{names[self.column]}'")
        return IngestError(": ".join([", ".join(place), why] if place else [why]), self.code)


def shown(text: str) -> str:
    """A value as a message shows it: quoted, cut."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
    return repr(cut)


# What conversions of whole columns raise when a value does not fit.
CONVERSION_ERRORS = (ValueError, ArithmeticError, TypeError, NotImplementedError)
