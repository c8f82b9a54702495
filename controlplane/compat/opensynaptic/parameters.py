"""Query parameters of the OpenSynaptic API: what cannot be used is never refused."""

from __future__ import annotations

from typing import Final

LIMIT_MAX: Final = 500
INT64_MAX: Final = (1 << 63) - 1
# The longest text that is read as a number: longer ones would take long, and mean nothing.
DIGITS_MAX: Final = 64


def _integer(text: str) -> int | None:
    try:
        return int(text) if len(text) <= DIGITS_MAX else None
    except ValueError:
        return None


def limit_of(text: str | None, default: int) -> int:
    """A limit from 1 to LIMIT_MAX; the default for what is no integer."""
    found = _integer((text or "").strip())
    return default if found is None else max(1, min(LIMIT_MAX, found))


def offset_of(text: str | None) -> int:
    """An offset, 0 for a negative one and for what is no integer."""
    found = _integer((text or "").strip())
    return 0 if found is None else max(0, min(INT64_MAX, found))


def second_of(text: str | None) -> int | None:
    """A bound in epoch seconds; None for what is no integer."""
    found = _integer((text or "").strip())
    return None if found is None else max(-INT64_MAX, min(INT64_MAX, found))


def filter_of(text: str | None) -> str:
    """A text to be equal to, '' for none."""
    return (text or "").strip()
