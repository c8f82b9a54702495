"""Durations of the REST contract: Go's syntax, with days and weeks as well."""

from __future__ import annotations

import re
from typing import Final

from engine.errors import UserError

_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w)")
_TEXT_MAX: Final = 64


def seconds(text: str, what: str = "duration") -> float:
    """Seconds of a text such as `300ms`, `-1.5h` or `2h45m`; `0` needs no unit.

    Raises UserError (400) that names `what` when the text is not a duration.
    """
    stripped = text.strip()
    sign = -1.0 if stripped.startswith("-") else 1.0
    rest = stripped[1:] if stripped[:1] in ("-", "+") else stripped
    if rest == "0":
        return 0.0
    total = 0.0
    position = 0
    while position < len(rest) <= _TEXT_MAX and (part := _PART.match(rest, position)):
        total += float(part[1]) * _SECONDS[part[2]]
        position = part.end()
    if not rest or position != len(rest):
        raise UserError(
            f"The {what} {text[:_TEXT_MAX]!r} is not a duration; write numbers with a unit of "
            "ns, us, ms, s, m, h, d or w, such as 200ms or 1h30m.",
            400,
            "orbit",
        )
    return sign * total
