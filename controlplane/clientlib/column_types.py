"""Type names of columns, read: families, inner types, parameters."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

WRAPPERS: Final = frozenset({"nullable", "low_cardinality"})
# A type nested deeper is no type of a column.
DEPTH_MAX: Final = 64
TYPES_CACHED: Final = 4096


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type without `nullable` and `low_cardinality` around it; these set `nullable` alone.

    `family`: int32, string, datetime64, decimal, array, tuple, map, ... `args`: inner types of
    array, map, tuple. `fields`: names of a tuple's fields, 1, 2, ... where there is none.
    `numbers`: parameters such as precision and scale. `zone`: display zone of a date-time.
    """

    family: str
    nullable: bool = False
    args: tuple[ColumnType, ...] = ()
    fields: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    zone: str = ""


@functools.lru_cache(maxsize=TYPES_CACHED)
def parse(text: str) -> ColumnType:
    """The type of this name; one of an unknown family has no args. ValueError if it has no form."""
    return _parse(text, 0)


def _parse(text: str, depth: int) -> ColumnType:
    if depth > DEPTH_MAX:
        raise ValueError(f"The type {text[:80]!r} is nested too deeply.")
    family, bracket, rest = text.strip().partition("(")
    family = family.strip()
    if not bracket:
        return ColumnType(family, nullable=family == "nothing")
    if not rest.rstrip().endswith(")"):
        raise ValueError(f"The type {text[:80]!r} has no closing bracket.")
    parts = _split(rest.rstrip()[:-1])
    if family in WRAPPERS:
        inner = _parse(parts[0], depth + 1)
        nullable = inner.nullable or family == "nullable"
        return ColumnType(
            inner.family, nullable, inner.args, inner.fields, inner.numbers, inner.zone
        )
    if family in ("array", "map"):
        return ColumnType(family, args=tuple(_parse(part, depth + 1) for part in parts))
    if family == "tuple":
        named = [_field(part, at) for at, part in enumerate(parts, 1)]
        types = tuple(_parse(kind, depth + 1) for _, kind in named)
        return ColumnType(family, args=types, fields=tuple(name for name, _ in named))
    numbers = tuple(int(part) for part in parts if part.strip().isdigit())
    quoted = [part.strip() for part in parts if part.strip().startswith("'")]
    zone = quoted[0][1:-1] if quoted and family in ("datetime", "datetime64") else ""
    return ColumnType(family, numbers=numbers, zone=zone)


def _field(part: str, at: int) -> tuple[str, str]:
    """Name and type of a tuple's field: `a int8`, `` `odd name` int8 `` or `int8` alone."""
    text = part.strip()
    if text.startswith("`"):
        end = _closing(text, 0)
        return _unquoted(text[1:end]), text[end + 1 :]
    head, blank, rest = text.partition(" ")
    # A name is one word before a type; `decimal(10, 2)` has its first blank within brackets.
    if blank and head.replace("_", "a").isalnum():
        return head, rest
    return str(at), text


def _closing(text: str, start: int) -> int:
    """Where the quote that opens at `start` closes."""
    at = start + 1
    while at < len(text) and text[at] != text[start]:
        at += 2 if text[at] == "\\" else 1
    if at >= len(text):
        raise ValueError(f"The type {text[:80]!r} has no closing quote.")
    return at


def _unquoted(text: str) -> str:
    pieces = text.split("\\\\")
    return "\\".join(piece.replace("\\", "") for piece in pieces)


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no bracket and no quote; [] of nothing."""
    parts: list[str] = []
    depth = start = at = 0
    while at < len(text):
        char = text[at]
        if char in "'`":
            at = _closing(text, at)
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    rest = text[start:]
    return [*parts, rest] if parts or rest.strip() else []
