"""Units of series: numbers of one unit in another. Loads the library of units when first needed."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache, lru_cache
from tokenize import TokenError
from typing import Any, Final

import numpy as np
import pyarrow as pa

from engine.errors import UserError

# The library computes what stands in a unit's text: powers stay small, and nothing is called.
_PLAIN: Final = re.compile(r"[\w°%/*·^. +()-]{1,64}")
_POWER: Final = re.compile(r"(?:\^|\*\*)\s*\(?\s*-?\s*(\d+)|\d{4,}")
_POWER_MAX: Final = 9
# What the library raises; its own kinds are some of these as well.
_FAILURES: Final = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, SyntaxError,
    AssertionError, TokenError,
)  # fmt: skip
_PROBES: Final = np.array((0.0, 1.0))


def convert(values: pa.Array, given: str, wanted: str) -> pa.Array:
    """Values of one unit in another; UserError when the units measure different things, or one of
    them is not known. Blocks for a moment at the first call: for a thread."""
    if given.strip() == wanted.strip():
        return values
    offset, factor = _line(given.strip(), wanted.strip())
    found = values.to_numpy(zero_copy_only=False) * factor + offset
    return pa.array(found, pa.float64(), mask=values.is_null().to_numpy(zero_copy_only=False))


@lru_cache(maxsize=1024)
def _line(given: str, wanted: str) -> tuple[float, float]:
    """Units are a straight line of each other."""
    registry = _registry()
    start, end = _unit(registry, given), _unit(registry, wanted)
    if start.dimensionality != end.dimensionality:
        raise UserError(
            f"Values in '{given}' cannot be stored in a series in '{wanted}': these units measure "
            "different things."
        )
    try:
        zero, one = registry.Quantity(_PROBES, start).to(end).magnitude
    except _FAILURES:
        raise UserError(f"Values in '{given}' cannot be converted to '{wanted}'.") from None
    return float(zero), float(one - zero)


def _unit(registry: Any, text: str) -> Any:
    powers = [int(found[1] or 9999) for found in _POWER.finditer(text)]
    if _PLAIN.fullmatch(text) and all(power <= _POWER_MAX for power in powers):
        with suppress(*_FAILURES):
            return registry.Unit(text.replace("%", "percent"))
    raise UserError(
        f"The unit '{text[:64]}' is not known, so values cannot be converted. Leave 'unit' out to "
        "store them as they are."
    )


@cache
def _registry() -> Any:
    import pint

    # With offsets allowed: degrees are converted as points of their scales.
    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
